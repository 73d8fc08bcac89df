"""The history of balances: `bank_connections/{id}/bank_balances/{account_id}-{YYYY-MM}`, a map of days per month.

A commit names only the days that it writes, so it needs to read nothing, and other days stay as they are.
"""

from typing import TYPE_CHECKING, Any, cast

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.commit import Batch, mask_of
from shared.domain.balance_history import BalanceMonth, Booking, MonthChange, document_id

if TYPE_CHECKING:
    from google.cloud import firestore

CONNECTIONS = "bank_connections"
TRANSACTIONS = "bank_transactions"
BALANCES = "bank_balances"
_POSTED_FIELDS = ["date", "amount", "pending", "iso_currency_code", "unofficial_currency_code"]


def put_balances(batch: Batch, change: MonthChange, *, owner: dict[str, str]) -> None:
    """Stores days of a month. A day that the bank reported is no longer derived."""
    path = f"{CONNECTIONS}/{owner['connection_id']}/{BALANCES}/{document_id(change.account_id, change.month)}"
    described = {**owner, "account_id": change.account_id, "month": change.month, "currency": change.currency}
    derived = {"derived": dict.fromkeys(change.days, True)} if change.is_derived else {}
    # A name in a field path that begins with a digit needs quotes:
    # https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.documents#Document
    named = [f"{field}.`{day}`" for day in change.days for field in ("days", "derived")]
    batch.merge(path, {**described, "days": dict(change.days), **derived}, mask_of([*described, *named]))


def delete_balances(batch: Batch, connection_id: str, account_id: str, months: tuple[str, ...]) -> None:
    """Deletes months of an account."""
    for month in months:
        batch.delete(f"{CONNECTIONS}/{connection_id}/{BALANCES}/{document_id(account_id, month)}")


def find_months(client: "firestore.Client", connection_id: str, account_id: str) -> list[BalanceMonth]:
    """Finds the months of an account, in one query."""
    months = client.collection(CONNECTIONS, connection_id, BALANCES)
    found = months.where(filter=FieldFilter("account_id", "==", account_id)).stream()
    return [_month_of(snapshot.to_dict() or {}) for snapshot in found]


def find_bookings(client: "firestore.Client", connection_id: str, account_id: str) -> list[Booking]:
    """Finds the posted transactions of an account, in one query of five fields."""
    rows = client.collection(CONNECTIONS, connection_id, TRANSACTIONS)
    query = rows.where(filter=FieldFilter("account_id", "==", account_id)).select(_POSTED_FIELDS)
    found = (snapshot.to_dict() or {} for snapshot in query.stream())
    return [
        Booking(row["date"], row["amount"], row["iso_currency_code"] or row["unofficial_currency_code"])
        for row in found
        if not row["pending"]
    ]


def _month_of(fields: dict[str, Any]) -> BalanceMonth:
    named = {name: fields[name] for name in ("account_id", "month", "currency", "days")}
    return cast("BalanceMonth", {**named, "derived": fields.get("derived", {})})
