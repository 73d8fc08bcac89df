"""Lets an operator pause and resume syncs, for example while a bank or Plaid delivers wrong data.

During a pause, requests are recorded as usual: webhooks are stored, users' calls answered, connections created. No run
begins; the scheduler defers each connection that is due, and starts its sync after the pause.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.errors import Unavailable
from shared.domain.pause import AutomaticPause, Pause, Pauses
from shared.ports import Clock, PausedSyncs
from shared.ports.compare_and_set import retry_on_conflict

MAX_TRIES = 20  # of a compare-and-set against other operators


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPauses:
    """Pauses and resumes the syncs of an institution, or all syncs."""

    paused: PausedSyncs
    clock: Clock

    def pause(self, institution_id: str | None, *, by: str, reason: str) -> bool:
        """Pauses syncs.

        Args:
            institution_id: The institution; None pauses all syncs.
            by: The operator.
            reason: The reason, shown to operators.

        Returns:
            Whether the syncs were not paused before.

        Raises:
            Unavailable: The store did not answer.
        """
        pause = Pause(since=self.clock.now(), by=by, reason=reason)
        return self._change(lambda pauses: pauses.paused(institution_id, pause))

    def resume(self, institution_id: str | None) -> bool:
        """Ends a pause. Returns whether there was one.

        Raises:
            Unavailable: The store did not answer.
        """
        return self._change(lambda pauses: pauses.resumed(institution_id))

    def during_outage(
        self,
        institution_id: str,
        pause: AutomaticPause | None,
        *,
        spaced_for: timedelta | None,
        now: datetime,
    ) -> bool:
        """Replaces the automatic measures against an institution, see Pauses.during_outage; True if they changed.

        Raises:
            Unavailable: The store did not answer.
        """
        return self._change(lambda pauses: pauses.during_outage(institution_id, pause, spaced_for=spaced_for, now=now))

    def _change(self, change: Callable[[Pauses], Pauses]) -> bool:
        def step() -> bool:
            before, version = self.paused.load()
            after = change(before)
            if after == before:
                return False
            self.paused.save(after, expected=version)
            return True

        busy = Unavailable("other operators change the pauses", code="store_busy", retry_after_seconds=1)
        return retry_on_conflict(step, tries=MAX_TRIES, busy=busy)
