"""The contract of balances and their history: the same tests over the fake store and over Firestore."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.firestore.balances import BALANCES
from shared.adapters.firestore.purge import FirestoreConnectionData
from shared.adapters.threads import ThreadExecutor
from shared.domain.account import Balances, BalancesSource
from shared.domain.balance_history import Booking, DayBalances, MonthChange
from shared.domain.errors import Conflict
from shared.domain.removal import Removal, RemovalReason
from shared.ports import ConnectionData, DeleteBalances, PutBalances, UpdateBalances, UpsertTransactions, Write
from tests.contract.test_syncs import NOW, Ports, connect, loaded, name, ports
from tests.fake_removals import FakeConnectionData
from tests.fakes import FakeStore, account, row

__all__ = ["name", "ports"]  # fixtures


def day(current: str | None, available: str | None = None) -> DayBalances:
    return DayBalances(current=current, available=available, limit=None)


def change(month: str, *, derived: bool = False, account_id: str = "checking", **days: DayBalances) -> PutBalances:
    named = {name.removeprefix("d"): entry for name, entry in days.items()}
    return PutBalances(MonthChange(account_id, month, "USD", named, is_derived=derived))


def commit(ports: Ports, name: str, *writes: Write) -> None:
    before = loaded(ports, name)
    ports.syncs.save(before.state.touched(), expected=before.version, writes=writes)


def months(ports: Ports, name: str, account_id: str = "checking") -> dict[str, dict[str, Any]]:
    found = ports.syncs.balance_months(name, account_id)
    assert {one["account_id"] for one in found} <= {account_id}
    return {one["month"]: {"days": one["days"], "derived": one["derived"], "in": one["currency"]} for one in found}


def test_days_of_a_month_are_added_one_by_one(ports: Ports, name: str) -> None:
    connect(ports, name)
    assert months(ports, name) == {}
    commit(ports, name, change("2026-03", d01=day("1.10", "0.90")))
    commit(ports, name, change("2026-03", d02=day(None, "2")), change("2026-04", d01=day("3")))
    assert months(ports, name) == {
        "2026-03": {"days": {"01": day("1.10", "0.90"), "02": day(None, "2")}, "derived": {}, "in": "USD"},
        "2026-04": {"days": {"01": day("3")}, "derived": {}, "in": "USD"},
    }
    commit(ports, name, change("2026-03", d02=day("5")))
    assert months(ports, name)["2026-03"]["days"] == {"01": day("1.10", "0.90"), "02": day("5")}


def test_derived_days_are_marked_until_the_bank_reports_them(ports: Ports, name: str) -> None:
    connect(ports, name)
    commit(ports, name, change("2026-02", derived=True, d27=day("1"), d28=day("2")))
    commit(ports, name, change("2026-02", d01=day("0")))
    assert months(ports, name)["2026-02"]["derived"] == {"27": True, "28": True}
    commit(ports, name, change("2026-02", d28=day("3")))
    assert months(ports, name)["2026-02"] == {
        "days": {"01": day("0"), "27": day("1"), "28": day("3")},
        "derived": {"27": True},
        "in": "USD",
    }


def test_history_belongs_to_one_account_and_is_deleted_by_month(ports: Ports, name: str) -> None:
    connect(ports, name)
    commit(ports, name, change("2026-03", d01=day("1")), change("2026-04", d01=day("1")))
    commit(ports, name, change("2026-03", account_id="savings", d01=day("7")))
    commit(ports, name, DeleteBalances("checking", ("2026-03", "1999-01")))
    assert set(months(ports, name)) == {"2026-04"}
    assert set(months(ports, name, "savings")) == {"2026-03"}


def test_only_posted_transactions_of_the_account_are_bookings(ports: Ports, name: str) -> None:
    connect(ports, name)
    rows = (
        row("t1", date="2026-02-01", amount="1.50"),
        row("t2", date="2026-02-02", amount="-7", iso_currency_code=None, unofficial_currency_code="BTC"),
        row("t3", pending=True),
        row("t4", account_id="savings"),
    )
    commit(ports, name, UpsertTransactions(rows))
    found = ports.syncs.bookings(name, "checking")
    assert sorted(found, key=lambda one: one.day) == [
        Booking("2026-02-01", "1.50", "USD"),
        Booking("2026-02-02", "-7", "BTC"),
    ]


def test_account_says_when_and_where_its_balances_were_read(ports: Ports, name: str) -> None:
    connect(ports, name)
    [stored] = ports.connections.stored_accounts(name)
    assert stored == {
        **account(),
        "connection_id": name,
        "app_user_id": "alice",
        "updated_at": NOW,
        "balances_at": NOW,
        "balances_source": "cached",
    }


def test_balances_read_outside_a_run_replace_only_the_balances(ports: Ports, name: str) -> None:
    connect(ports, name)
    later = NOW + timedelta(hours=1)
    balances: Balances = {**account()["balances"], "current": "7.77"}
    commit(ports, name, UpdateBalances("checking", balances, BalancesSource.LIVE, later))
    [stored] = ports.connections.stored_accounts(name)
    assert (stored["balances"], stored["balances_at"], stored["balances_source"]) == (balances, later, "live")
    assert ports.connections.accounts_of(name) == [{**account(), "balances": balances}]


def test_balances_of_a_deleted_account_write_nothing(ports: Ports, name: str) -> None:
    connect(ports, name)
    before = loaded(ports, name)
    with pytest.raises(Conflict):
        commit(ports, name, UpdateBalances("gone", account()["balances"], BalancesSource.LIVE, NOW))
    assert loaded(ports, name) == before
    assert {one["account_id"] for one in ports.connections.stored_accounts(name)} == {"checking"}


def test_removal_deletes_the_history(ports: Ports, name: str, request: pytest.FixtureRequest) -> None:
    connect(ports, name)
    commit(ports, name, change("2026-03", d01=day("1")), change("2026-03", account_id="savings", d01=day("7")))
    data: ConnectionData
    if isinstance(ports.syncs, FakeStore):
        data = FakeConnectionData(ports.syncs)
    else:
        client: Any = request.getfixturevalue("firestore_client")
        data = FirestoreConnectionData(request.getfixturevalue("checked_client"), executors=ThreadExecutor)
        assert len(list(client.collection("bank_connections", name, BALANCES).stream())) == 2
    removal = Removal(
        connection_id=name, app_user_id="alice", reason=RemovalReason.USER, created_at=NOW, due_at=NOW, item_id="i"
    )
    data.purge(removal)
    assert months(ports, name) == months(ports, name, "savings") == {}
