"""`make demo`: a user connects a bank and watches its data arrive. It uses only public interfaces, as an app does."""

from __future__ import annotations

import os
import time

import httpx

from emulators.bank_user import BankUser
from emulators.client import Api, Document, Firestore, PlaidSandbox, RefusedError, User, sign_up
from emulators.countries import FIRST_PLATYPUS, Country, chosen_country
from emulators.demo_products import choose_products, show_products
from emulators.demo_view import SHOWN, View
from emulators.environment import REAL_PLAID
from emulators.lifecycle import run
from emulators.ports import StackError
from emulators.stack import Stack
from emulators.terminal import printable

STILL = 10.0  # without progress for so long, it requests a sync
LIMIT = 30.0  # the backend allows one manual sync per connection in this time


def demo() -> int:
    """Runs the stack while one bank is connected."""
    country = chosen_country(os.environ)
    bank_user = BankUser.choose(os.environ, country)
    choose_products(os.environ)
    view = View()
    stack = Stack(say=view.step)
    if stack.plaid.base_url == REAL_PLAID["production"]:
        raise StackError("The demo needs Plaid's Sandbox, which production does not have: use `make dev` instead.")
    view.step("Starting the emulators" + (" and the Plaid simulator" if stack.plaid.simulated else "") + " …")
    with stack:
        line = connect(stack, bank_user, view, country)
    print(printable(f"demo: {line}"), flush=True)
    return 0


def connect(stack: Stack, bank_user: BankUser, view: View, country: Country | None = None) -> str:
    """Connects a bank, follows the sync and shows the data; returns the closing line."""
    plaid, institution = stack.plaid, country.institution if country is not None else FIRST_PLATYPUS
    client_id, secret = plaid.keys_of(country)
    # A proxy from the environment is for the real Plaid only.
    with httpx.Client(trust_env=False, timeout=60) as local, httpx.Client(timeout=60) as remote:
        user = sign_up(local, stack.ports)
        view.step(f"Signed in as {user.email}")
        api = Api(local, stack.ports, user)
        link = api.create_link_token(**({"country_codes": country.code} if country is not None else {}))
        view.step(f"Link token created, valid until {link['expiration']}")
        to_plaid = remote if plaid.base_url in REAL_PLAID.values() else local
        public_token = PlaidSandbox(to_plaid, plaid.base_url, client_id, secret).create_public_token(
            institution_id=institution["institution_id"],
            username=bank_user.username,
            password=bank_user.password,
            webhook=plaid.webhook_address,
        )
        view.step(f"Logged in at the bank as {bank_user.username or 'user_good'}")
        started = time.monotonic()
        made = api.exchange_public_token(
            public_token=public_token, link_token=link["link_token"], institution=institution
        )
        connection_id = made["connection_id"]
        view.step(f"Connected: {connection_id}")
        store = Firestore(local, stack.ports, user.headers)
        watch(stack, api, store, connection_id, view, bank_user.patience)
        took = time.monotonic() - started
        summary = show(store, user, connection_id, view)
        show_products(stack, store, user, connection_id, view)
        return f"{summary}, synced in {took:.1f} s"


def watch(stack: Stack, api: Api, store: Firestore, connection_id: str, view: View, patience: float) -> None:
    """Follows the progress document until the history is complete, and requests a sync when progress stops.

    Plaid's webhooks start the runs after the first one. Where webhooks cannot arrive, only requests do.
    """
    seen: Document | None = None
    now = started = moved = time.monotonic()
    may_ask = started + STILL
    with view.progress() as show_progress:
        while not (seen and seen["status"] == "completed" and seen["history_complete"]):
            stack.check()
            if now - started > patience:
                raise StackError(f"The sync was not complete after {patience:.0f} s: {describe(seen)}.")
            progress = store.get(f"bank_sync_progress/{connection_id}")
            now = time.monotonic()
            if progress and progress != seen:
                seen, moved = progress, now
                show_progress(progress)
                error = progress.get("error") or {}
                if progress["status"] == "failed" and not error.get("retryable", True):
                    raise StackError(f"The sync failed permanently: {describe(progress)}.")
            elif now - moved > STILL and now > may_ask and (seen or {}).get("status") != "in_progress":
                may_ask = now + LIMIT
                try:
                    api.sync_connection(connection_id)
                except RefusedError as refusal:
                    if refusal.status not in {"RESOURCE_EXHAUSTED", "UNAVAILABLE"}:
                        raise
                    may_ask = now + (refusal.retry_after or LIMIT)
            else:
                time.sleep(0.1)


def describe(progress: Document | None) -> str:
    """Describes a progress document in one line."""
    if progress is None:
        return "no progress was recorded"
    error = progress.get("error") or {}
    reason = f", {error.get('code')}: {error.get('message')}" if error else ""
    return f"{progress['status']} at {progress.get('stage')}, {progress.get('added', 0)} added{reason}"


def show(store: Firestore, user: User, connection_id: str, view: View) -> str:
    """Shows the data, read with the user's token; returns its summary for the closing line."""
    connection = store.get(f"bank_connections/{connection_id}") or {}
    deadline = time.monotonic() + 15
    while not connection.get("institution_name") and time.monotonic() < deadline:
        time.sleep(0.2)  # a Firestore trigger fetches it
        connection = store.get(f"bank_connections/{connection_id}") or {}
    accounts = list(store.owned(user.uid, "bank_accounts", parent=f"bank_connections/{connection_id}"))
    view.step("Reading everything back with the user's own token …")
    transactions = list(store.owned(user.uid, "bank_transactions", newest="date", fields=SHOWN))
    institution = connection.get("institution_name") or connection.get("institution_id") or "unknown institution"
    view.summary(institution, connection, accounts, transactions)
    return f"{institution}: {len(accounts)} accounts, {len(transactions)} transactions"


if __name__ == "__main__":
    run(demo)
