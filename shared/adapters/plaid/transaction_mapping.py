"""Maps Plaid's transactions and accounts to domain values.

Plaid may add fields and values at any time, so only harmful values are checked for. An optional value that cannot be
stored becomes None and is counted in `Oddities`. A row without a required value is set aside. Neither affects other
rows.
"""

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any, cast

from shared.adapters.plaid import values
from shared.adapters.plaid.values import (
    TEXT_KINDS,
    Oddities,
    Unordinary,
    Unusable,
    flag,
    optional_category,
    optional_date,
    optional_id,
    optional_time,
    ordinary_list,
    ordinary_map,
    required_amount,
    required_date,
    required_id,
)
from shared.domain import storable
from shared.domain.account import Account, Balances
from shared.domain.set_aside import SetAsideRow, key_of
from shared.domain.transaction import History, Page, Transaction

_HISTORY = {
    "NOT_READY": History.NOT_READY,
    "INITIAL_UPDATE_COMPLETE": History.RECENT,
    "HISTORICAL_UPDATE_COMPLETE": History.COMPLETE,
}
MAX_CURSOR = 10_000  # characters; Plaid's have at most 256
_TEXTS = (
    "iso_currency_code",
    "unofficial_currency_code",
    "name",
    "merchant_name",
    "merchant_entity_id",
    "payment_channel",
    "category_icon_url",
    "logo_url",
    "website",
    "check_number",
    "original_description",
    "transaction_code",
    "account_owner",
)
_texts = itemgetter(*_TEXTS)


def page(answer: Mapping[str, Any], *, size: int) -> Page:
    """Maps a response of /transactions/sync.

    An unknown update status counts as RECENT if there are rows, so that the sync does not wait for a status that may
    never come, and as NOT_READY if the response is empty.

    Args:
        answer: The parsed body, with numbers as int and Decimal.
        size: The length of the body in bytes.

    Raises:
        Unusable: A value is missing without which rows would be lost or mixed up.
    """
    odd, aside = Oddities(), dict[str, SetAsideRow]()
    large = size > storable.MAX_BYTES  # no text is longer than its response
    try:
        rows, changed, gone = answer["added"], answer["modified"], answer["removed"]
        if not all(isinstance(some, list) for some in (rows, changed, gone)):
            raise Unusable("the rows are not a list", field="added")
        cursor, more = answer["next_cursor"] or None, answer["has_more"]
        if cursor is not None and not (isinstance(cursor, str) and len(cursor) <= MAX_CURSOR):
            raise Unusable("the cursor is not a valid text", field="next_cursor")
        history = _history(answer.get("transactions_update_status"), anything=bool(cursor or rows))
        if not isinstance(more, bool) or (more and cursor is None):
            raise Unusable("has_more without a cursor", field="next_cursor")
        named = [removed for one in gone if (removed := _removed_id(one, odd)) is not None]
        return Page(
            added=transactions(rows, odd, aside, large=large),
            modified=transactions(changed, odd, aside, large=large),
            removed=[i for i in named if storable.is_document_id(i)],
            accounts=accounts(answer.get("accounts"), odd),
            next_cursor=cursor,
            has_more=more,
            history=history,
            size=size,
            request_id=storable.text(answer.get("request_id"), limit=values.SHORT_TEXT),
            set_aside=tuple(aside.values()),
            removed_aside=tuple(i for i in named if not storable.is_document_id(i)),
            oddities=+odd,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"a response of /transactions/sync lacks a required value: {type(error).__name__}") from None


def _history(status: object, *, anything: bool) -> History:
    known = _HISTORY.get(status) if isinstance(status, str) else None
    return known if known is not None else History.RECENT if anything else History.NOT_READY


def _removed_id(one: object, odd: Oddities) -> str | None:
    """The id in an entry of `removed`; None if it has none, so it cannot name a stored row."""
    given = one.get("transaction_id") if isinstance(one, Mapping) else None
    if isinstance(given, str) and given:
        return given
    odd["removed"] += 1
    return None


def transactions(
    given: Iterable[Any], odd: Oddities, aside: dict[str, SetAsideRow], *, large: bool
) -> list[Transaction]:
    """Maps one list of rows. `aside` gets the unusable ones by key; a later usable version of a row takes it out."""
    made = []
    for row in given:
        try:
            made.append(transaction(row, odd, large=large))
        except Unusable as error:
            unusable = SetAsideRow.of(row, field=error.field)
            aside[unusable.key] = unusable
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError):
            unusable = SetAsideRow.of(row, field="row")
            aside[unusable.key] = unusable
        else:
            if aside:
                aside.pop(key_of(made[-1]["transaction_id"]), None)
    return made


def transaction(row: Mapping[str, Any], odd: Oddities | None = None, *, large: bool = True) -> Transaction:
    """Maps a transaction. Fields: https://plaid.com/docs/api/products/transactions/#transactionssync

    Args:
        row: The object that Plaid sent.
        odd: Counts the omitted values.
        large: Whether the row may be too large for a document.

    Raises:
        Unusable: The row has no id, account, date or amount.
    """
    odd = Oddities() if odd is None else odd
    get = row.get
    written, double = required_amount(get("amount"))
    made: Transaction = {
        "transaction_id": required_id(get("transaction_id"), "transaction_id"),
        "account_id": required_id(get("account_id"), "account_id"),
        "date": required_date(get("date")),
        "authorized_date": None if (on := get("authorized_date")) is None else optional_date(on, odd),
        "datetime": None if (at := get("datetime")) is None else optional_time(at, "datetime", odd),
        "authorized_datetime": None
        if (at := get("authorized_datetime")) is None
        else optional_time(at, "authorized_datetime", odd),
        "amount": written,
        "amount_value": double,
        "iso_currency_code": get("iso_currency_code"),
        "unofficial_currency_code": get("unofficial_currency_code"),
        "name": get("name") or "",
        "merchant_name": get("merchant_name"),
        "merchant_entity_id": get("merchant_entity_id"),
        "pending": pending if type(pending := get("pending")) is bool else flag(pending, odd),
        "pending_transaction_id": None if (other := get("pending_transaction_id")) is None else optional_id(other, odd),
        "payment_channel": get("payment_channel"),
        "category": None if (named := get("personal_finance_category")) is None else optional_category(named, odd),
        "category_icon_url": get("personal_finance_category_icon_url"),
        "counterparties": [],
        "location": None,
        "logo_url": get("logo_url"),
        "website": get("website"),
        "check_number": get("check_number"),
        "original_description": get("original_description"),
        "transaction_code": get("transaction_code"),
        "account_owner": get("account_owner"),
    }
    fields = cast("dict[str, Any]", made)
    try:
        if counterparties := get("counterparties"):
            fields["counterparties"] = ordinary_list(counterparties)
        if (location := get("location")) is not None:
            fields["location"] = ordinary_map(location)
        if large or not TEXT_KINDS.issuperset(map(type, _texts(fields))):
            raise Unordinary
    except Unordinary:
        _sanitize(fields, row, odd)
    return made


def _sanitize(made: dict[str, Any], row: Mapping[str, Any], odd: Oddities) -> None:
    """Repairs the values of an unusual row; drops the largest optional values until it fits in a document."""
    made["counterparties"] = values.storable_list(row.get("counterparties"), odd)
    location = row.get("location")
    made["location"] = values.storable_map(location, "location", odd) if isinstance(location, Mapping) else None
    if location is not None and made["location"] is None:
        odd["location"] += 1
    for name in _TEXTS:
        value = made[name]
        if value is not None and storable.text(value) is None:
            made[name] = None
            odd[name] += 1
    weights = {name: storable.weight(made[name]) for name in (*_TEXTS, "counterparties", "location")}
    while sum(weights.values()) > storable.MAX_BYTES:
        largest = max(weights, key=lambda name: weights[name])
        made[largest], weights[largest] = [] if largest == "counterparties" else None, 1
        odd[largest] += 1
    made["name"] = made["name"] or ""


def accounts(given: object, odd: Oddities) -> list[Account]:
    """The accounts in a response, except those without a usable id, which are counted as `account_id`."""
    made = []
    for one in given if isinstance(given, list) else ():
        try:
            made.append(account(one, odd))
        except (Unusable, AttributeError):
            odd["account_id"] += 1
    return made


def account(given: Mapping[str, Any], odd: Oddities | None = None) -> Account:
    """Maps an account. Fields: https://plaid.com/docs/api/accounts/

    Args:
        given: The object that Plaid sent.
        odd: Counts the omitted values.

    Raises:
        Unusable: The account has no usable id.
    """
    odd = Oddities() if odd is None else odd

    def text(fields: Mapping[str, Any], name: str) -> str | None:
        value = fields.get(name)
        return None if value is None else values.optional_text(value, name, odd)

    balances = given.get("balances") or {}
    if not isinstance(balances, Mapping):
        odd["balances"] += 1
        balances = {}
    return {
        "account_id": required_id(given.get("account_id"), "account_id"),
        "name": text(given, "name") or "",
        "official_name": text(given, "official_name"),
        "mask": text(given, "mask"),
        "type": text(given, "type") or "other",
        "subtype": text(given, "subtype"),
        "balances": Balances(
            current=values.optional_amount(balances.get("current"), odd),
            available=values.optional_amount(balances.get("available"), odd),
            limit=values.optional_amount(balances.get("limit"), odd),
            iso_currency_code=text(balances, "iso_currency_code"),
            unofficial_currency_code=text(balances, "unofficial_currency_code"),
        ),
        "persistent_account_id": text(given, "persistent_account_id"),
        "duplicate_of": None,  # set later, by comparison with the other connections
    }
