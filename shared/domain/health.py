"""How all connections are, in one look: what statistics, alerts and operators see."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from shared.domain.connection import Action, ItemStatus

STALE_AFTER = timedelta(hours=36)  # a healthy connection is polled every twelve hours, webhooks or none
OVERDUE_AFTER = timedelta(minutes=45)  # three ticks of the schedule


class Health(BaseModel):
    """Counts over all connections.

    Attributes:
        statuses: Connections by status.
        stale: Those whose login works, and that were not synced for STALE_AFTER.
        failing: Those whose latest sync failed.
        overdue: Syncs, webhooks and removals that were due OVERDUE_AFTER ago, and that nobody took up.
        longest_overdue: How long the first of the syncs is due; None if none is.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    statuses: dict[ItemStatus, int]
    stale: int
    failing: int
    overdue_syncs: int
    overdue_webhooks: int
    overdue_removals: int
    longest_overdue: timedelta | None = None

    @property
    def total(self) -> int:
        """All connections."""
        return sum(self.statuses.values())

    @property
    def broken_percent(self) -> float:
        """The share of connections that need their user."""
        broken = self.statuses.get(ItemStatus.BAD, 0) + self.statuses.get(ItemStatus.ERROR, 0)
        return round(100 * broken / self.total, 1) if self.total else 0.0

    def figures(self) -> dict[str, object]:
        """The same as fields of the log."""
        longest = self.longest_overdue
        return {
            **{status.value: count for status, count in self.statuses.items()},
            "total": self.total,
            "broken_percent": self.broken_percent,
            "stale": self.stale,
            "failing": self.failing,
            "overdue_syncs": self.overdue_syncs,
            "overdue_webhooks": self.overdue_webhooks,
            "overdue_removals": self.overdue_removals,
            "longest_overdue_seconds": longest.total_seconds() if longest is not None else 0,
        }


class UnhealthyConnection(BaseModel):
    """A connection that is not as it should be."""

    model_config = ConfigDict(frozen=True)

    connection_id: str
    status: ItemStatus | None = None
    institution: str | None = None
    error_code: str | None = None
    action: Action | None = None
    since: datetime | None = None
    next_retry_at: datetime | None = None
