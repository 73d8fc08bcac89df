"""Webhooks from the receiver's side; signatures are checked by PyJWT."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from typing import Any

import jwt
import pytest

from emulators.plaid import webhooks

from .harness import BANK, Linked, Received, Receiver, Refused, Sim

SYNC = "TRANSACTIONS/SYNC_UPDATES_AVAILABLE"
Json = dict[str, Any]


def verify(sim: Sim, got: Received) -> Json:
    """Verify a webhook as a careful receiver does; returns the claims."""
    token = got.headers["plaid-verification"]
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["typ"]) == ("ES256", "JWT")
    key = sim.call("/webhook_verification_key/get", key_id=header["kid"])["key"]
    claims: Json = jwt.decode(token, jwt.PyJWK(key).key, algorithms=["ES256"])
    assert abs(time.time() - claims["iat"]) < 300, "iat is too old"
    assert claims["request_body_sha256"] == hashlib.sha256(got.raw).hexdigest(), "the body was altered"
    return claims


@pytest.fixture
def item(sim: Sim, receiver: Receiver) -> Linked:
    """An item whose first webhooks have arrived and were discarded."""
    linked = sim.generated(100, webhook=receiver.url)
    linked.sync()
    receiver.wait_for(2)
    receiver.received.clear()
    return linked


def order(sim: Sim, mode: str, **more: Any) -> None:
    sim.control("/webhooks/faults", mode=mode, **more)


def touch(item: Linked, count: int = 1) -> None:
    for _ in range(count):
        item.control("state", state="healthy", announce=True)


def test_a_new_item_announces_its_history(sim: Sim, receiver: Receiver) -> None:
    linked = sim.generated(100, webhook=receiver.url)
    total = sum(got.body["new_transactions"] for got in receiver.wait_for(2))
    assert receiver.codes() == ["TRANSACTIONS/INITIAL_UPDATE", "TRANSACTIONS/HISTORICAL_UPDATE"]
    assert total == len(linked.truth()["transactions"])


def test_sync_updates_are_announced_after_the_first_sync_only(sim: Sim, receiver: Receiver) -> None:
    linked = sim.generated(100, webhook=receiver.url, ready=False)
    linked.sync()
    sim.advance(10)
    flags = [
        (got.body["initial_update_complete"], got.body["historical_update_complete"])
        for got in receiver.wait_for(4)
        if got.code == SYNC
    ]
    assert flags == [(True, False), (True, True)]


def test_a_webhook_is_signed_over_its_two_space_json(sim: Sim, item: Linked, receiver: Receiver) -> None:
    touch(item)
    [got] = receiver.wait_for(1)
    verify(sim, got)
    assert got.raw == json.dumps(got.body, indent=2).encode()
    assert got.body == {
        "webhook_type": "ITEM",
        "webhook_code": "LOGIN_REPAIRED",
        "item_id": item.item_id,
        "environment": "sandbox",
    }
    assert got.headers["content-type"] == "application/json"


def test_the_bodies_have_the_documented_keys(sim: Sim, item: Linked, receiver: Receiver) -> None:
    row = item.truth()["transactions"][0]
    item.control("transactions", add=[{"amount": 1}], remove=[row["transaction_id"]])
    item.call("/sandbox/item/reset_login")
    item.control("state", state="healthy")
    item.control("state", state="expiring", in_seconds=8 * 86400)
    sim.advance(1.5 * 86400)
    item.control("accounts", offer=[{"type": "depository"}])
    item.control("accounts", revoke=[item.account_ids()[0]])
    item.call("/item/webhook/update", webhook=receiver.url)
    item.control("state", state="revoked")
    sim.advance(0)  # waits for all pending deliveries
    item_error = {"display_message", "error_code", "error_code_reason", "error_message", "error_type", "status"}
    keys = {
        got.code: set(got.body) - {"webhook_type", "webhook_code", "item_id", "environment"}
        for got in receiver.received
    }
    assert keys == {
        SYNC: {"initial_update_complete", "historical_update_complete"},
        "TRANSACTIONS/DEFAULT_UPDATE": {"error", "new_transactions"},
        "TRANSACTIONS/TRANSACTIONS_REMOVED": {"error", "removed_transactions"},
        "ITEM/ERROR": {"error"},
        "ITEM/PENDING_DISCONNECT": {"reason", "disconnect_time"},
        "ITEM/NEW_ACCOUNTS_AVAILABLE": {"error"},
        "ITEM/USER_ACCOUNT_REVOKED": {"account_id"},
        "ITEM/WEBHOOK_UPDATE_ACKNOWLEDGED": {"error", "new_webhook_url"},
        "ITEM/USER_PERMISSION_REVOKED": {"error"},
    }
    errors = {got.code: got.body["error"] for got in receiver.received if got.body.get("error")}
    assert set(errors["ITEM/ERROR"]) == item_error
    assert set(errors["ITEM/USER_PERMISSION_REVOKED"]) == item_error - {"error_code_reason"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("DEFAULT_UPDATE", None),
        ("DEFAULT_UPDATE", "HOLDINGS"),
        ("DEFAULT_UPDATE", "INVESTMENTS_TRANSACTIONS"),
        ("DEFAULT_UPDATE", "LIABILITIES"),
        ("NEW_ACCOUNTS_AVAILABLE", "ITEM"),
        ("USER_PERMISSION_REVOKED", "ITEM"),
        ("USER_ACCOUNT_REVOKED", "ITEM"),
        ("PENDING_DISCONNECT", "ITEM"),
        ("LOGIN_REPAIRED", "ITEM"),
        ("SYNC_UPDATES_AVAILABLE", "TRANSACTIONS"),
        ("RECURRING_TRANSACTIONS_UPDATE", "TRANSACTIONS"),
        ("SMS_MICRODEPOSITS_VERIFICATION", "AUTH"),
        ("PRODUCT_READY", "ASSETS"),
        ("ERROR", "ASSETS"),
    ],
)
def test_fire_webhook_sends_the_message_and_changes_nothing(
    item: Linked, receiver: Receiver, code: str, kind: str | None
) -> None:
    more = {"webhook_type": kind} if kind else {}
    assert item.call("/sandbox/item/fire_webhook", webhook_code=code, **more)["webhook_fired"]
    [got] = receiver.wait_for(1)
    assert got.code == f"{kind or 'TRANSACTIONS'}/{code}"
    assert item.call("/item/get")["item"]["error"] is None


def test_fire_webhook_needs_a_webhook_and_a_healthy_item(sim: Sim, item: Linked) -> None:
    with pytest.raises(Refused) as refused:
        sim.link().call("/sandbox/item/fire_webhook", webhook_code="DEFAULT_UPDATE")
    assert refused.value.code == "SANDBOX_WEBHOOK_INVALID"
    item.call("/sandbox/item/reset_login")
    with pytest.raises(Refused) as refused:
        item.call("/sandbox/item/fire_webhook", webhook_code="DEFAULT_UPDATE")
    assert refused.value.code == "ITEM_LOGIN_REQUIRED"


def test_a_new_url_gets_the_acknowledgement_and_null_gets_nothing(sim: Sim, item: Linked, receiver: Receiver) -> None:
    item.call("/item/webhook/update", webhook=receiver.url + "/new")
    [got] = receiver.wait_for(1)
    assert got.body["new_webhook_url"] == receiver.url + "/new"
    assert item.call("/item/webhook/update", webhook=None)["item"]["webhook"] is None
    touch(item)
    sim.advance(0)
    assert len(receiver.received) == 1


def test_hosted_link_announces_its_session(sim: Sim, receiver: Receiver) -> None:
    token = sim.call(
        "/link/token/create",
        client_name="An app",
        language="en",
        country_codes=["US"],
        user={"client_user_id": "u"},
        products=["transactions"],
        hosted_link={},
        webhook=receiver.url,
    )["link_token"]
    public_token = sim.control(f"/link/{token}/finish", institution_id=BANK)["public_token"]
    by_code = {got.code: got.body for got in receiver.wait_for(3)}
    assert by_code["LINK/ITEM_ADD_RESULT"]["public_token"] == public_token
    assert by_code["LINK/SESSION_FINISHED"]["public_tokens"] == [public_token]
    assert by_code["LINK/SESSION_FINISHED"]["status"] == "SUCCESS"
    assert by_code["LINK/EVENTS"]["events"][-1]["event_name"] == "HANDOFF"


def test_failed_delivery_is_retried_after_30_s_and_then_four_times_as_long_each_time(
    sim: Sim, item: Linked, receiver: Receiver
) -> None:
    receiver.answer = lambda _: 500
    touch(item)
    receiver.wait_for(1)
    for count, delay in enumerate((30, 120, 480, 1920, 7680, 30720), start=1):
        sim.advance(delay - 10)
        assert len(receiver.received) == count
        sim.advance(10.5)
        assert len(receiver.received) == count + 1
    sim.advance(200_000)
    assert len(receiver.received) == 7
    for got in receiver.received:
        verify(sim, got)
    assert sim.look(f"/webhooks?item_id={item.item_id}")["webhooks"][-1]["state"] == "given up"


def test_moving_the_clock_runs_all_retries_until_then(sim: Sim, item: Linked, receiver: Receiver) -> None:
    receiver.answer = lambda _: 500
    touch(item)
    receiver.wait_for(1)
    sim.advance(100_000)
    assert len(receiver.received) == 7


def test_a_retry_that_succeeds_is_the_last(sim: Sim, item: Linked, receiver: Receiver) -> None:
    receiver.answer = lambda _: 503 if len(receiver.received) == 1 else 200
    touch(item)
    receiver.wait_for(1)
    sim.advance(100_000)
    assert len(receiver.received) == 2


def test_unreachable_or_hanging_receiver_blocks_nothing(sim: Sim, receiver: Receiver) -> None:
    released = threading.Event()

    def hang(_: Received) -> int:
        released.wait(30)
        return 200

    receiver.answer = hang
    for url, outcomes in (("http://127.0.0.1:9/unreachable", ["ConnectError"]), (receiver.url, [])):
        linked = sim.generated(10, webhook=url, ready=False)
        linked.call("/item/webhook/update", webhook=url)
        linked.control("state", state="login_required")
        if url != receiver.url:
            sim.advance(0)
        deliveries = sim.look(f"/webhooks?item_id={linked.item_id}")["webhooks"]
        assert [one["outcomes"] for one in deliveries] == [outcomes] * 2, "a call has waited for its webhook"
    released.set()


def test_slow_receiver_counts_as_failed(
    sim: Sim, item: Linked, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert webhooks.ANSWER_WITHIN == 10
    monkeypatch.setattr(webhooks, "ANSWER_WITHIN", 0.2)
    failed = threading.Event()

    def hang(_: Received) -> int:
        failed.wait(30)
        return 200

    receiver.answer = hang
    touch(item)
    sim.advance(0)
    failed.set()
    [*_, delivery] = sim.look(f"/webhooks?item_id={item.item_id}")["webhooks"]
    assert (delivery["outcomes"], delivery["state"]) == (["TimeoutError"], "waiting for a retry")
    monkeypatch.undo()
    receiver.answer = lambda _: 200
    sim.advance(31)
    assert len(receiver.received) == 2


def test_duplicate(sim: Sim, item: Linked, receiver: Receiver) -> None:
    order(sim, "duplicate")
    touch(item)
    first, second = receiver.wait_for(2)
    assert first.raw == second.raw
    verify(sim, second)


def test_drop(sim: Sim, item: Linked, receiver: Receiver) -> None:
    order(sim, "drop", webhook_code="LOGIN_REPAIRED")
    touch(item, 2)
    sim.advance(0)
    assert len(receiver.received) == 1


def test_delay(sim: Sim, item: Linked, receiver: Receiver) -> None:
    order(sim, "delay", seconds=3600)
    touch(item)
    sim.advance(3590)
    assert receiver.received == []
    sim.advance(20)
    assert receiver.codes() == ["ITEM/LOGIN_REPAIRED"]


def test_reorder(sim: Sim, item: Linked, receiver: Receiver) -> None:
    order(sim, "reorder")
    item.call("/sandbox/item/fire_webhook", webhook_code="NEW_ACCOUNTS_AVAILABLE")
    item.call("/sandbox/item/fire_webhook", webhook_code="LOGIN_REPAIRED")
    receiver.wait_for(2)
    assert receiver.codes() == ["ITEM/LOGIN_REPAIRED", "ITEM/NEW_ACCOUNTS_AVAILABLE"]


def test_wrong_signature(sim: Sim, item: Linked, receiver: Receiver) -> None:
    order(sim, "wrong_signature")
    touch(item)
    with pytest.raises(jwt.InvalidSignatureError):
        verify(sim, receiver.wait_for(1)[0])


def test_old_iat(sim: Sim, item: Linked, receiver: Receiver) -> None:
    order(sim, "old_iat")
    touch(item)
    with pytest.raises(AssertionError, match="iat is too old"):
        verify(sim, receiver.wait_for(1)[0])


def test_altered_body(sim: Sim, item: Linked, receiver: Receiver) -> None:
    order(sim, "altered_body")
    touch(item)
    with pytest.raises(AssertionError, match="the body was altered"):
        verify(sim, receiver.wait_for(1)[0])


def test_unknown_kid(sim: Sim, item: Linked, receiver: Receiver) -> None:
    order(sim, "unknown_kid")
    touch(item)
    with pytest.raises(Refused) as refused:
        verify(sim, receiver.wait_for(1)[0])
    assert refused.value.code == "INVALID_WEBHOOK_VERIFICATION_KEY_ID"


def test_faults_are_used_up_and_can_be_for_one_item(sim: Sim, item: Linked, receiver: Receiver) -> None:
    other = sim.generated(5, webhook=receiver.url)
    receiver.wait_for(2)
    receiver.received.clear()
    order(sim, "drop", item_id=item.item_id, times=2)
    touch(item, 2)
    touch(other)
    touch(item)
    receiver.wait_for(2)
    assert sorted(got.body["item_id"] for got in receiver.received) == sorted([other.item_id, item.item_id])
    assert sim.look("/webhooks/faults") == {"faults": []}


def test_a_rotated_key_signs_and_the_old_one_is_marked_expired(sim: Sim, item: Linked, receiver: Receiver) -> None:
    touch(item)
    receiver.wait_for(1)
    rotated = sim.control("/webhooks/rotate_key")
    touch(item)
    old, new = (jwt.get_unverified_header(got.headers["plaid-verification"])["kid"] for got in receiver.wait_for(2))
    assert (old, new) == (rotated["retired"], rotated["current"])
    keys = {kid: sim.call("/webhook_verification_key/get", key_id=kid)["key"] for kid in (old, new)}
    assert keys[old]["expired_at"] <= time.time()
    assert keys[new]["expired_at"] is None
    assert {key["crv"] for key in keys.values()} == {"P-256"}


def test_an_unknown_key_id_is_refused(sim: Sim) -> None:
    with pytest.raises(Refused) as refused:
        sim.call("/webhook_verification_key/get", key_id="unknown")
    assert (refused.value.status, refused.value.code) == (400, "INVALID_WEBHOOK_VERIFICATION_KEY_ID")


def test_the_receiver_sees_the_last_webhook_in_the_items_status(item: Linked, receiver: Receiver) -> None:
    touch(item)
    receiver.wait_for(1)
    assert item.call("/item/get")["status"]["last_webhook"]["code_sent"] == "LOGIN_REPAIRED"
