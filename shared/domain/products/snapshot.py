"""How a complete answer about a product changes the stored rows.

What an answer no longer contains is deleted: sold holdings, ended streams. But an answer may be hollow, because the
bank did not deliver an account for once. So an account that had rows and has none keeps all of them until a second
answer, at least `CONFIRMED_AFTER` later, has none either; one whose balance is 0 needs no confirmation. The same
holds if the answer has a row without an id, which may be any row that is missing. A recurring stream that keeps the
note of a replaced connection is in no answer; it stays until a stream replaces it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from shared.domain.account import Account
from shared.domain.products import liabilities, recurring
from shared.domain.products.kinds import ProductKind
from shared.domain.products.rows import ProductRow as ProductRow
from shared.domain.products.rows import StoredProductRow as StoredProductRow
from shared.domain.products.rows import digest_of as digest_of

CONFIRMED_AFTER = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that an answer says about a product.

    Attributes:
        kind: The product.
        rows: The rows, with an id each.
        accounts: The accounts with their balances, as far as the answer lists them.
        request_id: Plaid's request id.
        unreadable: Ids of rows that lack a required value: stored versions of them stay as they are.
        nameless: The number of rows without an id; they may be any stored row.
        oddities: The number of omitted values by field.
    """

    kind: ProductKind
    rows: tuple[ProductRow, ...]
    accounts: tuple[Account, ...] = ()
    request_id: str | None = None
    unreadable: frozenset[str] = frozenset()
    nameless: int = 0
    oddities: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SnapshotChange:
    """What to write after an answer.

    Attributes:
        upserts: New and changed rows.
        deletes: Ids of rows to delete.
        inherited: By id of a new row the id of the deleted row that it replaces: its `user` moves to the new row.
        hollow: The accounts whose missing rows are kept, with the time of the first answer without them. Store it for
            the next comparison.
        unchanged: The number of stored rows that stay as they are.
    """

    upserts: tuple[ProductRow, ...] = ()
    deletes: tuple[str, ...] = ()
    inherited: Mapping[str, str] = field(default_factory=dict)
    hollow: Mapping[str, datetime] = field(default_factory=dict)
    unchanged: int = 0

    @property
    def changes_rows(self) -> bool:
        """Whether any row is written or deleted."""
        return bool(self.upserts or self.deletes)

    @property
    def confirm_at(self) -> datetime | None:
        """When an answer can confirm that the rows of a hollow account are gone; None if no account is hollow."""
        return min(self.hollow.values()) + CONFIRMED_AFTER if self.hollow else None


def digest_of_snapshot(snapshot: Snapshot, *, revoked: Collection[str]) -> str:
    """A digest of a whole answer: if it equals that of the last completed run, nothing has to be read or written.

    Not if that run left an account hollow: only `compare` can confirm it.
    """
    rows = {row.row_id: digest_of(row.fields) for row in snapshot.rows if row.account_id not in revoked}
    return digest_of({"rows": rows, "unreadable": sorted(snapshot.unreadable), "nameless": snapshot.nameless})


def compare(
    stored: Mapping[str, StoredProductRow],
    snapshot: Snapshot,
    *,
    revoked: Collection[str],
    hollow: Mapping[str, datetime],
    now: datetime,
) -> SnapshotChange:
    """Compares an answer with the stored rows that it covers.

    Args:
        stored: The stored rows by id; of investment transactions only those in the window that was read.
        snapshot: The complete answer.
        revoked: Accounts whose rows must not be stored, whatever the answer says.
        hollow: The hollow accounts of the previous comparison.
        now: The time of the answer.
    """
    rows = {row.row_id: row for row in snapshot.rows if row.account_id not in revoked}
    kept = {i for i in snapshot.unreadable & stored.keys() if stored[i].account_id not in revoked}
    moved = {i for i, row in stored.items() if row.is_moved and row.account_id not in revoked} - rows.keys()
    missing = stored.keys() - rows.keys() - kept - moved
    still_hollow = _hollow_accounts(stored, missing, snapshot, hollow=hollow, now=now, revoked=revoked)
    deletes = {i for i in missing if stored[i].account_id not in still_hollow}
    new = [row for row in rows.values() if row.row_id not in stored]
    is_recurring = snapshot.kind is ProductKind.RECURRING
    inherited = recurring.replaced(new, [stored[i] for i in deletes | moved]) if is_recurring else {}
    deletes |= moved.intersection(inherited.values())
    upserts = [
        _finished(snapshot.kind, row, stored.get(inherited.get(i, i)), now=now)
        for i, row in rows.items()
        if i not in stored or stored[i].digest != digest_of(row.fields)
    ]
    return SnapshotChange(
        upserts=tuple(upserts),
        deletes=tuple(sorted(deletes)),
        inherited=inherited,
        hollow=still_hollow,
        unchanged=len(stored) - len(deletes) - sum(row.row_id in stored for row in upserts),
    )


def _hollow_accounts(
    stored: Mapping[str, StoredProductRow],
    missing: Iterable[str],
    snapshot: Snapshot,
    *,
    hollow: Mapping[str, datetime],
    now: datetime,
    revoked: Collection[str],
) -> dict[str, datetime]:
    """The accounts whose missing rows are kept, with the time when they were first missing."""
    lost = {stored[i].account_id for i in missing} - {*revoked}
    if snapshot.nameless:
        suspected = lost
    else:
        empty = {one["account_id"] for one in snapshot.accounts if _is_zero(one["balances"]["current"])}
        suspected = lost - empty - {row.account_id for row in snapshot.rows}
    seen = {i: hollow.get(i, now) for i in suspected}
    return {i: first for i, first in seen.items() if now - first < CONFIRMED_AFTER}


def _is_zero(balance: str | None) -> bool:
    try:
        return balance is not None and Decimal(balance) == 0
    except InvalidOperation:
        return False


def _finished(kind: ProductKind, row: ProductRow, before: StoredProductRow | None, *, now: datetime) -> ProductRow:
    """The row with the fields that do not come from the answer."""
    match kind:
        case ProductKind.RECURRING:
            return recurring.with_price_change(row, before, now=now)
        case ProductKind.LIABILITIES:
            return liabilities.with_time(row, now=now)
        case ProductKind.HOLDINGS | ProductKind.INVESTMENT_TRANSACTIONS:
            return row
