"""Sync states, and the commits of runs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from shared.domain.account import Account
from shared.domain.audit import AuditEntry
from shared.domain.credentials import StoredAccessToken
from shared.domain.health import Health, UnhealthyConnection
from shared.domain.notification import Notification
from shared.domain.pause import Pauses
from shared.domain.progress import RunRecord
from shared.domain.removal import Removal
from shared.domain.set_aside import SetAsideRow
from shared.domain.sync_state import SyncState
from shared.domain.transaction import Transaction
from shared.ports.clock import Version
from shared.ports.connections import Mark


@dataclass(frozen=True, slots=True)
class Loaded:
    """A sync's state as it was read, with the version to compare against."""

    state: SyncState
    version: Version


@dataclass(frozen=True, slots=True)
class Writes:
    """What a commit of a run writes besides state and progress.

    Rows in `marked` bear the run's number afterwards, all other upserts bear none. Those in `new` are probably not
    there yet, which makes writing them cheaper; if one is, nothing else differs. `ready` holds rows by id as `ready`
    made them. A row's `user` map is never touched, except by `removals`. `connection` holds fields of the connection
    document. `guard` names an institution that the connection moves to. `removal` begins one.
    `handled` names webhook deliveries that this settles. `handover` is for the continuation, until `ends_handover`.
    `credentials` are as they are to be, if they are unchanged since that version. `ends_run` puts the run on record.
    `marks` say which accounts, of any connection of the user, are duplicates.
    `set_aside` are rows that cannot be stored, put on record for operators; `aside_gone` the keys of such that go.
    """

    upserts: tuple[Transaction, ...] = ()
    marked: frozenset[str] = frozenset()
    new: frozenset[str] = frozenset()
    ready: Mapping[str, Any] = field(default_factory=dict)
    removals: tuple["RowRemoval", ...] = ()
    accounts: tuple[Account, ...] = ()
    gone_accounts: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    connection: dict[str, Any] | None = None
    guard: str | None = None
    notifications: tuple[Notification, ...] = ()
    audit: tuple[AuditEntry, ...] = ()
    removal: Removal | None = None
    credentials: tuple[StoredAccessToken, Version] | None = None
    handled: tuple[str, ...] = ()
    handover: "Handover | None" = None
    ends_handover: bool = False
    ends_run: bool = False
    set_aside: tuple[SetAsideRow, ...] = ()
    aside_gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowRemoval:
    """A row that goes, as it is in the store: refused if the user writes on it meanwhile.

    `notes` is what the user wrote on it. `successor` is the row that takes its place, unless that one bears notes;
    `heir` is that row's version, if it is in the store: refused if the user writes on that one meanwhile.
    """

    transaction_id: str
    version: Version
    notes: dict[str, Any] | None = None
    successor: str | None = None
    label: str = ""
    heir: Version | None = None


@dataclass(frozen=True, slots=True)
class Handover:
    """What a continuation needs to know of the pages before it."""

    removed: tuple[str, ...]
    successors: dict[str, str]
    cursors: bytes = b""  # that its loop has seen: PageTrail


class Syncs(Protocol):
    """Sync states, and the commits that move them."""

    def load(self, connection_id: str) -> Loaded | None: ...  # noqa: D102
    def save(self, state: SyncState, *, expected: Version, writes: Writes = Writes()) -> Version:
        """Writes state, progress and everything else at once, if the state is unchanged.

        Raises:
            Conflict: Somebody else wrote the state; nothing of this was written (or all of it, if only the answer
                of an earlier try was lost: the state tells).
            CommitTooLarge: Write it in parts.
        """

    def due(self, now: datetime, *, limit: int) -> list[Loaded]:
        """The states that the schedule must look at, longest due first."""

    def marked(self, connection_id: str, runs: Iterable[int]) -> set[str]:
        """Ids of rows that still bear the mark of one of these runs."""

    def transaction_ids(self, connection_id: str) -> set[str]:
        """Ids of all rows of a connection."""

    def rows_of(self, connection_id: str, account_id: str) -> set[str]:
        """Ids of all rows of an account."""

    def removals(
        self, connection_id: str, transaction_ids: Iterable[str], *, successors: Mapping[str, str]
    ) -> tuple[RowRemoval, ...]:
        """The rows of these that are in the store, ready to be removed."""

    def ready(self, connection_id: str, app_user_id: str, rows: Sequence[Transaction]) -> Mapping[str, Any]:
        """Rows by id as `save` would have to make them, made ahead; pure, and safe in any thread."""

    def unchanged(self, connection_id: str, rows: Sequence[Transaction], *, dirty: Collection[int]) -> set[str]:
        """Ids of rows that are in the store just so, and bear no mark of these runs."""

    def handover(self, connection_id: str) -> Handover | None:
        """What the run before left to its continuation."""

    def set_aside(self, connection_id: str) -> list[SetAsideRow]:
        """The rows that cannot be stored, as they are on record."""

    def runs(self, connection_id: str) -> list[RunRecord]:
        """The runs that ended in the last months, oldest first."""


class HealthFigures(Protocol):
    """How the connections are, over all of them."""

    def count(self, now: datetime) -> Health:
        """The counts."""

    def unhealthy(self, *, limit: int) -> list[UnhealthyConnection]:
        """Some that are not as they should be: first those that need their user."""


class PausedSyncs(Protocol):
    """What operators have paused."""

    def load(self) -> tuple[Pauses, Version | None]:
        """Without a version if nothing was ever paused."""

    def save(self, pauses: Pauses, *, expected: Version | None) -> None:
        """Writes it if it is unchanged.

        Raises:
            Conflict: It changed.
        """
