"""The health of all connections, for statistics, alerts and operators."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from shared.domain.connection import Action, ItemStatus

STALE_AFTER = timedelta(hours=36)  # a healthy connection is polled every twelve hours, even without webhooks
OVERDUE_AFTER = timedelta(minutes=45)  # three scheduler runs


class Health(BaseModel):
    """Counts over all connections.

    Attributes:
        statuses: Connections by status.
        stale: Connections whose login works, but whose last sync is older than STALE_AFTER.
        failing: Connections whose latest sync failed.
        overdue_syncs, overdue_webhooks, overdue_removals: Those due more than OVERDUE_AFTER ago and not started; syncs
            of transactions and of products.
        longest_overdue: How long the oldest overdue sync is due; None if none is.
        in_europe: Connections of the second key pair.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    statuses: dict[ItemStatus, int]
    stale: int
    failing: int
    overdue_syncs: int
    overdue_webhooks: int
    overdue_removals: int
    longest_overdue: timedelta | None = None
    in_europe: int = 0

    @property
    def total(self) -> int:
        """The number of all connections."""
        return sum(self.statuses.values())

    @property
    def broken_percent(self) -> float:
        """The percentage of connections that need their user."""
        broken = self.statuses.get(ItemStatus.BAD, 0) + self.statuses.get(ItemStatus.ERROR, 0)
        return round(100 * broken / self.total, 1) if self.total else 0.0

    def figures(self) -> dict[str, object]:
        """The counts as fields of a log line."""
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
            "in_europe": self.in_europe,
            "longest_overdue_seconds": longest.total_seconds() if longest is not None else 0,
        }


class UnhealthyConnection(BaseModel):
    """A connection with a problem."""

    model_config = ConfigDict(frozen=True)

    connection_id: str
    status: ItemStatus | None = None
    institution: str | None = None
    error_code: str | None = None
    action: Action | None = None
    since: datetime | None = None
    next_retry_at: datetime | None = None
