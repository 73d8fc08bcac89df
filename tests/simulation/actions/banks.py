"""What happens to transactions at banks."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from emulators.plaid.control import items as control
from emulators.plaid.items import Item, Readiness
from emulators.plaid.synclog import Row
from tests.simulation.actions import action
from tests.simulation.scenario import Event
from tests.simulation.world import World

PENDING = b'"pending":true'
ODD: tuple[dict[str, Any], ...] = (
    {"amount": None},
    {"amount": "NaN"},
    {"amount": "Infinity"},
    {"amount": [1]},
    {"amount": True},
    {"date": None},
    {"date": "2026-02-30"},
    {"date": 5},
    {"account_id": None},
    {"account_id": "a/b"},
    {"name": None},
    {"name": {"text": "a shop"}},
    {"name": "\ud800 half a character"},
    {"name": "\x00 and \x1b[31m"},
    {"name": "x" * 5_000},
    {"name": "=HYPERLINK(1)"},
    {"merchant_name": 7},
    {"pending": None},
    {"pending": "yes"},
    {"pending_transaction_id": "a/b"},
    {"datetime": "0001-01-01T00:00:00+01:00"},
    {"authorized_datetime": "yesterday"},
    {"authorized_date": "9999-99-99"},
    {"location": [[1]]},
    {"location": {"a/b.c": {"": [None]}}},
    {"counterparties": "nobody"},
    {"counterparties": [{"name": "x" * 3_000}] * 30},
    {"personal_finance_category": []},
    {"personal_finance_category": {"primary": 1, "detailed": None}},
    {"iso_currency_code": 840},
    {"unknown_field": {"deep": [[[[[[{}]]]]]]}},
)
"""Values that a faulty bank sends: each breaks another rule."""
ODD_IDS = ("{}/{}", "__{}-{}__", "\x00{}-{}", "{}-{}" + "x" * 1_600, "é{}-{}")
"""Ids that are no document ids, except the last. They are their rows' real ids, so Plaid removes them by these."""


def some_item(
    world: World, event: Event, chance: random.Random, *, among: Callable[[Item], object] = lambda _: True
) -> Item | None:
    """One of the user's items whose bank delivers data, of those that `among` accepts."""
    mine = [item for item in world.items_of(world.people[event.user]) if "transactions" in item.products]
    some = [item for item in mine if among(item)]
    return chance.choice(some) if some else None


def working_item(world: World, event: Event, chance: random.Random) -> Item | None:
    """One of the user's items whose login works, which has accounts with transactions, and some history."""
    item = some_item(world, event, chance)
    if item is None or item.error is not None or item.readiness is Readiness.NOT_READY or not covered(item):
        return None
    return item


def covered(item: Item) -> list[str]:
    """The accounts that have transactions."""
    return [account.account_id for account in item.accounts if account.has_transactions]


def booking(world: World, item: Item, chance: random.Random, **more: object) -> dict[str, object]:
    """A new transaction of the last days."""
    day = world.plaid.world.clock.today() - timedelta(days=chance.randrange(4))
    amount, name = round(chance.uniform(-200, 200), 2), f"Shop {chance.randrange(30)}"
    return {"amount": amount, "date": str(day), "name": name, "account_id": chance.choice(covered(item)), **more}


def some_rows(world: World, item: Item, chance: random.Random) -> list[Row]:
    """Rows that may change: mostly new ones, and a few old ones."""
    rows = world.plaid.newest_rows(item)
    if not len(item.log):
        return rows
    old = item.log._row(chance.randrange(len(item.log)))
    current = item.log.get(old.transaction_id) if old is not None else None
    return [*rows, current] if current is not None and current not in rows else rows


@action("spend", per_year=360)
def spend(world: World, event: Event) -> None:
    """Transactions happen: new, changed, touched, removed, pending and then posted."""
    chance = event.chance()
    item = working_item(world, event, chance)
    if item is None:
        return
    rows = some_rows(world, item, chance)
    names = [row.transaction_id for row in rows]
    body: dict[str, Any] = {"notify": chance.random() < 0.8}
    body["add"] = [booking(world, item, chance, pending=chance.random() < 0.4) for _ in range(chance.randrange(1, 4))]
    if names and chance.random() < 0.3:
        body["modify"] = [{"transaction_id": chance.choice(names), "amount": round(chance.uniform(1, 90), 2)}]
    if names and chance.random() < 0.1:
        body["touch"] = chance.sample(names, min(len(names), 3))
    pending = [row.transaction_id for row in rows if PENDING in row.body]
    if pending and chance.random() < 0.6:
        body["post"] = chance.sample(pending, min(len(pending), chance.choice((1, 1, 3))))
    gone = [name for name in names if name not in body.get("post", [])]
    if gone and chance.random() < 0.15:
        body["remove"] = [chance.choice(gone)]
    world.plaid.control(control.change_transactions, item, **body)


@action("odd_values", per_year=10)
def odd_values(world: World, event: Event) -> None:
    """A faulty bank sends values that no store accepts; later it may send better ones, or remove the row."""
    chance = event.chance()
    item = working_item(world, event, chance)
    if item is None:
        return
    body: dict[str, Any] = {"add": [], "modify": [], "notify": chance.random() < 0.8}
    for odd in chance.sample(ODD, chance.randrange(1, 4)):
        body["add"].append(booking(world, item, chance, odd=odd))
    for number in range(chance.randrange(3)):
        name = chance.choice(ODD_IDS).format(event.pick, number)
        body["add"].append(booking(world, item, chance, transaction_id=name))
    body["add"].append(booking(world, item, chance))
    names = [row.transaction_id for row in some_rows(world, item, chance)]
    if names:
        spoiled, repaired = chance.choice(names), chance.choice(names)
        body["modify"].append({"transaction_id": spoiled, "odd": chance.choice(ODD)})
        body["modify"].append({"transaction_id": repaired, **booking(world, item, chance)})
    made = world.plaid.control(control.change_transactions, item, **body)

    def repair() -> None:
        """The bank repairs its rows."""
        if item in world.plaid.living() and item.error is None and covered(item):
            there = [name for name in made["added"] if item.log.get(name) is not None]
            gone = there[:: chance.choice((1, 2, 3))]
            kept = [name for name in there if name not in gone]
            changes = [{"transaction_id": name, **booking(world, item, chance)} for name in kept]
            world.plaid.control(control.change_transactions, item, modify=changes, remove=gone)

    if chance.random() < 0.6:
        world.loop.after(chance.choice((1.0, 600.0, 86_400.0)), repair)


@action("huge_text", per_year=0.5)
def huge_text(world: World, event: Event) -> None:
    """A bank sends a text that is larger than a document."""
    chance = event.chance()
    item = working_item(world, event, chance)
    if item is not None:
        field = chance.choice(("name", "merchant_name", "original_description", "logo_url"))
        row = booking(world, item, chance, odd={field: "é" * 480_000})
        made = world.plaid.control(control.change_transactions, item, add=[row])
        _later_removed(world, item, made["added"], seconds=7_200)  # or every later read of everything would be slow


def _later_removed(world: World, item: Item, names: list[str], *, seconds: float) -> None:
    """The bank removes rows later."""

    def remove() -> None:
        there = [name for name in names if item.log.get(name) is not None]
        world.plaid.control(control.change_transactions, item, remove=there)

    world.loop.after(seconds, remove)


@action("burst", per_year=1)
def burst(world: World, event: Event) -> None:
    """A bank delivers months at once: more than a page of them, and changes them while they are read."""
    chance = event.chance()
    item = working_item(world, event, chance)
    if item is None:
        return
    count = chance.choice((30, 120, 520))
    body = {"add": [booking(world, item, chance) for _ in range(count)]}
    made = world.plaid.control(control.change_transactions, item, **body)["added"]
    if chance.random() < 0.5:  # most of it was a mistake
        gone = chance.sample(made, len(made) * 3 // 4)
        _later_removed(world, item, gone, seconds=chance.choice((0.5, 5.0, 4_000.0)))


@action("changes_while_read", per_year=6)
def changes_while_read(world: World, event: Event) -> None:
    """The data changes between the pages of a run."""
    chance = event.chance()
    item = working_item(world, event, chance)
    if item is None:
        return
    body: dict[str, Any] = {"add": [booking(world, item, chance) for _ in range(chance.choice((3, 30, 90)))]}

    def change() -> None:
        if not covered(item):
            return
        now: dict[str, Any] = {"add": [booking(world, item, chance)], "notify": chance.random() < 0.5}
        rows = world.plaid.newest_rows(item)
        if rows and chance.random() < 0.7:
            now["remove"] = [chance.choice(rows).transaction_id]
        pending = [
            row.transaction_id
            for row in rows
            if PENDING in row.body and row.transaction_id not in now.get("remove", [])
        ]
        if pending and chance.random() < 0.5:
            now["post"] = pending[:1]
        world.plaid.control(control.change_transactions, item, **now)

    world.plaid.after_page[item.item_id] = [change] * chance.choice((1, 1, 2, 7))
    world.plaid.control(control.change_transactions, item, **body)
