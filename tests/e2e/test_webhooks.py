"""Every webhook of Plaid, sent by the simulator to the running stack, and its effect on the connection."""

from __future__ import annotations

import hashlib
import json
import random
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from emulators.client import User, sign_up
from tests.e2e.bank import Bank, documents, wait_until
from tests.firestore_rest import Json

# Webhooks in Plaid's list (https://plaid.com/docs/api/webhooks/) that the backend acknowledges and stores without an
# effect.
QUIET: list[Json] = [
    {"webhook_type": "TRANSACTIONS", "webhook_code": "DEFAULT_UPDATE", "error": None, "new_transactions": 3},
    {"webhook_type": "TRANSACTIONS", "webhook_code": "TRANSACTIONS_REMOVED", "removed_transactions": ["T1"]},
    {"webhook_type": "TRANSACTIONS", "webhook_code": "RECURRING_TRANSACTIONS_UPDATE", "account_ids": ["A1"]},
    {"webhook_type": "ITEM", "webhook_code": "WEBHOOK_UPDATE_ACKNOWLEDGED", "new_webhook_url": "https://h/x"},
    {"webhook_type": "HOLDINGS", "webhook_code": "DEFAULT_UPDATE", "new_holdings": 19, "updated_holdings": 0},
    {"webhook_type": "INVESTMENTS_TRANSACTIONS", "webhook_code": "DEFAULT_UPDATE"},
    {"webhook_type": "LIABILITIES", "webhook_code": "DEFAULT_UPDATE"},
    {"webhook_type": "SOMETHING", "webhook_code": "OF_TOMORROW", "shape": [{"unheard": "of"}]},
]


@dataclass
class Linked:
    """A connection and the simulator's controls of its item."""

    bank: Bank
    user: User
    connection_id: str
    item_id: str

    def document(self) -> Json:
        return self.bank.store(self.user).get(f"bank_connections/{self.connection_id}") or {}

    def becomes(self, status: str, action: str | None = None) -> Json:
        """Wait until the connection document has these values."""

        def found() -> Json | None:
            document = self.document()
            return document if (document["status"], document.get("action")) == (status, action) else None

        try:
            document: Json = wait_until(f"{status}/{action}", found)
        except AssertionError as late:
            raise AssertionError(f"{late}: {self.document()}") from None
        return document

    def settles(self) -> None:
        """Wait until every webhook that was sent has been handled."""
        self.bank.wait_for_webhooks(self.item_id, self.connection_id)

    def stays(self, document: Json) -> None:
        """No webhook that was sent so far changes the connection."""
        self.settles()
        after = self.document()
        assert {k: after[k] for k in ("status", "action", "error_code")} == {
            k: document[k] for k in ("status", "action", "error_code")
        }

    def fails_again(self, *, after_run: int) -> None:
        """Wait until a later run than this one has failed."""

        def failed() -> bool:
            state = self.bank.admin.get(f"bank_sync_state/{self.connection_id}") or {}
            return bool(state["run"] > after_run and state["status"] == "failed")

        wait_until("a later run that failed", failed)

    def state(self, state: str, **more: object) -> None:
        self.bank.control("POST", f"items/{self.item_id}/state", state=state, **more)

    def webhook(self, code: str, kind: str = "ITEM", **more: object) -> None:
        self.bank.control("POST", f"items/{self.item_id}/webhook", webhook_type=kind, webhook_code=code, **more)

    def fault(self, mode: str, code: str, **more: object) -> None:
        self.bank.control("POST", "webhooks/faults", mode=mode, item_id=self.item_id, webhook_code=code, **more)

    def notifications(self) -> list[str]:
        answer = self.bank.writer(self.user).query("bank_notifications", parent=f"users/{self.user.uid}")
        return sorted(d["kind"] for d in documents(answer) if d["kind"] != "first_sync_done")

    def audit(self) -> list[Json]:
        answer = self.bank.backend.query("bank_audit_entries", parent=f"bank_audit/{self.user.uid}")
        return sorted(documents(answer), key=lambda entry: entry["seq"])

    def inbox(self) -> list[Json]:
        kept = documents(self.bank.backend.query("bank_webhook_inbox"))
        return [delivery for delivery in kept if delivery.get("connection_id") == self.connection_id]


BRITISH = "ins_117650"


def link(bank: Bank, **login: str) -> Linked:
    """A new connection, in sync."""
    user = sign_up(bank.http, bank.stack.ports)
    generated = {"username": "user_generated", "password": json.dumps({"transactions": 12, "seed": 5})}
    made = bank.connect(user, **generated | login)["connection_id"]
    bank.wait_until_synced(user, made)
    bank.rests(made)
    item_id = (bank.admin.get(f"bank_connections/{made}") or {})["item_id"]
    return Linked(bank, user, made, item_id)


@pytest.fixture
def linked(bank: Bank) -> Linked:
    return link(bank)


@pytest.fixture(scope="module")
def lasting(bank: Bank) -> Linked:
    return link(bank)


@pytest.fixture
def well(bank: Bank, lasting: Linked) -> Linked:
    """A connection that several tests share: each finds it healthy and idle, and leaves it healthy."""
    lasting.becomes("good")
    lasting.settles()
    bank.rests(lasting.connection_id)
    return lasting


def test_login_broken_and_repaired_outside_the_app_is_noticed(bank: Bank, linked: Linked) -> None:
    linked.state("login_required")
    broken = linked.becomes("bad", "reconnect")
    assert (broken["error_type"], broken["error_code"]) == ("ITEM_ERROR", "ITEM_LOGIN_REQUIRED")
    repaired_at = datetime.now(UTC)
    linked.state("healthy", announce=True)
    good = linked.becomes("good")
    assert good.get("error_code") is None
    bank.wait_until_synced(linked.user, linked.connection_id, after=repaired_at)
    assert linked.notifications() == ["needs_repair", "repaired"]
    moves = [entry["details"] for entry in linked.audit() if entry["action"] == "status_changed"]
    assert [(move["from"], move["to"]) for move in moves] == [("good", "bad"), ("bad", "good")]
    chain = linked.audit()
    assert [entry["previous"] for entry in chain[1:]] == [entry["hash"] for entry in chain[:-1]]


def test_a_consent_ends_soon_and_a_sync_does_not_hide_it(bank: Bank) -> None:
    linked = link(bank, institution_id=BRITISH)
    linked.state("expiring", in_seconds=6 * 86400)
    pending = linked.becomes("pending_expiration", "reconnect")
    left = pending["consent_expiration_time"] - datetime.now(UTC)
    assert timedelta(days=5) < left < timedelta(days=7)
    began = datetime.now(UTC)
    linked.webhook("SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")
    bank.wait_until_synced(linked.user, linked.connection_id, after=began)
    linked.stays(pending)
    assert linked.notifications() == ["expiring"]


def test_a_disconnect_is_announced_and_update_mode_clears_it(bank: Bank, linked: Linked) -> None:
    linked.state("expiring", in_seconds=6 * 86400)  # American banks send this event
    linked.becomes("pending_disconnect", "reconnect")
    answer = bank.rest("POST", f"connections/{linked.connection_id}/reconnected", linked.user)
    assert (answer.status_code, answer.json()) == (200, {"status": "good"})
    linked.becomes("good")
    again = bank.call("reconnect_connection", {"connection_id": linked.connection_id}, linked.user)
    assert again.json() == {"result": {"status": "good"}}


def test_missing_consent_is_reported_once_and_its_action_resolves_it(bank: Bank, linked: Linked) -> None:
    linked.state("consent_missing")
    linked.webhook("SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")
    missing = linked.becomes("good", "reconnect")
    assert missing["error_code"] == "ADDITIONAL_CONSENT_REQUIRED"
    reconnected = f"connections/{linked.connection_id}/reconnected"
    for _ in range(2):  # the user has completed Link without giving the consent
        runs = bank.admin.get(f"bank_sync_state/{linked.connection_id}") or {}
        assert bank.rest("POST", reconnected, linked.user).json() == {"status": "good", "action": "reconnect"}
        linked.fails_again(after_run=runs["run"])
    assert linked.notifications() == ["needs_repair"]

    followed_at = datetime.now(UTC)
    asked = bank.rest("GET", f"connect?connection_id={linked.connection_id}", linked.user).json()
    bank.control("POST", f"link/{asked['link_token']}/finish")
    assert bank.rest("POST", reconnected, linked.user).json() == {"status": "good"}
    bank.wait_until_synced(linked.user, linked.connection_id, after=followed_at)
    assert linked.becomes("good").get("error_code") is None
    assert linked.notifications() == ["needs_repair"]


def test_new_accounts_are_offered_chosen_in_update_mode_and_arrive(bank: Bank, linked: Linked) -> None:
    before = set(linked.document()["account_ids"])
    new = {"type": "depository", "subtype": "savings", "meta": {"name": "Rainy day"}, "starting_balance": 50}
    bank.control("POST", f"items/{linked.item_id}/accounts", offer=[new])
    linked.becomes("good", "select_accounts")
    query = f"connect?connection_id={linked.connection_id}"  # the action asks the user to select accounts
    link_token = bank.rest("GET", query, linked.user).json()["link_token"]
    bank.control("POST", f"link/{link_token}/finish")
    answer = bank.rest("POST", f"connections/{linked.connection_id}/reconnected", linked.user)
    assert answer.json() == {"status": "good"}
    wait_until("the new account", lambda: len(set(linked.document()["account_ids"]) - before) == 1)
    bank.wait_until_equal(linked.user, linked.connection_id)
    linked.becomes("good")


def test_revoked_account_is_removed_with_its_transactions(bank: Bank, linked: Linked) -> None:
    truth = bank.truth(linked.item_id)
    gone = truth["transactions"][0]["account_id"]
    bank.control("POST", f"items/{linked.item_id}/accounts", revoke=[gone])
    wait_until("the account is gone", lambda: gone not in linked.document()["account_ids"])
    bank.wait_until_equal(linked.user, linked.connection_id)
    # A sync may find the account gone before the webhook is handled; then the user is notified a moment later.
    wait_until("the notification", lambda: linked.notifications() == ["account_revoked"])


def test_a_revoked_account_that_is_shared_again_has_its_history_and_odd_values_stop_nothing(bank: Bank) -> None:
    """The webhook is late: Plaid still holds the account, and never sends its rows again."""

    def account(name: str, *descriptions: str) -> Json:
        day = str(datetime.now(UTC).date() - timedelta(days=3))
        rows = [{"date_posted": day, "amount": 5, "description": text, "currency": "USD"} for text in descriptions]
        return {"type": "depository", "subtype": "savings", "meta": {"name": name}, "transactions": rows}

    def names() -> set[str]:
        found = bank.backend.query("bank_transactions", parent=f"bank_connections/{shared.connection_id}")
        return {row["name"] for row in documents(found)}

    password = json.dumps({"override_accounts": [account("Daily", "d1"), account("Save", "s1", "s2")]})
    shared = link(bank, username="user_custom", password=password)
    save = next(one["account_id"] for one in bank.truth(shared.item_id)["accounts"] if one["name"] == "Save")
    shared.webhook("USER_ACCOUNT_REVOKED", account_id=save)
    wait_until("the account is gone", lambda: names() == {"d1"})
    query = f"connect?connection_id={shared.connection_id}&account_selection=true"
    link_token = bank.rest("GET", query, shared.user).json()["link_token"]
    bank.control("POST", f"link/{link_token}/finish")
    bank.rest("POST", f"connections/{shared.connection_id}/reconnected", shared.user).raise_for_status()
    odd = {"name": "odd", "account_id": save, "authorized_datetime": "0001-01-01T00:00:00+01:00"}
    worse = {"name": "worse", "account_id": save, "odd": {"amount": None}}
    bank.control("POST", f"items/{shared.item_id}/transactions", add=[odd, worse, {"name": "s4", "account_id": save}])
    wait_until("all of it", lambda: names() == {"d1", "s1", "s2", "s4", "odd"})
    wait_until("its end", lambda: bank.progress(shared.user, shared.connection_id)["status"] == "completed")
    kept = documents(bank.backend.query("bank_set_aside"))
    assert [one["field"] for one in kept if one["connection_id"] == shared.connection_id] == ["amount"]
    assert bank.store(shared.user).get(f"bank_sync_progress/{shared.connection_id}")


def test_a_revoked_permission_leaves_the_document_and_nothing_else(bank: Bank, linked: Linked) -> None:
    linked.state("revoked")
    gone = linked.becomes("error", "relink")
    assert gone["error_code"] == "USER_PERMISSION_REVOKED"

    def left() -> bool:
        store, root = bank.admin, f"bank_connections/{linked.connection_id}"
        accounts = documents(bank.backend.query("bank_accounts", parent=root))
        credentials = store.get(f"bank_credentials/{linked.connection_id}")
        return bool(accounts or bank.transactions(linked.user, parent=root) or credentials)

    wait_until("the data is purged", lambda: not left())
    answer = bank.rest("POST", f"connections/{linked.connection_id}/reconnected", linked.user)
    assert (answer.status_code, answer.json()["error"]["details"]["code"]) == (400, "relink_required")
    linked.webhook("SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")
    linked.stays(gone)
    assert not left()
    assert linked.notifications() == ["revoked"]


@pytest.mark.parametrize("code", ["INITIAL_UPDATE", "HISTORICAL_UPDATE", "SYNC_UPDATES_AVAILABLE"])
def test_transactions_webhooks_start_a_sync_if_they_announce_new_data(bank: Bank, well: Linked, code: str) -> None:
    before, known = bank.admin.get(f"bank_sync_state/{well.connection_id}") or {}, len(well.inbox())
    bank.control("POST", f"items/{well.item_id}/transactions", add=[{"amount": 4.2, "name": "News"}], notify=False)
    well.webhook(code, "TRANSACTIONS", new_transactions=1)
    if code == "SYNC_UPDATES_AVAILABLE":
        bank.wait_until_equal(well.user, well.connection_id)
    else:  # the history is complete, so these webhooks have no effect
        well.settles()
        assert len(well.inbox()) == known + 1
        after = bank.admin.get(f"bank_sync_state/{well.connection_id}") or {}
        assert after["requested"] == before["requested"]


def test_webhooks_without_an_effect_are_acknowledged_and_stored_once(bank: Bank, well: Linked) -> None:
    before, known = well.document(), len(well.inbox())
    sent_to = f"webhooks?item_id={well.item_id}"
    for body in QUIET:  # one after the other: sent at once, each would start its own worker
        bank.control("POST", f"items/{well.item_id}/webhook", **body)
        wait_until("its delivery", lambda: bank.control("GET", sent_to)["webhooks"][-1]["outcomes"])
    assert len(well.inbox()) == known + len(QUIET)
    sent = bank.control("GET", sent_to)["webhooks"][-len(QUIET) :]
    assert [webhook["outcomes"] for webhook in sent] == [[200]] * len(QUIET)
    assert well.document() == before


@pytest.mark.parametrize("mode", ["duplicate", "reorder", "delay", "wrong_signature", "old_iat", "altered_body"])
def test_status_matches_the_item_however_webhooks_are_delivered(bank: Bank, well: Linked, mode: str) -> None:
    more: dict[str, object] = {"seconds": 3} if mode == "delay" else {}
    well.fault(mode, "ERROR", **more)
    well.state("login_required")
    well.state("healthy", announce=True)
    bank.control("POST", "clock", advance_seconds=6)  # the webhooks that were kept back are sent
    well.settles()
    settled = well.becomes("good")
    well.state("login_required")
    well.becomes("bad", "reconnect")
    well.state("healthy", announce=True)
    assert well.becomes("good")["error_code"] == settled["error_code"]


def test_daily_check_finds_the_change_of_a_dropped_webhook(bank: Bank, linked: Linked) -> None:
    linked.fault("drop", "ERROR")
    linked.state("login_required")
    linked.stays(linked.document())
    bank.deliver("checkitem", connection_id=linked.connection_id)
    linked.becomes("bad", "reconnect")


def test_a_flood_of_forged_webhooks_costs_plaid_a_handful_of_calls_and_does_nothing(bank: Bank, well: Linked) -> None:
    before, known = well.document(), len(well.inbox())
    asked = _key_fetches(bank)
    key = ec.generate_private_key(ec.SECP256R1())
    rng = random.Random(7)
    url = f"{bank.stack.ports.url('hosting')}/api/v1/bank/webhook"
    body = json.dumps(
        {"webhook_type": "ITEM", "webhook_code": "USER_PERMISSION_REVOKED", "item_id": well.item_id}
    ).encode()
    answers = set()
    for _ in range(500):
        claims = {"iat": int(time.time()), "request_body_sha256": hashlib.sha256(body).hexdigest()}
        kid = str(uuid.UUID(int=rng.getrandbits(128)))
        signed = jwt.encode(claims, key, algorithm="ES256", headers={"kid": kid})
        headers = {"Plaid-Verification": signed, "Content-Type": "application/json"}
        answers.add(bank.http.post(url, content=body, headers=headers).status_code)
    assert answers == {401, 503}  # more key look-ups than allowed per minute fail: Plaid would deliver again
    assert _key_fetches(bank) - asked <= 12
    assert well.document() == before
    assert len(well.inbox()) == known


def _key_fetches(bank: Bank) -> int:
    counters: dict[str, Any] = bank.control("GET", "counters")
    calls: int = counters["endpoints"].get("/webhook_verification_key/get", 0)
    return calls
