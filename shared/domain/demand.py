"""The requests for a sync: how many there are, how many were served, and who made them."""

from datetime import datetime, timedelta

from pydantic import Field

from shared.domain.progress import SyncStatus
from shared.domain.state_group import Changes, StateGroup


class Demand(StateGroup):
    """The requests for a sync.

    Attributes:
        requested, serving, served: Requests so far, at the claim of the running run, and answered by completed runs.
        wanted_since: When the oldest request came that the latest claim serves, or the next one will serve.
        refresh: The number of the latest request that asked for a refresh at the bank itself.
        refresh_tried_at: When a refresh at the bank was last attempted, whether or not it succeeded.
        last_manual_sync_at: When a user last requested a sync by hand.
        trace: Of the request that the latest run served, or the next one will serve. With several requests it is the
            first one's, so that the log of the request and of the run share one trace.
        next_trace: Of the first request that came while a run was working.
    """

    requested: int = 1
    serving: int = 0
    served: int = 0
    wanted_since: datetime | None = None
    refresh: int = 0
    refresh_tried_at: datetime | None = None
    last_manual_sync_at: datetime | None = Field(default=None, alias="asked_at")
    trace: str | None = None
    next_trace: str | None = None

    @property
    def wanted(self) -> bool:
        """Whether a request is waiting that no run serves yet."""
        return self.requested > max(self.served, self.serving)

    @property
    def has_newer_request(self) -> bool:
        """Whether a request came after the running run was claimed."""
        return self.requested > self.serving

    def may_refresh(self, *, now: datetime, spacing: timedelta) -> bool:
        """Whether enough time has passed since the last attempt to refresh."""
        return self.refresh_tried_at is None or now - self.refresh_tried_at >= spacing

    def _request_counted(self, *, now: datetime, refresh: bool, trace: str | None, status: SyncStatus) -> Changes:
        """Counts a request.

        Args:
            now: The present.
            refresh: Whether the run should first refresh the data at the bank.
            trace: Of the caller.
            status: Where the sync stands: decides which run the trace belongs to.
        """
        number = self.requested + 1
        match status:
            case SyncStatus.PENDING:
                traces = (self.trace or trace, self.next_trace)
            case SyncStatus.IN_PROGRESS:
                traces = (self.trace, self.next_trace or trace)
            case SyncStatus.COMPLETED | SyncStatus.FAILED:
                traces = (trace, None)
        return {
            "requested": number,
            "refresh": number if refresh else self.refresh,
            "wanted_since": self.wanted_since if self.wanted else now,
            "trace": traces[0],
            "next_trace": traces[1],
        }

    def _refresh_tried(self, *, now: datetime) -> Changes:
        """Records the attempt to refresh, before the call."""
        return {"refresh_tried_at": now}

    def _requests_taken_up(self) -> Changes:
        """A run starts and serves all requests so far."""
        return {"serving": self.requested, "next_trace": None}

    def _requests_returned(self) -> Changes:
        """The run did not serve its requests: they stay waiting."""
        return {"serving": self.served}

    def _requests_served(self) -> Changes:
        """The run has served its requests; the trace of newer requests is next."""
        trace = self.next_trace if self.has_newer_request else self.trace
        return {"served": self.serving, "trace": trace, "next_trace": None}

    def _newer_requests_first(self) -> Changes:
        """The next run serves the trace of the requests that came while this one worked."""
        return {"trace": self.next_trace or self.trace, "next_trace": None}

    def _requests_dropped(self) -> Changes:
        """Drops all requests: no run will serve them."""
        return {"served": self.requested, "serving": self.requested}
