"""Investments and Investments Move. Source: plaid.com/docs/api/products/investments and investments-move."""

from datetime import date

from emulators.plaid import extraction
from emulators.plaid.bank import Account
from emulators.plaid.endpoints.calls import Call, Json, endpoint
from emulators.plaid.errors import PlaidError
from emulators.plaid.investment_changes import add_transaction
from emulators.plaid.investments import holdings_of, is_investment, securities_of, transactions_of
from emulators.plaid.items import Item
from emulators.plaid.product_data import HOLDINGS, INVESTMENT_TRANSACTIONS

_PLAN_SUBTYPES = {"401a", "401k", "403B", "457b"}
_DTC_NUMBERS = ["0226"]


@endpoint("/investments/holdings/get")
def holdings(call: Call) -> Json:
    item = call.healthy_item("investments")
    accounts = _with_investments(call, item)
    extraction.check_ready(call.world, item, HOLDINGS)
    held = holdings_of(item, accounts)
    return {
        **_answer(item, accounts),
        "holdings": [entry["holding"] for entry in held],
        "securities": securities_of(held),
    }


@endpoint("/investments/transactions/get")
def transactions(call: Call) -> Json:
    start, end = call.fields["start_date"], call.fields["end_date"]
    if date.fromisoformat(start) > date.fromisoformat(end):
        raise PlaidError("INVALID_FIELD", "start_date must not be after end_date")
    initialised = "investments" in call.item().products
    item = call.healthy_item("investments")
    accounts = _with_investments(call, item)
    if call.options.get("async_update") and not initialised:
        extraction.begin_asynchronously(call.world, item)
    extraction.check_ready(call.world, item, INVESTMENT_TRANSACTIONS)
    entries = transactions_of(item, accounts, start, end)
    first = int(call.options.get("offset") or 0)
    page = entries[first : first + int(call.options.get("count") or 100)]
    answer = {
        **_answer(item, accounts),
        "investment_transactions": [entry["transaction"] for entry in page],
        "securities": securities_of(page),
        "total_investment_transactions": len(entries),
    }
    if first + len(page) < len(entries):
        _next_arrival(item)
    return answer


def _next_arrival(item: Item) -> None:
    """Adds the next transaction that a test lets arrive between two pages."""
    if item.other.between_pages:
        add_transaction(item, item.other.between_pages.pop(0))


@endpoint("/investments/refresh")
def refresh(call: Call) -> Json:
    """Asks the bank for news. The webhooks report what was changed and not announced yet."""
    item = call.healthy_item("investments")
    _with_investments(call, item)
    extraction.check_ready(call.world, item, INVESTMENT_TRANSACTIONS)
    item.other.investments_updated = call.world.clock.now().isoformat()
    extraction.announce(call.world, item, HOLDINGS, INVESTMENT_TRANSACTIONS, even_if_unchanged=False)
    return {}


@endpoint("/investments/auth/get")
def auth(call: Call) -> Json:
    item = call.healthy_item("investments_auth")
    accounts = list(filter(is_investment, item.chosen_accounts(call.options)))
    if not any(map(is_investment, item.accounts)):
        raise PlaidError("NO_INVESTMENT_AUTH_ACCOUNTS")
    held = holdings_of(item, accounts)
    return {
        **_answer(item, accounts),
        "holdings": [entry["holding"] for entry in held],
        "securities": securities_of(held),
        "owners": [
            {"account_id": account.account_id, "names": [name for owner in account.owners for name in owner["names"]]}
            for account in accounts
        ],
        "numbers": _numbers(item, accounts),
        "data_sources": dict.fromkeys(("numbers", "owners", "holdings"), "INSTITUTION"),
    }


def _numbers(item: Item, accounts: list[Account]) -> Json:
    """The account numbers for a transfer: ACATS in the US, ATON in Canada, and the plans of employers."""
    canadian = "CA" in item.institution.countries
    found: dict[str, list[Json]] = {"acats": [], "aton": [], "retirement_401k": []}
    for account in accounts:
        number = {"account_id": account.account_id, "account": _account_number(account)}
        if account.subtype in _PLAN_SUBTYPES:
            found["retirement_401k"].append({**number, "plan": f"{account.mask or '0000'}01"})
        elif canadian:
            found["aton"].append(number)
        else:
            found["acats"].append({**number, "dtc_numbers": _DTC_NUMBERS})
    return found


def _account_number(account: Account) -> str:
    written = [str(number["account"]) for number in account.numbers.values() if "account" in number]
    return written[0] if written else f"TR{account.mask or '0000'}5555"


def _with_investments(call: Call, item: Item) -> list[Account]:
    """The requested accounts, which may be of other types as long as the Item has one for investments."""
    accounts = item.chosen_accounts(call.options)
    if not any(map(is_investment, item.accounts)):
        raise PlaidError("NO_INVESTMENT_ACCOUNTS")
    return accounts


def _answer(item: Item, accounts: list[Account]) -> Json:
    described = [account.as_object() for account in accounts]
    for account, answer in zip(accounts, described, strict=True):
        answer["balances"]["margin_loan_amount"] = account.margin_loan_amount
    return {"accounts": described, "item": item.as_object()}
