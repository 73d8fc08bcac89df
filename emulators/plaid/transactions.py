"""Builds a transaction in Plaid's format from the data of a bank.

Source: plaid.com/docs/api/products/transactions/#transactionssync (the transaction object). Every key is always
present; unknown values are null.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from emulators.plaid import wire
from emulators.plaid.merchants import Merchant
from emulators.plaid.synclog import Row

_LOCATION = ("address", "city", "region", "postal_code", "country", "lat", "lon", "store_number")
_PAYMENT_META = (
    "reference_number",
    "ppd_id",
    "payee",
    "by_order_of",
    "payer",
    "payment_method",
    "payment_processor",
    "reason",
)
_NO_ENRICHMENT: dict[str, Any] = {
    "merchant_name": None,
    "merchant_entity_id": None,
    "logo_url": None,
    "website": None,
    "counterparties": [],
    "payment_channel": "other",
    "personal_finance_category": None,
}


@dataclass(frozen=True)
class Booking:
    """The bank's data. `changes` overrides any field of the finished object."""

    transaction_id: str
    account_id: str
    amount: Decimal | int
    day: date | str
    name: str
    authorized: date | str | None = None
    currency: str | None = "USD"
    unofficial_currency: str | None = None
    pending: bool = False
    pending_transaction_id: str | None = None
    merchant: Merchant | None = None
    changes: dict[str, Any] | None = None

    def as_object(self) -> dict[str, Any]:
        city, region = (self.merchant and self.merchant.city) or (None, None)
        return {
            "account_id": self.account_id,
            "account_owner": None,
            "amount": self.amount,
            "iso_currency_code": self.currency,
            "unofficial_currency_code": self.unofficial_currency,
            "category": None,
            "category_id": None,
            "check_number": None,
            "date": str(self.day),
            "datetime": None,
            "authorized_date": None if self.authorized is None else str(self.authorized),
            "authorized_datetime": None,
            "location": {**dict.fromkeys(_LOCATION), "city": city, "region": region, "country": "US" if city else None},
            "name": self.name,
            "payment_meta": dict.fromkeys(_PAYMENT_META),
            "pending": self.pending,
            "pending_transaction_id": self.pending_transaction_id,
            "transaction_code": None,
            "transaction_id": self.transaction_id,
            "transaction_type": _legacy_type(self.merchant),
            **(self.merchant.enrichment() if self.merchant else _NO_ENRICHMENT),
            **(self.changes or {}),
        }

    def as_row(self) -> Row:
        return to_row(self.as_object(), self.name)


def to_row(transaction: dict[str, Any], original_description: str | None) -> Row:
    return Row(
        transaction["transaction_id"],
        transaction["account_id"],
        wire.dumps(transaction),
        wire.dumps(original_description),
    )


def with_original_description(row: Row) -> bytes:
    """The row as sent when `include_original_description` is true."""
    return row.body[:-1] + b',"original_description":' + row.original_description + b"}"


def in_version_one(body: bytes) -> bytes:
    """The row as sent when `personal_finance_category_version` is v1."""
    return body.replace(b'"version":"v2"', b'"version":"v1"')


def _legacy_type(merchant: Merchant | None) -> str:
    if merchant is None:
        return "unresolved"
    return {"online": "digital", "in store": "place"}.get(merchant.channel, "special")
