"""What is stored of a sync: one flat, private document, and what clients and operators see of it."""

from datetime import datetime

from pydantic import Field

from shared.domain.demand import Demand
from shared.domain.lease import Lease
from shared.domain.progress import RunRecord, SyncProgress, SyncStatus
from shared.domain.read_position import ReadPosition
from shared.domain.sync_accounts import SyncAccounts

_PROGRESS, _RECORD = tuple(SyncProgress.model_fields), tuple(RunRecord.model_fields)


class IllegalTransition(Exception):
    """The state machine was asked for a transition that does not exist from its present status."""


class SyncDocument(SyncProgress, Lease, Demand, ReadPosition, SyncAccounts):
    """The progress, the four groups, and how healthy the sync is.

    Attributes:
        failures: Failed attempts in a row.
        tries: Transient failures within the running attempt.
        needs_user: The source needed its user when it was last checked.
        clears_error_on_success: It needed its user already when the running run began: a run that works proves that
            it no longer does.
        stopped: The source is gone for good: nothing runs again, whoever requests it.
        is_set_up: The source's surroundings (name, logo, webhook) are set up.
        set_up_attempts: How many runs have completed while they were not: each makes the scheduler try again, with a
            growing delay.
        source: Where the data comes from, as statistics name it.
        set_aside: How many rows are on record that cannot be stored.
        due_at: When the scheduler must check this sync again; None when only an event can change anything.
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
    due_at: datetime | None = None

    def progress(self) -> SyncProgress:
        """The part that clients see."""
        return SyncProgress.model_validate({name: getattr(self, name) for name in _PROGRESS})

    def record(self) -> RunRecord:
        """The run that has ended, as it is kept for operators."""
        return RunRecord.model_validate({name: getattr(self, name) for name in _RECORD})

    @property
    def found_anything(self) -> bool:
        """Whether this run is worth a record: of a run that found nothing new, its time is enough."""
        return bool(self.added or self.modified or self.removed or self.pages > 1)

    @property
    def wants_refresh(self) -> bool:
        """Whether the running run is to ask the bank itself first; a continuation is not."""
        return self.served < self.refresh <= self.serving and self.handover is None

    def _must_run(self) -> None:
        if self.status is not SyncStatus.IN_PROGRESS or self.lease_owner is None:
            raise IllegalTransition(f"{self.status}: no run is working")
