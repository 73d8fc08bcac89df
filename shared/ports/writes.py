"""The writes that a commit of a sync can contain besides state and progress: plain values, applied in order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.domain.account import Account, Balances, BalancesSource
from shared.domain.audit import AuditEntry
from shared.domain.balance_history import MonthChange
from shared.domain.credentials import StoredAccessToken
from shared.domain.notification import Notification
from shared.domain.products.kinds import ProductKind
from shared.domain.products.product_state import ProductState
from shared.domain.products.rows import ProductRow
from shared.domain.removal import Removal
from shared.domain.set_aside import SetAsideRow
from shared.domain.transaction import Transaction
from shared.ports.clock import Version
from shared.ports.connections import Mark


@dataclass(frozen=True, slots=True)
class UpsertTransactions:
    """Stores rows; what users wrote on them (`user`) stays as it is.

    Attributes:
        rows: All rows of the commit, in one value, since a commit holds hundreds.
        marked: Ids of rows that get the run's number as their mark; all other rows lose theirs.
        new: Ids of rows that are probably not stored yet, which makes writing them cheaper; if one is, nothing else
            differs.
        ready: Rows by id as `Syncs.ready` encoded them; rows that are missing here are encoded by `Syncs.save`.
    """

    rows: tuple[Transaction, ...]
    marked: frozenset[str] = frozenset()
    new: frozenset[str] = frozenset()
    ready: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PutNote:
    """Stores on a row what a user wrote on the row that it replaces.

    Attributes:
        transaction_id: The row that inherits the note.
        note: The `user` map of the replaced row.
        expected: The row's version, if it is stored already: refused if its user writes on it meanwhile. Such a write
            comes before the row's upsert, which changes its version; a write without `expected` comes after it.
    """

    transaction_id: str
    note: Mapping[str, Any]
    expected: Version | None = None


@dataclass(frozen=True, slots=True)
class DeleteTransactions:
    """Deletes rows, each by its version: the commit is refused if a user writes on one of them meanwhile."""

    versions: Mapping[str, Version]  # by transaction id


@dataclass(frozen=True, slots=True)
class PutAccount:
    """Stores an account of the connection."""

    account: Account


@dataclass(frozen=True, slots=True)
class DeleteAccount:
    """Deletes an account of the connection."""

    account_id: str


@dataclass(frozen=True, slots=True)
class PutBalances:
    """Stores days in the history of an account's balances; other days of the month stay as they are."""

    change: MonthChange


@dataclass(frozen=True, slots=True)
class DeleteBalances:
    """Deletes months of the history of an account's balances."""

    account_id: str
    months: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UpdateBalances:
    """Stores balances that were read outside a run, in the document of an account, which must exist."""

    account_id: str
    balances: Balances
    source: BalancesSource
    at: datetime


@dataclass(frozen=True, slots=True)
class PutMark:
    """Marks an account, of any connection of the user, as a duplicate or not."""

    mark: Mark


@dataclass(frozen=True, slots=True)
class UpdateConnection:
    """Updates fields of the connection's document, which must exist; at most once in a commit."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PutInstitutionGuard:
    """Makes exchanges notice that the connection is at this institution now."""

    institution_id: str


@dataclass(frozen=True, slots=True)
class PutNotification:
    """Notifies the user; a notification that exists already keeps its `read_at`."""

    notification: Notification


@dataclass(frozen=True, slots=True)
class AppendAudit:
    """Appends entries to the audit log of one user; at most once in a commit."""

    entries: tuple[AuditEntry, ...]


@dataclass(frozen=True, slots=True)
class PutRemoval:
    """Begins a removal."""

    removal: Removal


@dataclass(frozen=True, slots=True)
class PutCredentials:
    """Stores the connection's access token, if the stored one is unchanged since `expected`."""

    token: StoredAccessToken
    expected: Version


@dataclass(frozen=True, slots=True)
class SettleDelivery:
    """Settles a webhook delivery: nothing is left to do for it."""

    delivery_id: str


@dataclass(frozen=True, slots=True)
class Handover:
    """What a continuation needs to know about the earlier pages."""

    removed: tuple[str, ...]
    successors: dict[str, str]
    cursors: bytes = b""  # those that the loop has seen: PageTrail


@dataclass(frozen=True, slots=True)
class PutHandover:
    """Leaves a handover to the continuation of this run."""

    handover: Handover


@dataclass(frozen=True, slots=True)
class DeleteHandover:
    """Deletes the handover, because its loop has ended."""


@dataclass(frozen=True, slots=True)
class RecordRun:
    """Puts the run that ends with this commit on record."""


@dataclass(frozen=True, slots=True)
class PutSetAside:
    """Puts a row that cannot be stored as a transaction on record for operators."""

    row: SetAsideRow


@dataclass(frozen=True, slots=True)
class DeleteSetAside:
    """Deletes the record of a row that could not be stored."""

    key: str


@dataclass(frozen=True, slots=True)
class PutProduct:
    """Stores the state of a product of the connection, and its projection, in a commit of another state.

    Attributes:
        state: The new state.
        expected: The version of the state that it replaces; None creates it.
    """

    state: ProductState
    expected: Version | None


@dataclass(frozen=True, slots=True)
class UpsertProductRows:
    """Stores rows of a product; what users wrote on them (`user`) stays as it is.

    Attributes:
        kind: The product.
        rows: The rows.
        notes: What new rows inherit from the rows that they replace: `user` by row id.
    """

    kind: ProductKind
    rows: tuple[ProductRow, ...]
    notes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeleteProductRows:
    """Deletes rows of a product, each by its version: refused if a user writes on one of them meanwhile."""

    kind: ProductKind
    versions: Mapping[str, Version]  # by row id


Write = (
    UpsertTransactions
    | PutNote
    | DeleteTransactions
    | PutAccount
    | DeleteAccount
    | PutBalances
    | DeleteBalances
    | UpdateBalances
    | PutMark
    | UpdateConnection
    | PutInstitutionGuard
    | PutNotification
    | AppendAudit
    | PutRemoval
    | PutCredentials
    | SettleDelivery
    | PutHandover
    | DeleteHandover
    | RecordRun
    | PutSetAside
    | DeleteSetAside
    | PutProduct
    | UpsertProductRows
    | DeleteProductRows
)
