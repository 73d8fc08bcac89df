"""/_sim/items/<id>/liabilities: change what a bank reports of cards and loans."""

from starlette.requests import Request

from emulators.plaid import extraction
from emulators.plaid.bank import Account
from emulators.plaid.control.base import Json, Refused, Table, item_of, only
from emulators.plaid.items import Item
from emulators.plaid.liabilities import has_liability, kind_of
from emulators.plaid.people import custom_liabilities
from emulators.plaid.product_data import LIABILITIES
from emulators.plaid.world import World


async def change_liabilities(world: World, request: Request, body: Json) -> Json:
    """Adds, changes and removes liabilities, in this order; an account has at most one.

    `add`: `account_id` and a liability in the format of a custom user; `change`: `account_id` and any fields of the
    answer; `remove`: account ids.
    """
    only(body, "add", "change", "remove", "announce")
    item = item_of(world, request)
    for written in body.get("add", []):
        _add(item, written)
    for change in body.get("change", []):
        _change(item, change)
    for account_id in body.get("remove", []):
        account = _account(item, account_id, has=True)
        account.liability = None
        item.other.unannounced.updated_liability(account.account_id, [])
    sent = extraction.announce(world, item, LIABILITIES) if body.get("announce", True) else []
    liable = [account.account_id for account in item.accounts if has_liability(account)]
    return {"accounts": liable, "sent": sent}


def _add(item: Item, written: Json) -> None:
    account = _account(item, written.pop("account_id", None), has=False)
    account.liability = custom_liabilities.liability(written, account)
    item.other.unannounced.new_liability(account.account_id)


def _change(item: Item, change: Json) -> None:
    account = _account(item, change.pop("account_id", None), has=True)
    account.liability = {**(account.liability or {}), **change}
    item.other.unannounced.updated_liability(account.account_id, change)


def _account(item: Item, account_id: str | None, *, has: bool) -> Account:
    found = [account for account in [*item.accounts, *item.hidden_accounts] if account.account_id == account_id]
    if not found:
        raise Refused(f"no such account: {account_id}", 404)
    if kind_of(found[0]) is None:
        raise Refused("only credit accounts, student loans and mortgages have liabilities")
    if (found[0].liability is not None) is not has:
        raise Refused("the account has no liability" if has else "the account has a liability already: change it", 409)
    return found[0]


ROUTES: Table = [("POST", "/items/{item_id}/liabilities", change_liabilities)]
