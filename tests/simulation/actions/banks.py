"""What happens at banks."""

from __future__ import annotations

import random
from datetime import timedelta

from emulators.plaid.control import items as control
from emulators.plaid.items import Item
from tests.simulation.actions import action
from tests.simulation.story import Event
from tests.simulation.world import World


def some_item(world: World, event: Event, chance: random.Random) -> Item | None:
    """One of the user's items whose bank delivers data."""
    mine = [item for item in world.items_of(world.people[event.user]) if "transactions" in item.products]
    return chance.choice(mine) if mine else None


@action("spend", per_year=360)
def spend(world: World, event: Event) -> None:
    """Transactions happen: new, changed, removed, pending and then posted."""
    chance = event.chance()
    item = some_item(world, event, chance)
    if item is None or item.error is not None:
        return
    rows = [row.transaction_id for row in item.log.current()]
    today = world.plaid.world.clock.today()
    body: dict[str, object] = {"add": [], "notify": chance.random() < 0.8}
    covered = [account.account_id for account in item.accounts if account.has_transactions]
    if not covered:
        return
    for _ in range(chance.randrange(1, 4)):
        amount = round(chance.uniform(-200, 200), 2)
        when = str(today - timedelta(days=chance.randrange(4)))
        new = {
            "amount": amount,
            "date": when,
            "name": f"Shop {chance.randrange(30)}",
            "account_id": chance.choice(covered),
        }
        body["add"].append(new | ({"pending": True} if chance.random() < 0.4 else {}))  # type: ignore[attr-defined]
    if rows and chance.random() < 0.3:
        body["modify"] = [{"transaction_id": chance.choice(rows), "amount": round(chance.uniform(1, 90), 2)}]
    pending = [row.transaction_id for row in item.log.current() if b'"pending":true' in row.body]
    if pending and chance.random() < 0.6:
        body["post"] = [chance.choice(pending)]
    gone = [row for row in rows if row not in body.get("post", [])]  # type: ignore[operator]
    if gone and chance.random() < 0.15:
        body["remove"] = [chance.choice(gone)]
    world.plaid.control(control.change_transactions, item, **body)


@action("login_breaks", per_year=5)
def login_breaks(world: World, event: Event) -> None:
    """The bank wants a new login; the webhook may never be sent."""
    chance = event.chance()
    item = some_item(world, event, chance)
    if item is not None and item.error is None:
        world.plaid.control(control.change_state, item, state="login_required", announce=chance.random() < 0.8)
