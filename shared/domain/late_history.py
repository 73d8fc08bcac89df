"""When a connection's history is late: a day after the exchange, the bank still has not delivered all of it.

Before that, every scheduler run polls for the missing history. Afterwards a few polls per day are enough, because Plaid
also sends a webhook when the history arrives.
"""

from datetime import datetime, timedelta

LATE_AFTER = timedelta(hours=24)


def is_late(since: datetime, *, now: datetime) -> bool:
    """Whether a history that has been missing since then is late."""
    return now - since >= LATE_AFTER
