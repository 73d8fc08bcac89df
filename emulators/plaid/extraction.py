"""The extraction of an Item's other products: readiness, asynchronous first reads, and the webhooks of changes.

Source: plaid.com/docs/api/products/investments, liabilities and transactions (webhook sections), and `async_update` of
plaid.com/docs/api/products/investments/#investmentstransactionsget.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from emulators.plaid import announcements
from emulators.plaid.announcements import Json
from emulators.plaid.bank import Account
from emulators.plaid.errors import PlaidError
from emulators.plaid.items import Item
from emulators.plaid.product_data import HOLDINGS, INVESTMENT_TRANSACTIONS, LIABILITIES, PRODUCT_OF, RECURRING
from emulators.plaid.world import World


def check_ready(world: World, item: Item, kind: str) -> None:
    """Raises PRODUCT_NOT_READY while data of this kind is being loaded."""
    not_ready = item.other.not_ready
    if kind not in not_ready:
        return
    until = not_ready[kind]
    if until is None or datetime.fromisoformat(until) > world.clock.now():
        raise PlaidError("PRODUCT_NOT_READY")
    del not_ready[kind]
    if kind == INVESTMENT_TRANSACTIONS:
        _end(world, item)


def begin_asynchronously(world: World, item: Item) -> None:
    """Starts to load investment transactions in the background; HISTORICAL_UPDATE reports the end."""
    until = world.clock.now() + timedelta(seconds=world.settings.history_after)
    item.other.not_ready[INVESTMENT_TRANSACTIONS] = until.isoformat()
    item.other.async_extraction = True
    arm(world, item)


def arm(world: World, item: Item) -> None:
    """Sets the timer of an asynchronous extraction that has not ended."""
    until = item.other.not_ready.get(INVESTMENT_TRANSACTIONS)
    if item.other.async_extraction and until:
        world.clock.at(datetime.fromisoformat(until), lambda: _end(world, item))


def _end(world: World, item: Item) -> None:
    """Ends an asynchronous extraction; while the Item is in an error it cannot end, and the next good call ends it."""
    other = item.other
    if not other.async_extraction or item.removed or item.revoked or item.error:
        return
    other.async_extraction = False
    other.not_ready.pop(INVESTMENT_TRANSACTIONS, None)
    announce_history(world, item)


def announce_history(world: World, item: Item) -> list[str]:
    """Sends HISTORICAL_UPDATE for all investment transactions; returns the codes that were sent."""
    other = item.other
    other.investments_updated = world.clock.now().isoformat()
    other.unannounced.new_investment_transactions = other.unannounced.cancelled_investment_transactions = 0
    total = sum(len(account.investment_transactions) for account in item.accounts)
    body = announcements.investments_historical_update(total, 0)
    wanted = PRODUCT_OF[INVESTMENT_TRANSACTIONS] in item.products and not world.outages.silences(item)
    return [_code(body)] if wanted and world.webhooks.send(item, body) else []


def announce(world: World, item: Item, *kinds: str, even_if_unchanged: bool = True) -> list[str]:
    """Sends the webhooks of these kinds of data, if the Item has their products; returns the codes that were sent."""
    sent: list[str] = []
    if world.outages.silences(item):
        return sent
    for kind in kinds:
        body, changed = _take(item, kind)
        if PRODUCT_OF[kind] == "investments" and changed:
            item.other.investments_updated = world.clock.now().isoformat()
        wanted = (changed or even_if_unchanged) and PRODUCT_OF[kind] in item.products
        if wanted and world.webhooks.send(item, body):
            sent.append(_code(body))
    return sent


def _code(body: Json) -> str:
    return f"{body['webhook_type']}/{body['webhook_code']}"


def _take(item: Item, kind: str) -> tuple[Json, bool]:
    """The webhook for the changes since the last one, whose counters start again, and whether there were any."""
    since = item.other.unannounced
    if kind == HOLDINGS:
        new, updated = since.new_holdings, since.updated_holdings
        since.new_holdings = since.updated_holdings = 0
        return announcements.holdings_update(new, updated), bool(new or updated)
    if kind == INVESTMENT_TRANSACTIONS:
        new, cancelled = since.new_investment_transactions, since.cancelled_investment_transactions
        since.new_investment_transactions = since.cancelled_investment_transactions = 0
        return announcements.investments_update(new, cancelled), bool(new or cancelled)
    if kind == LIABILITIES:
        accounts, fields = since.new_liabilities, since.updated_liabilities
        since.new_liabilities, since.updated_liabilities = [], {}
        return announcements.liabilities_update(accounts, fields), bool(accounts or fields)
    streams, since.recurring_accounts = since.recurring_accounts, []
    return announcements.recurring_update(streams), bool(streams)


def announce_shared(world: World, item: Item, accounts: Iterable[Account]) -> None:
    """Announces the product data of accounts that the user shares again."""
    since = item.other.unannounced
    for account in accounts:
        since.new_holdings += len(account.holdings)
        since.new_investment_transactions += len(account.investment_transactions)
        if account.liability is not None:
            since.new_liability(account.account_id)
        if account.has_transactions:
            since.recurring(account.account_id)
    kinds = (HOLDINGS, INVESTMENT_TRANSACTIONS, LIABILITIES)
    announce(world, item, *kinds, even_if_unchanged=False)
    if item.other.recurring_read:
        announce(world, item, RECURRING, even_if_unchanged=False)
