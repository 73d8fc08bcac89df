"""The history of balances belongs to stored accounts, has no day of the future, and no gap on a recorded day."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from shared.domain.balance_history import BalanceMonth, recorded_days
from shared.domain.connection import BankConnection
from tests.simulation.world import World


def settled(world: World) -> None:
    """Checks the history of every connection, and that removed ones have none."""
    store = world.backend.store
    for connection_id, rows in sorted(store.balance_rows.items()):
        if rows and connection_id not in store.connections and connection_id not in store.tombstones:
            world.violated(f"{connection_id} was removed, but has {len(rows)} months of balances")
    for connection in list(store.connections.values()):
        _check(world, connection)


def _check(world: World, connection: BankConnection) -> None:
    name, store = connection.connection_id, world.backend.store
    accounts = store.account_rows.get(name, {})
    months: defaultdict[str, list[Any]] = defaultdict(list)
    for row in store.balance_rows.get(name, {}).values():
        months[row["account_id"]].append(row)
    if strangers := sorted(months.keys() - accounts.keys()):
        world.violated(f"{name} has balances of accounts that are not stored, such as {strangers[0]}")
    today = world.backend.clock.now().date().isoformat()
    day = store.states[name].state.balances_day if name in store.states else None
    with_balance = {i for i, one in accounts.items() if one["balances"]["current"] is not None}
    for account_id, rows in sorted(months.items()):
        days = {f"{row['month']}-{one}" for row in rows for one in row["days"]}
        if max(days) > today:
            world.violated(f"{name}: {account_id} has a balance of {max(days)}, and today is {today}")
        # A balance that came after the day was recorded is recorded on the next day.
        known = account_id in with_balance and account_id not in world.unknown_balances
        if day is not None and known and day not in _recorded(rows):
            world.violated(f"{name}: {account_id} has no balance of {day}, which was recorded")
    if day is not None and (missing := sorted(with_balance - months.keys())):
        world.violated(f"{name}: {missing[0]} has no balances at all")


def _recorded(rows: list[Any]) -> set[str]:
    months: list[BalanceMonth] = rows
    return recorded_days(months)
