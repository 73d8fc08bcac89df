"""/_sim/items/<id>/holdings and investment_transactions: change what a bank reports of investments."""

from starlette.requests import Request

from emulators.plaid import extraction, investment_changes
from emulators.plaid.control.base import Json, Table, item_of, only
from emulators.plaid.product_data import HOLDINGS, INVESTMENT_TRANSACTIONS
from emulators.plaid.world import World


async def change_holdings(world: World, request: Request, body: Json) -> Json:
    """Adds, changes, removes and sells holdings, in this order.

    New ones have the format of a custom user. A holding is named by `security_id`, and by `account_id` if several
    accounts have it. `sell` takes `quantity` (all by default), `price` and `fees`, and adds the sell transaction.
    """
    only(body, "add", "change", "remove", "sell", "announce")
    item, today = item_of(world, request), str(world.clock.today())
    added = [investment_changes.add_holding(item, written) for written in body.get("add", [])]
    for change in body.get("change", []):
        investment_changes.change_holding(item, change)
    for key in body.get("remove", []):
        investment_changes.remove_holding(item, key)
    sold = [investment_changes.sell_holding(item, order, today) for order in body.get("sell", [])]
    kinds = (HOLDINGS, INVESTMENT_TRANSACTIONS) if sold else (HOLDINGS,)
    sent = extraction.announce(world, item, *kinds) if body.get("announce", True) else []
    return {"added": added, "sold": sold, "sent": sent}


async def change_investment_transactions(world: World, request: Request, body: Json) -> Json:
    """Adds, changes and removes investment transactions, in this order.

    One of `between_pages` is added after each page that is not the last, so that the total changes between two pages.
    `announce` may also be `HISTORICAL_UPDATE`, as at the end of an asynchronous extraction.
    """
    only(body, "add", "change", "remove", "between_pages", "announce")
    item = item_of(world, request)
    if "between_pages" in body:
        item.other.between_pages = list(body["between_pages"])
    added = [investment_changes.add_transaction(item, written) for written in body.get("add", [])]
    for change in body.get("change", []):
        investment_changes.change_transaction(item, change)
    for identifier in body.get("remove", []):
        investment_changes.remove_transaction(item, str(identifier))
    announced = body.get("announce", set(body) != {"between_pages"})
    if announced == "HISTORICAL_UPDATE":
        sent = extraction.announce_history(world, item)
    else:
        sent = extraction.announce(world, item, INVESTMENT_TRANSACTIONS) if announced else []
    return {"added": added, "between_pages": len(item.other.between_pages), "sent": sent}


ROUTES: Table = [
    ("POST", "/items/{item_id}/holdings", change_holdings),
    ("POST", "/items/{item_id}/investment_transactions", change_investment_transactions),
]
