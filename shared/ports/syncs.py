"""Sync states, and the commits of runs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from shared.domain.balance_history import BalanceMonth, Booking
from shared.domain.health import Health, UnhealthyConnection
from shared.domain.pause import Pauses
from shared.domain.progress import RunRecord
from shared.domain.set_aside import SetAsideRow
from shared.domain.sync_state import SyncState
from shared.domain.transaction import Transaction
from shared.ports.clock import Version
from shared.ports.run_states import LoadedState, RunStates
from shared.ports.writes import Handover

Loaded: TypeAlias = LoadedState[SyncState]
"""The state of a sync of transactions."""


@dataclass(frozen=True, slots=True)
class StoredRow:
    """The stored data of a transaction, besides its bank data.

    Attributes:
        version: When it was last written: a write that expects it is refused if the user writes on the row meanwhile.
        note: What the user wrote on it (`user`); None if nothing.
        label: Names the transaction to its user: name, amount, currency and day.
    """

    version: Version
    note: dict[str, Any] | None
    label: str


class Syncs(RunStates[SyncState], Protocol):
    """States of syncs of transactions, and their rows."""

    def marked(self, connection_id: str, runs: Iterable[int]) -> set[str]:
        """Ids of rows that still bear the mark of one of these runs."""

    def transaction_ids(self, connection_id: str) -> set[str]:
        """Ids of all rows of a connection."""

    def rows_of(self, connection_id: str, account_id: str) -> set[str]:
        """Ids of all rows of an account."""

    def stored_rows(self, connection_id: str, transaction_ids: Iterable[str]) -> dict[str, StoredRow]:
        """The rows with these ids that exist, by id."""

    def ready(self, connection_id: str, app_user_id: str, rows: Sequence[Transaction]) -> Mapping[str, Any]:
        """Rows by id, encoded as `save` writes them; pure, and safe in any thread."""

    def unchanged(self, connection_id: str, rows: Sequence[Transaction], *, dirty: Collection[int]) -> set[str]:
        """Ids of rows that are stored exactly as given, and bear no mark of these runs."""

    def bookings(self, connection_id: str, account_id: str) -> list[Booking]:
        """The posted transactions of an account, for the history of its balances."""

    def balance_months(self, connection_id: str, account_id: str) -> list[BalanceMonth]:
        """The history of an account's balances."""

    def handover(self, connection_id: str) -> Handover | None:
        """The handover of the previous run; None if there is none."""

    def set_aside(self, connection_id: str) -> list[SetAsideRow]:
        """The rows on record that cannot be stored."""

    def runs(self, connection_id: str) -> list[RunRecord]:
        """The runs that ended in the last months, oldest first."""


class HealthFigures(Protocol):
    """The health of all connections."""

    def count(self, now: datetime) -> Health:
        """Counts connections by health."""

    def unhealthy(self, *, limit: int) -> list[UnhealthyConnection]:
        """Some unhealthy connections: first those that need their user."""


class PausedSyncs(Protocol):
    """The pauses that operators have set."""

    def load(self) -> tuple[Pauses, Version | None]:
        """The pauses, and their version; without a version if nothing was ever paused."""

    def save(self, pauses: Pauses, *, expected: Version | None) -> None:
        """Stores the pauses if they are unchanged since `expected`.

        Raises:
            Conflict: The pauses changed.
        """
