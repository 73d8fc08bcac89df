"""Counts connections by health, for statistics and alerts."""

from dataclasses import dataclass

from shared.domain.health import Health
from shared.log import log
from shared.ports import Clock, HealthFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureHealth:
    """Measures how many connections are in each state of health."""

    figures: HealthFigures
    clock: Clock

    def __call__(self) -> Health:
        """Counts the connections and logs the figures: about ten counting queries, for any number of connections.

        Raises:
            Unavailable: The store did not answer.
        """
        health = self.figures.count(self.clock.now())
        log.info("connections.health", **health.figures())
        return health
