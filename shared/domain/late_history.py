"""When a connection's history is late: its bank still has not delivered all of it a day after the exchange.

Until then a missing history is asked for at every run of the scheduler; afterwards a few times a day are enough, since
Plaid also sends a webhook when it arrives.
"""

from datetime import datetime, timedelta

LATE_AFTER = timedelta(hours=24)


def is_late(since: datetime, *, now: datetime) -> bool:
    """Whether what has been awaited since a moment is late."""
    return now - since >= LATE_AFTER
