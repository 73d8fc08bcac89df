"""Plaid's objects in our words. Only what a wrong value could hurt is checked; Plaid adds fields and values freely."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from shared.domain.account import Account, Balances
from shared.domain.transaction import Category, History, Page, Transaction


class Unusable(ValueError):
    """An answer without something that cannot be done without."""


_HISTORY = {
    "NOT_READY": History.NOT_READY,
    "INITIAL_UPDATE_COMPLETE": History.RECENT,
    "HISTORICAL_UPDATE_COMPLETE": History.COMPLETE,
}


def page(answer: Mapping[str, Any], *, size: int) -> Page:
    """One answer of /transactions/sync.

    An unknown update status counts as RECENT where there are rows, so that nothing waits for a word that may never
    come, and as NOT_READY where there is nothing at all.

    Args:
        answer: The parsed body, with numbers as int and Decimal.
        size: Its length in bytes.

    Raises:
        Unusable: Something is missing without which rows would be lost or mixed up.
    """
    try:
        rows, changed = answer["added"], answer["modified"]
        cursor, more = answer["next_cursor"] or None, answer["has_more"]
        named = [_key(gone["transaction_id"]) for gone in answer["removed"]]
        history = _HISTORY.get(answer.get("transactions_update_status") or "")
        if history is None:
            history = History.RECENT if cursor or rows else History.NOT_READY
        if not isinstance(more, bool) or (more and cursor is None):
            raise Unusable("has_more without a cursor")
        return Page(
            added=[transaction(row) for row in rows],
            modified=[transaction(row) for row in changed],
            removed=named,
            accounts=[account(one) for one in answer.get("accounts") or ()],
            next_cursor=cursor,
            has_more=more,
            history=history,
            size=size,
            request_id=answer.get("request_id"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"an answer of /transactions/sync lacks something: {type(error).__name__}") from None


def transaction(row: Mapping[str, Any]) -> Transaction:
    """One transaction. Fields: https://plaid.com/docs/api/products/transactions/#transactionssync

    Raises:
        Unusable: No id, account, date or amount.
    """
    get = row.get
    amount = row["amount"]
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        raise Unusable("a transaction without an amount")
    date = row["date"]
    if not isinstance(date, str):
        raise Unusable("a transaction without a date")
    return {
        "transaction_id": _key(row["transaction_id"]),
        "account_id": _key(row["account_id"]),
        "date": date,
        "authorized_date": get("authorized_date"),
        "datetime": moment(get("datetime")),
        "authorized_datetime": moment(get("authorized_datetime")),
        "amount": decimal_text(amount),
        "amount_value": float(amount),
        "iso_currency_code": get("iso_currency_code"),
        "unofficial_currency_code": get("unofficial_currency_code"),
        "name": get("name") or "",
        "merchant_name": get("merchant_name"),
        "merchant_entity_id": get("merchant_entity_id"),
        "pending": bool(get("pending")),
        "pending_transaction_id": get("pending_transaction_id"),
        "payment_channel": get("payment_channel"),
        "category": _category(get("personal_finance_category")),
        "category_icon_url": get("personal_finance_category_icon_url"),
        "counterparties": _plain(get("counterparties") or []),
        "location": _plain(get("location")),
        "logo_url": get("logo_url"),
        "website": get("website"),
        "check_number": get("check_number"),
        "original_description": get("original_description"),
        "transaction_code": get("transaction_code"),
        "account_owner": get("account_owner"),
    }


def account(given: Mapping[str, Any]) -> Account:
    """One account. Fields: https://plaid.com/docs/api/accounts/

    Raises:
        Unusable: No id.
    """
    balances = given.get("balances") or {}
    return {
        "account_id": _key(given.get("account_id")),
        "name": given.get("name") or "",
        "official_name": given.get("official_name"),
        "mask": given.get("mask"),
        "type": given.get("type") or "other",
        "subtype": given.get("subtype"),
        "balances": Balances(
            current=_decimal(balances.get("current")),
            available=_decimal(balances.get("available")),
            limit=_decimal(balances.get("limit")),
            iso_currency_code=balances.get("iso_currency_code"),
            unofficial_currency_code=balances.get("unofficial_currency_code"),
        ),
        "persistent_account_id": given.get("persistent_account_id"),
        "duplicate_of": None,  # set with the other connections in view
    }


def decimal_text(number: int | Decimal) -> str:
    """A number as it was sent, without an exponent."""
    return str(number) if isinstance(number, int) else format(number, "f")


def _plain(value: Any) -> Any:
    """The same with doubles for decimals: what is no amount is stored, and compared, as Firestore keeps it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal) or (isinstance(value, int) and not -(2**63) <= value < 2**63):
        return float(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _decimal(number: Any) -> str | None:
    return None if number is None else decimal_text(number)


def _key(value: Any) -> str:
    """An id that can be a document's name: https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields"""
    if not isinstance(value, str) or not value or "/" in value or value in (".", "..") or len(value) > 1000:
        raise Unusable("an id that is none")
    return value


def moment(text: Any) -> datetime | None:
    """A time as Plaid writes it, aware; None for anything else."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _category(given: Any) -> Category | None:
    if not isinstance(given, Mapping) or not given.get("primary"):
        return None
    return {
        "primary": given["primary"],
        "detailed": given.get("detailed") or given["primary"],
        "confidence_level": given.get("confidence_level"),
    }
