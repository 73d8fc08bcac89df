"""Auth, identity, liabilities and investments.

Sources: plaid.com/docs/api/products/auth, identity, liabilities, investments. The errors for a missing kind of account
concern the whole Item: `account_ids` of other accounts are answered with these accounts and empty lists, as the tests
of Plaid's clients rely on.
"""

from datetime import date
from typing import Any

from emulators.plaid.bank import Account
from emulators.plaid.endpoints.calls import Call, Json, endpoint
from emulators.plaid.errors import PlaidError
from emulators.plaid.items import Item

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
    found: dict[str, list[Json]] = {"credit": [], "mortgage": [], "student": []}
    for account in accounts:
        kind = _liability_kind(account)
        if kind and account.liability is not None:
            found[kind].append({"account_id": account.account_id, **account.liability})
    if not any(_has_liability(account) for account in item.accounts):
        raise PlaidError("NO_LIABILITY_ACCOUNTS")
    return {**_answer(item, accounts), "liabilities": {kind: list_ or None for kind, list_ in found.items()}}


def _has_liability(account: Account) -> bool:
    return _liability_kind(account) is not None and account.liability is not None


def _liability_kind(account: Account) -> str | None:
    if account.type == "credit":
        return "credit"
    return account.subtype if account.type == "loan" and account.subtype in {"mortgage", "student"} else None


@endpoint("/investments/holdings/get")
def holdings(call: Call) -> Json:
    item = call.healthy_item("investments")
    accounts = _with_investments(call, item)
    held = [entry for account in accounts for entry in account.holdings]
    return {
        **_investment_answer(item, accounts),
        "holdings": [entry["holding"] for entry in held],
        "securities": _securities(held),
    }


@endpoint("/investments/transactions/get")
def investment_transactions(call: Call) -> Json:
    start, end = call.fields["start_date"], call.fields["end_date"]
    if date.fromisoformat(start) > date.fromisoformat(end):
        raise PlaidError("INVALID_FIELD", "start_date must not be after end_date")
    item = call.healthy_item("investments")
    accounts = _with_investments(call, item)
    entries = [
        entry
        for account in accounts
        for entry in account.investment_transactions
        if start <= entry["transaction"]["date"] <= end
    ]
    entries.sort(key=lambda entry: str(entry["transaction"]["date"]), reverse=True)
    first = int(call.options.get("offset", 0))
    page = entries[first : first + int(call.options.get("count", 100))]
    return {
        **_investment_answer(item, accounts),
        "investment_transactions": [entry["transaction"] for entry in page],
        "securities": _securities(page),
        "total_investment_transactions": len(entries),
    }


def _with_investments(call: Call, item: Item) -> list[Account]:
    accounts = item.chosen_accounts(call.options)
    if not any(account.type in {"investment", "brokerage"} for account in item.accounts):
        raise PlaidError("NO_INVESTMENT_ACCOUNTS")
    return accounts


def _securities(entries: list[Json]) -> list[Json]:
    found = {entry["security"]["security_id"]: entry["security"] for entry in entries if entry["security"]}
    return list(found.values())


def _answer(item: Item, accounts: list[Account]) -> dict[str, Any]:
    return {"accounts": [account.as_object() for account in accounts], "item": item.as_object()}


def _investment_answer(item: Item, accounts: list[Account]) -> Json:
    answer = _answer(item, accounts)
    for account, described in zip(accounts, answer["accounts"], strict=True):
        described["balances"]["margin_loan_amount"] = account.margin_loan_amount
    return answer
