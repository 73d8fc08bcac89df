"""The current outages, as the automatic pauses tell them."""

from dataclasses import dataclass

from shared.domain.institution_health.outage import Outage
from shared.ports import Clock, PausedSyncs


@dataclass(frozen=True, slots=True, kw_only=True)
class PausedOutages:
    """The port `Outages`: costs no read while nothing is paused, if the pauses are cached."""

    paused: PausedSyncs
    clock: Clock

    def current(self, institution_id: str | None) -> Outage | None:
        """The outage for which the syncs of a bank are paused automatically now, if any."""
        pauses, now = self.paused.load()[0], self.clock.now()
        pause = pauses.outage_at(institution_id, now=now) if institution_id is not None else None
        if pause is None or institution_id is None:
            return None
        return Outage(institution_id, since=pause.since, next_check_at=max(pause.next_check_at, now))
