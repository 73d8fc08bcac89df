"""Auth, identity and liabilities.

Sources: plaid.com/docs/api/products/auth, identity, liabilities. The errors for a missing kind of account concern the
whole Item: `account_ids` of other accounts are answered with these accounts and empty lists, as the tests of Plaid's
clients rely on.
"""

from typing import Any

from emulators.plaid.bank import Account
from emulators.plaid.endpoints.calls import Call, Json, endpoint
from emulators.plaid.errors import PlaidError
from emulators.plaid.extraction import check_ready
from emulators.plaid.items import Item
from emulators.plaid.liabilities import KINDS as LIABILITY_KINDS
from emulators.plaid.liabilities import has_liability, liabilities_of
from emulators.plaid.product_data import LIABILITIES

_NUMBER_KINDS = ("ach", "eft", "international", "bacs")
_AUTH_SUBTYPES = {"checking", "savings", "cash management"}


@endpoint("/auth/get")
def auth(call: Call) -> Json:
    item = call.healthy_item("auth")
    accounts = item.chosen_accounts(call.options)
    if not any(account.subtype in _AUTH_SUBTYPES for account in item.accounts):
        raise PlaidError("NO_AUTH_ACCOUNTS")
    numbers: dict[str, list[Json]] = {kind: [] for kind in _NUMBER_KINDS}
    for account in accounts:
        if account.subtype not in _AUTH_SUBTYPES:
            continue
        for kind, number in account.numbers.items():
            numbers[kind].append({"account_id": account.account_id, **number})
    return {**_answer(item, accounts), "numbers": numbers}


@endpoint("/identity/get")
def identity(call: Call) -> Json:
    item = call.healthy_item("identity")
    accounts = item.chosen_accounts(call.options)
    return {
        "accounts": [{**account.as_object(), "owners": account.owners} for account in accounts],
        "item": item.as_object(),
    }


@endpoint("/liabilities/get")
def liabilities(call: Call) -> Json:
    item = call.healthy_item("liabilities")
    accounts = item.chosen_accounts(call.options)
    if not any(map(has_liability, item.accounts)):
        raise PlaidError("NO_LIABILITY_ACCOUNTS")
    check_ready(call.world, item, LIABILITIES)
    found = {} if LIABILITIES in item.other.hollow else liabilities_of(accounts)
    return {**_answer(item, accounts), "liabilities": {kind: found.get(kind) for kind in LIABILITY_KINDS}}


def _answer(item: Item, accounts: list[Account]) -> dict[str, Any]:
    return {"accounts": [account.as_object() for account in accounts], "item": item.as_object()}
