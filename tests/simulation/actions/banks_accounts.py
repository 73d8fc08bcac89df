"""Accounts at banks: opened, no longer shared, closed, renamed. Users share accounts again in Link.

A sync names only the accounts of the rows that it brings, so accounts come and go with rows here: the
backend cannot know of others before the user's next update mode.
"""

from __future__ import annotations

import random
from decimal import Decimal

from emulators.plaid import announcements
from emulators.plaid.bank import Account
from emulators.plaid.control import items as control
from emulators.plaid.items import Item
from emulators.plaid.people import custom
from tests.simulation.actions import action
from tests.simulation.actions.banks import some_item, working_item
from tests.simulation.actions.users import stopped_sharing
from tests.simulation.scenario import Event
from tests.simulation.world import World

MOST = 8  # accounts of an item


def _new_account(world: World, chance: random.Random) -> dict[str, object]:
    """An account with some history, as `override_accounts` of a custom user describes it."""
    today = str(world.plaid.world.clock.today())
    booked = [
        {
            "date_transacted": today,
            "date_posted": today,
            "amount": round(chance.uniform(-50, 50), 2),
            "description": f"Opening {number}",
            "currency": "USD",
        }
        for number in range(chance.choice((1, 2, 12)))
    ]
    kind = chance.choice((("depository", "checking"), ("depository", "savings"), ("credit", "credit card")))
    return {
        "type": kind[0],
        "subtype": kind[1],
        "starting_balance": 100,
        "meta": {"name": f"Account {chance.randrange(9)}", "mask": f"{chance.randrange(10_000):04d}"},
        "transactions": booked,
    }


def _some_account(item: Item | None, chance: random.Random) -> Account | None:
    """An account with rows that is not the item's last one."""
    if item is None or len(item.accounts) < 2:
        return None
    used = {row.account_id for row in item.log.current()}
    accounts = [account for account in item.accounts if account.account_id in used]
    return chance.choice(accounts) if accounts else None


@action("account_opened", per_year=2)
def account_opened(world: World, event: Event) -> None:
    """The user opens an account: Plaid offers it (NEW_ACCOUNTS_AVAILABLE), or the bank shares it at once."""
    chance = event.chance()
    item = working_item(world, event, chance)
    if item is None or len(item.accounts) + len(item.hidden_accounts) >= MOST:
        return
    place = 10_000 + event.pick  # never used before: ids are made from it
    account, bookings = custom.read_account(
        _new_account(world, chance), place, item.item_id, world.plaid.world.clock.today()
    )
    rows, is_announced = [booking.as_row() for booking in bookings], chance.random() < 0.8
    if chance.random() < 0.7:
        item.hidden_accounts.append(account)
        item.hidden_rows += rows
        if is_announced:
            world.plaid.webhooks.send(item, announcements.new_accounts_available())
        return
    before = len(item.log)
    item.add_account(account, rows)
    if is_announced:
        world.plaid.world.announce_changes(item, before, [])


@action("account_unshared", per_year=2)
def account_unshared(world: World, event: Event) -> None:
    """The user stops sharing an account at the bank, and can share it again in update mode."""
    chance = event.chance()
    item = some_item(world, event, chance)
    account = _some_account(item, chance)
    if item is not None and account is not None:
        before = [one.account_id for one in item.accounts]
        world.plaid.control(control.change_sync, item, silent_shares=chance.random() < 0.5)
        body = {"revoke": [account.account_id], "announce": chance.random() < 0.8}
        world.plaid.control(control.change_accounts, item, **body)
        stopped_sharing(world, world.people[event.user], item, before)


@action("account_closed", per_year=1)
def account_closed(world: World, event: Event) -> None:
    """An account and its transactions vanish."""
    chance = event.chance()
    item = some_item(world, event, chance)
    account = _some_account(item, chance)
    if item is not None and account is not None:
        before = len(item.log)
        removed = item.drop_account(account)
        if chance.random() < 0.8:
            world.plaid.world.announce_changes(item, before, removed)


@action("account_changes", per_year=6)
def account_changes(world: World, event: Event) -> None:
    """An account is renamed, or its balances change; Plaid sends no webhook for that."""
    chance = event.chance()
    item = some_item(world, event, chance)
    if item is None or not item.accounts:
        return
    account_id = chance.choice(item.accounts).account_id
    change: dict[str, object] = {"account_id": account_id}
    if chance.random() < 0.4:
        change["name"] = chance.choice(("", "Renamed", "x" * 300, "Ünïcode 💶"))
    if chance.random() < 0.2:
        change["mask"] = chance.choice((None, "0000", f"{chance.randrange(10_000):04d}"))
    change["current"] = chance.choice((None, Decimal("-0.01"), Decimal("1E+5"), Decimal(chance.randrange(10**6)) / 100))
    if change["current"] is None:
        world.unknown_balances.add(account_id)
    world.plaid.control(control.change_accounts, item, change=[change])
