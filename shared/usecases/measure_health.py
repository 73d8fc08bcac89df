"""Counts how the connections are, for statistics and alerts."""

from shared.domain.health import Health
from shared.log import log
from shared.ports import Clock, HealthFigures


def measure_health(*, figures: HealthFigures, clock: Clock) -> Health:
    """Counts, and tells the log; costs some ten counting queries, whatever the number of connections.

    Raises:
        Unavailable: The store did not answer.
    """
    health = figures.count(clock.now())
    log.info("connections.health", **health.figures())
    return health
