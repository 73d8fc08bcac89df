"""Everything that somebody has is to go: remembered from the first commit on, until nothing is left."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

from shared.domain import grace_periods, retry_delays
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.removal import RemovalReason


class Erasure(BaseModel):
    """An erasure under way. It is over when all its removals are, so Plaid being down holds it up.

    Attributes:
        before: What was there at this moment goes. Whoever links again afterwards keeps that.
        reason: ERASURE where the user asked for it, OWNER_GONE where the user is gone, OPERATOR where an operator did.
        attempts: How often it was not over yet.
        due_at: When the schedule must look.
        trace: Of the call that it began with: what is logged of both is one story.
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
        """An erasure that begins now, and is found by the schedule if its task is lost."""
        return cls(app_user_id=app_user_id, reason=reason, before=before, due_at=now + grace_periods.TASK, trace=trace)

    @property
    def by(self) -> Actor:
        """Who wants it."""
        wanted = {RemovalReason.ERASURE: Actor.USER, RemovalReason.OPERATOR: Actor.OPERATOR}
        return wanted.get(self.reason, Actor.BACKEND)

    def extended(self, again: Self) -> Self:
        """Wanted once more, while it is under way: what came since goes, too."""
        return self.model_copy(update={"before": max(self.before, again.before), "due_at": again.due_at})

    def queued(self, *, now: datetime) -> Self:
        """The schedule has seen to it."""
        return self.model_copy(update={"due_at": now + grace_periods.TASK})

    def postponed(self, *, now: datetime) -> Self:
        """Something is left still: again later, with growing delays; the end of each removal asks, too."""
        delay = retry_delays.ERASURE.after(self.attempts)
        return self.model_copy(update={"attempts": self.attempts + 1, "due_at": now + delay})

    def started(self, *, now: datetime) -> AuditEntry:
        """The entry of its first commit."""
        return self._entry(AuditAction.ERASURE_STARTED, self.by, now)

    def finished(self, *, now: datetime) -> AuditEntry:
        """The entry of its last commit."""
        return self._entry(AuditAction.ERASURE_DONE, Actor.BACKEND, now)

    def _entry(self, action: AuditAction, by: Actor, at: datetime) -> AuditEntry:
        details = {"reason": str(self.reason), "before": self.before.isoformat()}
        return AuditEntry(app_user_id=self.app_user_id, action=action, actor=by, details=details, at=at)
