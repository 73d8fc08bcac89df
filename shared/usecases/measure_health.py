"""Counts connections by health, for statistics and alerts."""

from dataclasses import dataclass

from shared.domain.health import Health
from shared.log import log
from shared.ports import Clock, HealthFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureHealth:
    """Measures how many connections are in which state."""

    figures: HealthFigures
    clock: Clock

    def __call__(self) -> Health:
        """Counts and logs; costs some ten counting queries, whatever the number of connections.

        Raises:
            Unavailable: The store did not answer.
        """
        health = self.figures.count(self.clock.now())
        log.info("connections.health", **health.figures())
        return health
