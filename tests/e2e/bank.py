"""Shared by the end-to-end tests: the public API as raw requests, the store, and the simulator's controls.

`differences` compares the store with the bank. It is written from the contract and Plaid's documentation, and shares no
code with the backend that writes the store.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from emulators.client import Firestore, PlaidSandbox, User, decode_fields
from emulators.countries import COUNTRIES
from emulators.environment import scheduled_url
from emulators.ports import PROJECT, REGION
from emulators.stack import Stack
from tests.e2e.comparison import Number, account_document, compared, transaction_document, unequal
from tests.firestore_rest import BACKEND, Client, Json

DATA = Path(__file__).parent.parent / "data"
INSTITUTION = "ins_109508"
USER_GOOD: Json = {"username": "user_good", "password": "pass_good"}
PAGE = 15_000
AT_ONCE = {"initial_after": 0, "history_after": 0}  # seconds until the simulator has a new item's history
PATIENCE = 90.0  # seconds; a loaded machine starts workers slowly


def custom_user(file: Path) -> str:
    """A custom user of tests/data, as a password for `user_custom`; `day -3` stands for the date three days ago."""

    def day(match: re.Match[str]) -> str:
        return f'"{datetime.now(UTC).date() + timedelta(days=int(match[1]))}"'

    return re.sub(r'"day ([+-]\d+)"', day, file.read_text(encoding="utf-8"))


def generated(transactions: int) -> Json:
    """A login with this many generated transactions, the same ones each time."""
    return {"username": "user_generated", "password": json.dumps({"transactions": transactions, "seed": 8})}


class TimedOut(AssertionError):
    """A condition did not become true in time."""


def wait_until(
    what: str, found: Callable[[], Any], *, within: float = PATIENCE, shown: Callable[[], object] = str
) -> Any:
    """Poll until `ask` returns a truthy value and return it; on timeout, the error contains `shown()`."""
    deadline = time.monotonic() + within
    while not (answer := found()):
        if time.monotonic() > deadline:
            raise TimedOut(f"not within {within:.0f} s: {what}; {shown()}")
        time.sleep(0.1)
    return answer


@dataclass(frozen=True)
class Bank:
    """The running stack: its API, its store and its simulator."""

    stack: Stack
    http: httpx.Client

    # -- the public API --

    def rest(self, method: str, path: str, user: User | None, **content: Any) -> httpx.Response:
        """One request through Hosting, signed in as a user or unauthenticated."""
        headers = {**(user.headers if user else {}), **content.pop("headers", {})}
        url = f"{self.stack.ports.url('hosting')}/api/v1/bank/{path}"
        return self.http.request(method, url, headers=headers, **content)

    def function_url(self, name: str) -> str:
        """The URL of a function in the callable protocol."""
        return f"{self.stack.ports.url('functions')}/{PROJECT}/{REGION}/{name}"

    def call(self, name: str, data: object, user: User | None) -> httpx.Response:
        """One call in the callable protocol."""
        headers = user.headers if user else {}
        return self.http.post(self.function_url(name), json={"data": data}, headers=headers)

    def exchange(self, user: User, public_token: str, **body: object) -> httpx.Response:
        """One exchange."""
        return self.rest("POST", "set_access_token", user, json={"public_token": public_token, **body})

    def connect(self, user: User, **login: Any) -> Json:
        """A new connection, as returned by the exchange."""
        answer = self.exchange(user, self.public_token(**login), allow_duplicate=True)
        assert answer.status_code == 201, answer.text
        connection: Json = answer.json()
        return connection

    def run_schedule(self) -> None:
        """Run what Cloud Scheduler runs every 15 minutes."""
        self.http.post(scheduled_url(self.stack.ports, "schedule_syncs")).raise_for_status()

    def deliver(self, function: str, *, headers: dict[str, str] | None = None, **data: object) -> int:
        """Deliver a task at once, as Cloud Tasks does, and return the HTTP status; clients never see this answer."""
        url, body = self.function_url(function), {"data": data}
        return httpx.post(url, json=body, headers=headers, trust_env=False, timeout=60).status_code

    # -- the store --

    def store(self, user: User) -> Firestore:
        """Firestore as a client, under the security rules."""
        return Firestore(self.http, self.stack.ports, user.headers)

    @property
    def admin(self) -> Firestore:
        """Firestore as the backend, which bypasses the security rules."""
        return Firestore(self.http, self.stack.ports, BACKEND)

    @property
    def backend(self) -> Client:
        """Firestore as the backend, for writes."""
        return Client(self.http, self.stack.ports.url("firestore"), BACKEND)

    def writer(self, user: User) -> Client:
        """Firestore as a client, for writes under the security rules."""
        return Client(self.http, self.stack.ports.url("firestore"), user.headers)

    def progress(self, user: User, connection_id: str) -> Json:
        return self.store(user).get(f"bank_sync_progress/{connection_id}") or {}

    def wait_until_synced(
        self, user: User, connection_id: str, *, after: datetime | None = None, within: float = PATIENCE
    ) -> Json:
        """Wait until the whole history is stored, by a run that completed after the given time."""
        progress: Json = {}

        def done() -> Json | None:
            progress.update(self.progress(user, connection_id))
            complete = progress.get("status") == "completed" and progress["history_complete"]
            return progress if complete and (after is None or progress["completed_at"] > after) else None

        wait_until("the sync", done, within=within, shown=lambda: progress)
        return progress

    def rests(self, connection_id: str, *, within: float = PATIENCE) -> None:
        """Wait until the connection is idle: its webhooks are delivered, and no run is requested or running."""

        def still() -> bool:
            item_id = (self.admin.get(f"bank_connections/{connection_id}") or {})["item_id"]
            sent = self.webhooks(item_id)  # webhooks first: the syncs that they request are counted then
            kept = documents(self.backend.query("bank_webhook_inbox"))
            state = self.admin.get(f"bank_sync_state/{connection_id}") or {}
            return (
                all(one["state"] in ("delivered", "given up") for one in sent if one["mode"] is None)
                and not [one for one in kept if one.get("connection_id") == connection_id and one["due_at"]]
                and bool(state["welcomed"] and state["history_complete"])
                and (state["status"], state["served"]) == ("completed", state["requested"])
            )

        wait_until(f"{connection_id} rests", still, within=within)

    def rests_with_balances(self, connection_id: str) -> None:
        """Wait until the connection is idle, and its earlier balances are derived.

        The item check after the first sync leaves out accounts while a further run is in progress; the daily check
        repeats it, and so does this.
        """
        self.rests(connection_id)
        self.deliver("checkitem", connection_id=connection_id, only="balances")

        def derived() -> bool:
            state = self.admin.get(f"bank_sync_state/{connection_id}") or {}
            return {*state["account_ids"]} <= {*state["derived_accounts"]}

        wait_until(f"the earlier balances of {connection_id} are derived", derived)

    def transactions(self, user: User, *, parent: str = "") -> list[Json]:
        """A user's transactions, newest first: of all connections, or of one."""
        if not parent:
            return list(self.store(user).owned(user.uid, "bank_transactions", newest="date"))
        found: list[Json] = []
        last: str | None = None
        # Read as the backend, whose pages may be larger than an app's: the emulator reads all rows for each page, but
        # answers 500 to pages that are too large.
        while True:
            answer = self.backend.query("bank_transactions", parent=parent, owner=user.uid, most=PAGE, after=last)
            page = [row["document"] for row in answer.raise_for_status().json() if "document" in row]
            found += map(decode_fields, page)
            if len(page) < PAGE:
                return found
            last = page[-1]["name"]

    def traces(self, user: User) -> dict[str, list[Json]]:
        """A user's documents by collection, without rate-limit counters and remembered calls.

        Documents below a connection are not listed: one commit creates them together with the connection.
        """
        collections = ("bank_connections", "bank_credentials", "bank_sync_state", "bank_sync_progress")
        found = {name: self._theirs(user, name) for name in collections}
        return {name: documents for name, documents in found.items() if documents}

    def _theirs(self, user: User, collection: str) -> list[Json]:
        return documents(self.backend.query(collection, owner=user.uid))

    def open_intents(self, user: User) -> list[Json]:
        """Exchanges that hold a token or were left unfinished."""
        return [intent for intent in self._theirs(user, "bank_exchange_intents") if not intent["answer"]]

    # -- Plaid --

    def public_token(
        self,
        username: str | None = None,
        password: str | None = None,
        *,
        webhook: bool = True,
        country: str = "US",
        **options: Any,
    ) -> str:
        """The public token that Link returns after a login at a bank; `country` decides the key pair.

        Unless a test names a login, it has 40 transactions: `user_good` has ten times as many, which take their time.
        """
        login = generated(40) if username is None else {"username": username, "password": password}
        client_id, secret = self.stack.plaid.keys_of(COUNTRIES[country])
        plaid = PlaidSandbox(self.http, self.stack.plaid.base_url, client_id, secret)
        return plaid.create_public_token(
            institution_id=options.pop("institution_id", INSTITUTION),
            **login,
            webhook=self.stack.plaid.webhook_address if webhook else None,
            **options,
        )

    def plaid_keys(self) -> dict[str, str]:
        """The headers with the first key pair."""
        return {"PLAID-CLIENT-ID": self.stack.plaid.client_id, "PLAID-SECRET": self.stack.plaid.secret}

    def plaid(self, path: str, **body: object) -> Json:
        """A call to Plaid's API at the simulator, with the first key pair."""
        url = f"{self.stack.plaid.base_url}{path}"
        answer = self.http.post(url, json=body, headers=self.plaid_keys()).raise_for_status()
        content: Json = answer.json()
        return content

    def control(self, method: str, path: str, **body: object) -> Json:
        """A call to the simulator's control API."""
        url = f"{self.stack.plaid.base_url}/_sim/{path}"
        answer = self.http.request(method, url, json=body or None)
        assert answer.is_success, answer.text
        content: Json = answer.json()
        return content

    def items(self, user: User) -> list[Json]:
        """The simulator's items behind a user's connections."""
        connections = self.admin.owned(user.uid, "bank_connections")
        return [self.control("GET", f"items/{connection['item_id']}") for connection in connections]

    def misdirected(self) -> list[str]:
        """The endpoints that received a token of the other key pair."""
        endpoints = self.control("GET", "counters")["misdirected"]
        return [f"{endpoint} received a token of the other team" for endpoint in endpoints]

    def item_violations(self) -> list[str]:
        """Items that have several connections, or that the backend removed although their connection is live."""
        connections = documents(self.backend.query("bank_connections"))
        holders = {one["item_id"]: one for one in documents(self.backend.query("bank_items"))}
        items = {item["item_id"]: item for item in self.control("GET", "items")["items"]}
        owned = [connection["item_id"] for connection in connections if connection["item_id"] in items]
        found = [f"{item} has {owned.count(item)} connections" for item in {*owned} if owned.count(item) > 1]
        for connection in connections:
            item = items.get(connection["item_id"])
            if item is None:  # seeded by a test
                continue
            if holders.get(item["item_id"], {}).get("connection_id") != connection["connection_id"]:
                found.append(f"{item['item_id']} is not held by {connection['connection_id']}")
            if connection["status"] != "error" and item["state"] == "removed" and "/item/remove" in item["calls"]:
                found.append(f"{item['item_id']} was removed, and {connection['connection_id']} lives")
        return found

    def webhooks(self, item_id: str) -> list[Json]:
        """The webhooks that the simulator sent for an item, oldest first, with their delivery results."""
        sent: list[Json] = self.control("GET", f"webhooks?item_id={item_id}")["webhooks"]
        return sent

    def wait_for_webhooks(self, item_id: str, connection_id: str = "") -> None:
        """Wait until all webhooks of an item are delivered, and the backend has handled those in its inbox."""

        def over() -> bool:
            if any(one["state"] == "sending" for one in self.webhooks(item_id)):
                return False
            kept = documents(self.backend.query("bank_webhook_inbox"))
            return not [one for one in kept if one.get("connection_id") == connection_id and one["due_at"]]

        wait_until(f"the webhooks of {item_id} are over", over)

    def truth(self, item_id: str) -> Json:
        """The bank's data, with numbers as text."""
        answer = self.http.get(f"{self.stack.plaid.base_url}/_sim/items/{item_id}/truth").raise_for_status()
        content: Json = json.loads(answer.text, parse_float=Number, parse_int=Number)
        return content

    def differences(self, user: User, connection_id: str) -> list[str]:
        """Where the store, read as its owner, differs from the bank; empty if they are equal."""
        store = self.store(user)
        connection = store.get(f"bank_connections/{connection_id}") or {}
        truth = self.truth(connection["item_id"])
        root = f"bank_connections/{connection_id}"
        accounts = {a["account_id"]: a for a in store.owned(user.uid, "bank_accounts", parent=root)}
        rows = {t["transaction_id"]: t for t in self.transactions(user, parent=root)}
        owner = {"connection_id": connection_id, "app_user_id": user.uid}
        return [
            *unequal("connection.account_ids", sorted(accounts), sorted(connection["account_ids"])),
            *compared("account", [account_document(a) | owner for a in truth["accounts"]], accounts, "account_id"),
            *compared(
                "transaction", [transaction_document(t) | owner for t in truth["transactions"]], rows, "transaction_id"
            ),
        ]

    def wait_until_equal(self, user: User, connection_id: str, *, within: float = PATIENCE) -> None:
        """Wait until the store equals the bank."""
        found: list[str] = []

        def equal() -> bool:
            found[:] = self.differences(user, connection_id)
            return not found

        try:
            wait_until("the store follows the bank", equal, within=within)
        except TimedOut as late:
            raise TimedOut(f"{late}: {found[:10]}") from None


def without_checks(document: Json | None) -> Json:
    """A document without what the checks of a bank with failures, or of other banks beside it, write at any time."""
    checks = ("bank_at", "bank_failed", "bank_known_at", "bank_source", "looks")
    return {name: value for name, value in (document or {}).items() if name not in checks}


def documents(answer: httpx.Response) -> list[Json]:
    """The documents in a query's answer."""
    return [decode_fields(row["document"]) for row in answer.raise_for_status().json() if "document" in row]
