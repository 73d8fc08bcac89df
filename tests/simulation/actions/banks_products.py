"""What happens at banks to products besides transactions: positions, trades, debts, subscriptions."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from emulators.plaid.bank import Account
from emulators.plaid.control import investments, liabilities, recurring
from emulators.plaid.items import Item
from emulators.plaid.liabilities import has_liability
from tests.simulation.actions import action
from tests.simulation.actions.banks import working_item
from tests.simulation.scenario import Event
from tests.simulation.world import World


def _broker(world: World, event: Event, chance: random.Random) -> tuple[Item, Account] | None:
    """One of the user's items with an investment account, and that account."""
    found = [
        (item, account)
        for item in world.items_of(world.people[event.user])
        for account in item.accounts
        if item.error is None and account.type == "investment"
    ]
    return chance.choice(found) if found else None


@action("trade", per_year=40)
def trade(world: World, event: Event) -> None:
    """A position is sold or bought, and the trade is booked; the bank announces it, or forgets to."""
    chance = event.chance()
    broker = _broker(world, event, chance)
    if broker is None:
        return
    item, account = broker
    announce = chance.random() < 0.8
    if account.holdings and chance.random() < 0.5:
        security_id = chance.choice(account.holdings)["holding"]["security_id"]
        order = {"account_id": account.account_id, "security_id": security_id, "price": 11}
        world.plaid.control(investments.change_holdings, item, sell=[order], announce=announce)
        return
    ticker = f"T{chance.randrange(10**9)}"  # never one that the account holds
    security = {"ticker_symbol": ticker, "name": ticker, "currency": "USD"}
    bought: dict[str, Any] = {
        "account_id": account.account_id,
        "security": security,
        "quantity": chance.randrange(1, 9),
    }
    new = bought | {"institution_price": 10, "currency": "USD"}
    world.plaid.control(investments.change_holdings, item, add=[new], announce=announce)
    day = world.plaid.world.clock.today() - timedelta(days=chance.randrange(6))
    booked = bought | {"date": str(day), "name": f"BUY {ticker}", "price": 10, "type": "buy"}
    world.plaid.control(investments.change_investment_transactions, item, add=[booked], announce=announce)


@action("cancel_trade", per_year=12)
def cancel_trade(world: World, event: Event) -> None:
    """A trade of the last weeks vanishes without a signal, sometimes while the transactions are paged."""
    chance = event.chance()
    broker = _broker(world, event, chance)
    if broker is None:
        return
    item, account = broker
    since = str(world.plaid.world.clock.today() - timedelta(days=20))
    recent = [one["transaction"] for one in account.investment_transactions if one["transaction"]["date"] >= since]
    changes: dict[str, Any] = {"announce": chance.random() < 0.5}
    if recent:
        changes["remove"] = [chance.choice(recent)["investment_transaction_id"]]
    if chance.random() < 0.5:
        day = str(world.plaid.world.clock.today())
        late = {"account_id": account.account_id, "date": day, "name": "LATE", "quantity": 1, "price": 1, "type": "buy"}
        changes["between_pages"] = [late]
    world.plaid.control(investments.change_investment_transactions, item, **changes)


@action("statement", per_year=24)
def statement(world: World, event: Event) -> None:
    """A card or a loan has a new statement, or the bank no longer reports the debt."""
    chance = event.chance()
    found = [
        (item, account)
        for item in world.items_of(world.people[event.user])
        for account in item.accounts
        if item.error is None and has_liability(account)
    ]
    if not found:
        return
    item, account = chance.choice(found)
    announce = chance.random() < 0.8
    if chance.random() < 0.05:
        world.plaid.control(liabilities.change_liabilities, item, remove=[account.account_id], announce=announce)
        return
    change = {"account_id": account.account_id, "last_payment_amount": chance.randrange(1, 500)}
    world.plaid.control(liabilities.change_liabilities, item, change=[change], announce=announce)


@action("subscribe", per_year=8)
def subscribe(world: World, event: Event) -> None:
    """The user subscribes to something that was booked for months."""
    chance = event.chance()
    item = working_item(world, event, chance)
    if item is None:
        return
    new = {"description": f"Subscription {chance.randrange(1_000)}", "amount": chance.randrange(3, 60), "bookings": 4}
    world.plaid.control(recurring.change_streams, item, add=[new], announce=chance.random() < 0.8)
