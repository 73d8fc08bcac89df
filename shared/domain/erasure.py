"""The erasure of all bank data of a user, stored from its first commit until no data is left."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

from shared.domain import grace_periods, retry_delays
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.removal import RemovalReason


class Erasure(BaseModel):
    """A running erasure. It completes when all its removals have completed, so an outage of Plaid delays it.

    Attributes:
        before: Data created until then is erased; what the user links afterwards is kept.
        reason: ERASURE if the user requested it, OWNER_GONE if the user was deleted, OPERATOR if an operator requested
            it.
        attempts: Checks that found data still left.
        due_at: When the scheduler must check it.
        trace: Of the call that started it, so that both log to the same trace.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    app_user_id: str
    reason: RemovalReason
    before: datetime
    attempts: int = 0
    due_at: datetime
    trace: str | None = None

    @classmethod
    def of(
        cls, app_user_id: str, *, reason: RemovalReason, before: datetime, now: datetime, trace: str | None = None
    ) -> Self:
        """A new erasure; if its task is lost, the scheduler finds it."""
        return cls(app_user_id=app_user_id, reason=reason, before=before, due_at=now + grace_periods.TASK, trace=trace)

    @property
    def by(self) -> Actor:
        """Who requested the erasure."""
        wanted = {RemovalReason.ERASURE: Actor.USER, RemovalReason.OPERATOR: Actor.OPERATOR}
        return wanted.get(self.reason, Actor.BACKEND)

    def extended(self, again: Self) -> Self:
        """A repeated request while the erasure runs: data created since is erased, too."""
        return self.model_copy(update={"before": max(self.before, again.before), "due_at": again.due_at})

    def queued(self, *, now: datetime) -> Self:
        """The scheduler has enqueued the erasure again."""
        return self.model_copy(update={"due_at": now + grace_periods.TASK})

    def postponed(self, *, now: datetime) -> Self:
        """Data is still left: the erasure is checked later, with growing delays, and after each completed removal."""
        delay = retry_delays.ERASURE.after(self.attempts)
        return self.model_copy(update={"attempts": self.attempts + 1, "due_at": now + delay})

    def started(self, *, now: datetime) -> AuditEntry:
        """The audit entry of the erasure's first commit."""
        return self._entry(AuditAction.ERASURE_STARTED, self.by, now)

    def finished(self, *, now: datetime) -> AuditEntry:
        """The audit entry of the erasure's last commit."""
        return self._entry(AuditAction.ERASURE_DONE, Actor.BACKEND, now)

    def _entry(self, action: AuditAction, by: Actor, at: datetime) -> AuditEntry:
        details = {"reason": str(self.reason), "before": self.before.isoformat()}
        return AuditEntry(app_user_id=self.app_user_id, action=action, actor=by, details=details, at=at)
