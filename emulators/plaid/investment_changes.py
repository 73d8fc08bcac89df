"""Changes of an Item's holdings and investment transactions, as its bank makes them.

New data has the format of a custom user (plaid.com/docs/sandbox/user-custom). Any field of the answer can be set to any
value, valid or not.
"""

from decimal import Decimal
from typing import Any

from emulators.plaid.bank import Account
from emulators.plaid.ids import derive
from emulators.plaid.investments import is_investment
from emulators.plaid.items import Item
from emulators.plaid.people import custom_investments

Json = dict[str, Any]


def add_transaction(item: Item, written: Json) -> str:
    """Adds a transaction in the format of a custom user, with any field of the answer; returns its id."""
    account = account_of(item, written.get("account_id"))
    identifier = derive(item.item_id, "added investment", item.other.next_number())
    entry = custom_investments.transaction(written, account, identifier)
    _overlay(entry["transaction"], {name: value for name, value in written.items() if name != "account_id"})
    account.investment_transactions.insert(0, entry)
    item.other.unannounced.new_investment_transactions += 1
    return str(entry["transaction"]["investment_transaction_id"])


def change_transaction(item: Item, change: Json) -> None:
    _, entry = find_transaction(item, str(change.get("investment_transaction_id")))
    _overlay(entry["transaction"], change)
    if "amount" not in change:
        _revalue(entry["transaction"], change, "price", "amount")
    item.other.unannounced.new_investment_transactions += 1


def remove_transaction(item: Item, identifier: str) -> None:
    account, entry = find_transaction(item, identifier)
    account.investment_transactions.remove(entry)
    item.other.unannounced.cancelled_investment_transactions += 1


def add_holding(item: Item, written: Json) -> Json:
    """Adds a holding in the format of a custom user, with any field of the answer."""
    account = account_of(item, written.get("account_id"))
    entry = custom_investments.holding(written, account)
    security_id = entry["holding"]["security_id"]
    if any(other["holding"]["security_id"] == security_id for other in account.holdings):
        raise ValueError(f"the account holds {security_id} already: change it")
    _overlay(entry["holding"], written)
    account.holdings.append(entry)
    item.other.unannounced.new_holdings += 1
    return {"account_id": account.account_id, "security_id": security_id}


def change_holding(item: Item, change: Json) -> None:
    """Changes fields of a holding, and with `security` those of its security wherever the Item has it."""
    _, entry = find_holding(item, change)
    holding = entry["holding"]
    _overlay(holding, {name: value for name, value in change.items() if name != "security_id"})
    if "institution_value" not in change:
        _revalue(holding, change, "institution_price", "institution_value")
    _change_security(item, str(holding["security_id"]), change.get("security", {}))
    item.other.unannounced.updated_holdings += 1


def _change_security(item: Item, security_id: str, change: Json) -> None:
    for account in everywhere(item):
        for entry in [*account.holdings, *account.investment_transactions]:
            if entry["security"] and entry["security"]["security_id"] == security_id:
                entry["security"] = {**entry["security"], **change}
                inner = entry.get("holding") or entry["transaction"]
                inner["security_id"] = entry["security"]["security_id"]


def remove_holding(item: Item, key: Json) -> None:
    account, entry = find_holding(item, key)
    account.holdings.remove(entry)
    item.other.unannounced.updated_holdings += 1


def sell_holding(item: Item, order: Json, today: str) -> str:
    """Sells a holding, or `quantity` of it: it shrinks or goes, and a sell appears among the transactions."""
    account, entry = find_holding(item, order)
    holding = entry["holding"]
    quantity, price = order.get("quantity", holding["quantity"]), order.get("price", holding["institution_price"])
    if not 0 < quantity <= holding["quantity"]:
        raise ValueError(f"the account holds {holding['quantity']} of it")
    left = holding["quantity"] - quantity
    if left:
        cost = holding["cost_basis"]
        share = None if cost is None else Decimal(cost) * left / Decimal(holding["quantity"])
        change_holding(item, {**_key(holding), "quantity": left, "cost_basis": share})
    else:
        remove_holding(item, _key(holding))
    security = entry["security"]
    sold = {
        "account_id": account.account_id,
        "date": order.get("date", today),
        "name": f"SELL {security['ticker_symbol'] or security['name']}",
        "type": "sell",
        "quantity": -quantity,
        "price": price,
        "fees": order.get("fees", 0),
        "currency": holding["iso_currency_code"] or holding["unofficial_currency_code"],
        "security_id": security["security_id"],
    }
    identifier = add_transaction(item, sold)
    find_transaction(item, identifier)[1]["security"] = security
    return identifier


def _key(holding: Json) -> Json:
    return {"account_id": holding["account_id"], "security_id": holding["security_id"]}


def everywhere(item: Item) -> list[Account]:
    """All accounts, also those that wait for the user's choice."""
    return [*item.accounts, *item.hidden_accounts]


def account_of(item: Item, account_id: Any) -> Account:
    """The account of an id, or the first one for investments. Raises LookupError."""
    for account in everywhere(item):
        if account.account_id == account_id or (account_id is None and is_investment(account)):
            return account
    raise LookupError(f"no such account: {account_id}")


def find_holding(item: Item, key: Json) -> tuple[Account, Json]:
    """The holding of `security_id`, in `account_id` if that is given. Raises LookupError."""
    security_id, account_id = key.get("security_id"), key.get("account_id")
    for account in everywhere(item):
        for entry in account.holdings if account_id in {None, account.account_id} else ():
            if entry["holding"]["security_id"] == security_id:
                return account, entry
    raise LookupError(f"no such holding: {security_id}")


def find_transaction(item: Item, identifier: str) -> tuple[Account, Json]:
    for account in everywhere(item):
        for entry in account.investment_transactions:
            if entry["transaction"]["investment_transaction_id"] == identifier:
                return account, entry
    raise LookupError(f"no such investment transaction: {identifier}")


def _overlay(built: Json, written: Json) -> None:
    """Sets the fields of the answer that the caller wrote, of any type and unchanged."""
    built.update({name: value for name, value in written.items() if name in built})


def _revalue(built: Json, change: Json, price: str, value: str) -> None:
    """Makes the value follow a new quantity or price, if both are numbers."""
    factors = [built["quantity"], built[price]]
    if {"quantity", price} & set(change) and all(isinstance(factor, int | Decimal) for factor in factors):
        built[value] = factors[0] * factors[1]
