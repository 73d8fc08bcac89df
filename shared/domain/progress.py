"""The progress of a sync, as clients see it; it contains nothing specific to banks."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict

from shared.domain.connection import Action
from shared.domain.errors import ErrorClass, ServiceError
from shared.domain.status import action_for


class SyncStatus(StrEnum):
    """The status of a sync."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


class Stage(StrEnum):
    """The current step, for the caption of a progress bar."""

    QUEUED = "queued"
    STARTING = "starting"
    FETCHING = "fetching"
    WRITING = "writing"
    RETRYING = "retrying"
    WAITING_FOR_BANK = "waiting_for_bank"  # the provider has not fetched the history yet
    DONE = "done"
    FAILED = "failed"


class ErrorSummary(BaseModel):
    """Why a sync failed, in a form that is safe to show."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    type: str
    code: str
    message: str
    retryable: bool
    action: Action | None = None
    request_id: str | None = None

    @classmethod
    def of(cls, error: ServiceError) -> Self:
        """The summary of an error."""
        return cls(
            type=error.error_type,
            code=error.error_code,
            message=error.message,
            retryable=error.error_class in (ErrorClass.TRANSIENT, ErrorClass.CONFIGURATION),
            action=action_for(error),
            request_id=error.request_id,
        )


class RunProgress(BaseModel):
    """The progress of a sync of any kind."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    connection_id: str
    app_user_id: str
    kind: str = "transactions"
    status: SyncStatus = SyncStatus.PENDING
    stage: Stage = Stage.QUEUED
    attempt: int = 0
    started_at: datetime | None = None
    updated_at: datetime
    completed_at: datetime | None = None
    next_retry_at: datetime | None = None
    error: ErrorSummary | None = None


class SyncProgress(RunProgress):
    """What clients see of a sync of transactions (contract: `bank_sync_progress/{connection_id}`)."""

    added: int = 0
    modified: int = 0
    removed: int = 0
    pages: int = 0
    percent: int | None = None
    history_complete: bool = False
    refreshed_at: datetime | None = None  # when the bank was last asked to refresh the data


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncCounts:
    """The counts of a run so far.

    Attributes:
        added, modified, removed: Rows by the change that the provider reported.
        pages: The pages read.
        percent: The estimated progress; None leaves it unchanged.
        set_aside: The rows set aside because they cannot be stored; None leaves it unchanged.
    """

    added: int = 0
    modified: int = 0
    removed: int = 0
    pages: int = 0
    percent: int | None = None
    set_aside: int | None = None

    @classmethod
    def of(cls, progress: SyncProgress) -> Self:
        """The initial counts of a restarted or continued loop."""
        return cls(added=progress.added, modified=progress.modified, removed=progress.removed, pages=progress.pages)

    def with_page(self, *, added: int, modified: int, removed: int) -> Self:
        """Counts a page. The number of pages is unknown, so the estimate approaches 95 percent ever more slowly."""
        pages = self.pages + 1
        return replace(
            self,
            added=self.added + added,
            modified=self.modified + modified,
            removed=self.removed + removed,
            pages=pages,
            percent=round(95 * (1 - 0.85**pages)),
        )

    def changes(self, *, percent: int) -> dict[str, object]:
        """The changed fields of the progress.

        Args:
            percent: The current value; it never decreases, and only a completed run reaches 100.
        """
        fields: dict[str, object] = {
            "added": self.added,
            "modified": self.modified,
            "removed": self.removed,
            "pages": self.pages,
        }
        if self.percent is not None:
            fields["percent"] = max(percent, min(99, self.percent))
        if self.set_aside is not None:
            fields["set_aside"] = self.set_aside
        return fields


class RunRecord(SyncProgress):
    """A completed or failed run with its trace and its source (the institution), kept for operators."""

    run: int
    source: str | None = None
    trace: str | None = None
