"""Login storms: many connections of a bank lose their login at once, which is the bank's fault, not the users'.

The first logins of a storm look like any others. So "log in again" messages wait until a storm would be recognized: the
larger the bank, the sooner. In a storm they wait longer, and are dropped for the connections whose login works again
meanwhile.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.domain.institution_health.evidence import LoginLost

STORM_WINDOW = timedelta(hours=1)
SHORTEST_WAIT, LONGEST_WAIT = timedelta(minutes=5), timedelta(minutes=60)
_WAIT_OF_ONE = timedelta(hours=40)
"""Divided by a bank's connections: a storm that hits 30 % of them within an hour is recognized by then, with odds of a
thousand to one. At small banks that takes up to the whole hour."""

STORM_WAIT = timedelta(hours=2)
MOST_LOGINS = 50  # lost logins of a bank to look at: more would change no decision
_USUALLY_LOST_PER_HOUR = 0.01 / 24  # a connection loses its login about once in three months
_USERS = 3
_UNUSUAL = 1e-4


def is_login_storm(lost: Sequence[LoginLost], connections: int, now: datetime) -> bool:
    """Whether unusually many connections of different users lost their login within the last hour."""
    recent = {one.connection_id: one.app_user_id for one in lost if timedelta(0) <= now - one.at <= STORM_WINDOW}
    if len(set(recent.values())) < _USERS:
        return False
    expected = max(connections, len(recent)) * _USUALLY_LOST_PER_HOUR
    return _poisson_tail(len(recent), expected) < _UNUSUAL


def prompt_due_at(lost_at: datetime, *, connections: int) -> datetime:
    """When the user may be asked to log in again, if the login still does not work then and no storm is recognized.

    Args:
        lost_at: When the connection lost its login.
        connections: All connections to the bank. With fewer than a storm needs, the user is asked at once.
    """
    if connections < _USERS:
        return lost_at
    return lost_at + min(max(_WAIT_OF_ONE / connections, SHORTEST_WAIT), LONGEST_WAIT)


def _poisson_tail(count: int, mean: float) -> float:
    below = sum(math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(count))
    # Close to 1 the difference is only rounding; the first term bounds the tail there.
    first = math.exp(-mean + count * math.log(mean) - math.lgamma(count + 1))
    return max(1 - below, first)
