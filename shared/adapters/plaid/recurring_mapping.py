"""Maps the response of /transactions/recurring/get.

Fields: https://plaid.com/docs/api/products/transactions/#transactionsrecurringget
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from shared.adapters.plaid import values
from shared.adapters.plaid.product_rows import Fields, Rows, as_rows
from shared.domain import storable
from shared.domain.products.kinds import ProductKind
from shared.domain.products.recurring import MAX_TRANSACTION_IDS, RecurringStream, row_of
from shared.domain.products.snapshot import Snapshot

_UNKNOWN = "UNKNOWN"  # Plaid's own word for a frequency or status


def snapshot(answer: Mapping[str, Any]) -> Snapshot:
    """All streams.

    Raises:
        KeyError, Unusable: A list of streams is missing.
    """
    found = Rows[RecurringStream]()
    found.read(answer["inflow_streams"], partial(_stream, "in"), id_of=_id)
    found.read(answer["outflow_streams"], partial(_stream, "out"), id_of=_id)
    rows = as_rows(found, row_of)
    return Snapshot(
        kind=ProductKind.RECURRING,
        rows=rows,
        request_id=storable.text(answer.get("request_id"), limit=values.SHORT_TEXT),
        unreadable=frozenset(found.unreadable),
        nameless=found.nameless,
        oddities=+found.odd,
    )


def _id(row: Mapping[str, Any]) -> Any:
    return row.get("stream_id")


def _stream(direction: Literal["in", "out"], fields: Fields) -> RecurringStream:
    category = fields.given.get("personal_finance_category")
    average, last = fields.part("average_amount"), fields.part("last_amount")
    return {
        "stream_id": fields.id("stream_id"),
        "account_id": fields.id("account_id"),
        "direction": direction,
        "description": fields.text("description") or "",
        "merchant_name": fields.text("merchant_name"),
        "category": None if category is None else values.optional_category(category, fields.odd),
        "frequency": fields.word("frequency", default=_UNKNOWN),
        "status": fields.word("status", default=_UNKNOWN),
        "is_active": fields.flag("is_active") or False,
        "first_date": fields.required_day("first_date"),
        "last_date": fields.required_day("last_date"),
        "predicted_next_date": fields.day("predicted_next_date"),
        "average_amount": average.number("amount"),
        "last_amount": last.number("amount"),
        "currency": last.currency() or average.currency(),
        "transaction_ids": _transaction_ids(fields),
        "source": "plaid",
    }


def _transaction_ids(fields: Fields) -> list[str]:
    """The newest transactions: Plaid lists them in the order of their dates."""
    given = fields.given.get("transaction_ids")
    listed = given if isinstance(given, list) else []
    usable = [str(one) for one in listed if storable.is_document_id(one)]
    fields.odd["transaction_ids"] += (given is not None and listed is not given) + len(listed) - len(usable)
    return usable[-MAX_TRANSACTION_IDS:]
