"""Accounts and balances. Source: plaid.com/docs/api/accounts, plaid.com/docs/api/products/balance."""

from emulators.plaid.clock import iso
from emulators.plaid.endpoints.calls import Call, Json, endpoint
from emulators.plaid.errors import PlaidError

CAPITAL_ONE = "ins_128026"


@endpoint("/accounts/get")
def get(call: Call) -> Json:
    item = call.healthy_item()
    accounts = item.chosen_accounts(call.options)
    return {"accounts": [account.as_object() for account in accounts], "item": item.as_object()}


@endpoint("/accounts/balance/get")
def get_balance(call: Call) -> Json:
    item = call.healthy_item()
    accounts = item.chosen_accounts(call.options)
    answer = [account.as_object() for account in accounts]
    if item.institution.institution_id == CAPITAL_ONE:
        others = [account for account in accounts if account.type != "depository"]
        if others and "min_last_updated_datetime" not in call.options:
            raise PlaidError("INVALID_FIELD", "min_last_updated_datetime is required for this institution")
        for account in answer:
            account["balances"]["last_updated_datetime"] = iso(call.world.clock.now())
    return {"accounts": answer, "item": item.as_object()}
