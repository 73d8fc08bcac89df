"""Accounts and balances. Source: plaid.com/docs/api/accounts, plaid.com/docs/api/products/balance."""

from datetime import datetime

from emulators.plaid.bank import Account
from emulators.plaid.clock import iso, parse_iso
from emulators.plaid.endpoints.calls import Call, Json, endpoint
from emulators.plaid.errors import PlaidError
from emulators.plaid.items import Item

CAPITAL_ONE = "ins_128026"
BALANCE_BANK = "ins_130016"


@endpoint("/accounts/get")
def get(call: Call) -> Json:
    item = call.healthy_item()
    accounts = item.chosen_accounts(call.options)
    return {"accounts": [account.as_object() for account in accounts], "item": item.as_object()}


@endpoint("/accounts/balance/get")
def get_balance(call: Call) -> Json:
    item = call.healthy_item()
    accounts = item.chosen_accounts(call.options)
    oldest = call.options.get("min_last_updated_datetime")
    if oldest is None and _must_say_how_old(item):
        raise PlaidError("INVALID_FIELD", "min_last_updated_datetime is required for this institution")
    updated = [_updated(item, account, call.world.clock.now()) for account in accounts]
    cached = [when for account, when in zip(accounts, updated, strict=True) if when and _is_cached(item, account)]
    if oldest is not None and cached and min(cached) < parse_iso(oldest):
        newest = f"requested datetime out of range, most recently updated balance {iso(min(cached))}"
        raise PlaidError("LAST_UPDATED_DATETIME_OUT_OF_RANGE", newest)
    answer = [account.as_object() for account in accounts]
    for described, when in zip(answer, updated, strict=True):
        if when:
            described["balances"]["last_updated_datetime"] = iso(when)
    return {"accounts": answer, "item": item.as_object()}


def _must_say_how_old(item: Item) -> bool:
    """Capital One requires it as soon as the Item has an account other than a depository one."""
    cached = any(_is_cached(item, account) for account in item.accounts)
    return cached and item.institution.institution_id == CAPITAL_ONE


def _is_cached(item: Item, account: Account) -> bool:
    """Whether the bank has no live balance of the account: Capital One's cards, and all of the Balance Bank."""
    return item.institution.institution_id == BALANCE_BANK or account.type != "depository"


def _updated(item: Item, account: Account, now: datetime) -> datetime | None:
    """The time of the balance. Cached balances are read once a day, at midnight UTC, and when the Item is created."""
    if item.institution.institution_id not in {CAPITAL_ONE, BALANCE_BANK}:
        return None
    if not _is_cached(item, account):
        return now
    if item.other.balances_updated:
        return parse_iso(item.other.balances_updated)
    return max(now.replace(hour=0, minute=0, second=0, microsecond=0), item.created_at)
