"""The stored state of a sync of transactions: one flat, private document, and its views for clients and operators."""

from pydantic import Field

from shared.domain.bank_contact import BankContact
from shared.domain.product_plan import ProductPlan
from shared.domain.progress import RunRecord, SyncCounts, SyncProgress
from shared.domain.read_position import ReadPosition
from shared.domain.run_state import RunState
from shared.domain.state_group import Changes
from shared.domain.sync_accounts import SyncAccounts

_PROGRESS, _RECORD = tuple(SyncProgress.model_fields), tuple(RunRecord.model_fields)


class SyncDocument(SyncProgress, RunState, ReadPosition, SyncAccounts, ProductPlan, BankContact):
    """What every sync has, and the groups and fields of a sync of transactions.

    Attributes:
        is_set_up: The source's surroundings (name, logo, webhook) are set up.
        set_up_attempts: Completed runs without a set-up, or without the list of accounts; each makes the scheduler
            retry it with a growing delay.
        set_aside: The number of rows set aside because they cannot be stored.
        moves_history: Whether the notes of a replaced connection wait for the complete history.
    """

    is_set_up: bool = Field(default=False, alias="welcomed")
    set_up_attempts: int = Field(default=0, alias="unwelcomed")
    set_aside: int = 0
    moves_history: bool = False

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

    @property
    def has_continuation(self) -> bool:
        """Whether a run handed its loop over."""
        return self.handover is not None

    def _begun(self) -> Changes:
        return {**SyncCounts(percent=0).changes(percent=0), **self._run_begun()}

    def _interrupted(self) -> Changes:
        return self._reading_interrupted()

    def _percent_unknown(self) -> Changes:
        return {"percent": None}
