"""The stored state of a sync: one flat, private document, and its views for clients and operators."""

from datetime import datetime

from pydantic import Field

from shared.domain.demand import Demand
from shared.domain.lease import Lease
from shared.domain.progress import RunRecord, SyncProgress, SyncStatus
from shared.domain.read_position import ReadPosition
from shared.domain.sync_accounts import SyncAccounts

_PROGRESS, _RECORD = tuple(SyncProgress.model_fields), tuple(RunRecord.model_fields)


class IllegalTransition(Exception):
    """The state machine has no such transition from the current status."""


class SyncDocument(SyncProgress, Lease, Demand, ReadPosition, SyncAccounts):
    """The progress, the four groups, and the health of the sync.

    Attributes:
        failures: Failed attempts in a row.
        tries: Transient failures within the running attempt.
        needs_user: The source needed its user at the last check.
        clears_error_on_success: The source already needed its user when the running run started, so a successful run
            proves that it no longer does.
        stopped: The source was removed permanently: no run ever starts again, even on request.
        is_set_up: The source's surroundings (name, logo, webhook) are set up.
        set_up_attempts: Completed runs without a set-up; each makes the scheduler retry it with a growing delay.
        source: The source of the data, as statistics name it.
        set_aside: The number of rows set aside because they cannot be stored.
        moves_history: Whether the notes of a replaced connection wait for the complete history.
        due_at: When the scheduler must check this sync; None if only an event can change it.
    """

    failures: int = 0
    tries: int = 0
    needs_user: bool = Field(default=False, alias="troubled")
    clears_error_on_success: bool = Field(default=False, alias="heals")
    stopped: bool = False
    is_set_up: bool = Field(default=False, alias="welcomed")
    set_up_attempts: int = Field(default=0, alias="unwelcomed")
    source: str | None = None
    set_aside: int = 0
    moves_history: bool = False
    due_at: datetime | None = None

    def progress(self) -> SyncProgress:
        """The part that clients see."""
        return SyncProgress.model_validate({name: getattr(self, name) for name in _PROGRESS})

    def record(self) -> RunRecord:
        """The record of the ended run for operators."""
        return RunRecord.model_validate({name: getattr(self, name) for name in _RECORD})

    @property
    def found_anything(self) -> bool:
        """Whether the run is recorded: for a run without changes, its time is enough."""
        return bool(self.added or self.modified or self.removed or self.pages > 1)

    @property
    def wants_refresh(self) -> bool:
        """Whether the running run must first refresh the data at the bank; a continuation must not."""
        return self.served < self.refresh <= self.serving and self.handover is None

    def _must_run(self) -> None:
        if self.status is not SyncStatus.IN_PROGRESS or self.lease_owner is None:
            raise IllegalTransition(f"{self.status}: no run is working")
