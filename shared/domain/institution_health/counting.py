"""Counts connections that work and that fail, and how unusual the count is.

Everything here needs only `math`: importing a statistics library takes longer than a cold start of the backend may.
"""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice, zip_longest
from operator import itemgetter
from typing import NamedTuple

from shared.domain.institution_health.evidence import LONGEST_WINDOW, WINDOW, Baseline, Evidence, Reading

NEWEST = 150
"""The most readings that are counted; more of them would change no verdict."""

_SURE_AFTER = 500  # the baseline is never trusted more than so many outcomes: the usual share drifts
_NEGLIGIBLE = 1e-6
_BY_TIME = itemgetter(*map(Reading._fields.index, ("at", "failed", "connection_id")))


class Count(NamedTuple):
    """The newest readings of an institution, or a part of them.

    Attributes:
        seen, failing: Distinct connections, and those whose newest reading failed.
        users: Distinct users whose connections failed.
        tail: The probability of at least so many failures at a healthy institution.
    """

    seen: int = 0
    failing: int = 0
    users: int = 0
    tail: float = 1.0

    @property
    def share(self) -> float:
        """The share of connections that fail."""
        return self.failing / self.seen if self.seen else 0.0


def readings(evidence: Evidence, since: datetime | None = None) -> list[Reading]:
    """The newest reading per connection of the last six hours, newest first.

    Args:
        evidence: The evidence. A sync that worked is left out, because it only read Plaid's cache.
        since: Earlier readings are left out: they belong to an outage that is over.
    """
    now = evidence.now
    oldest = now - LONGEST_WINDOW
    oldest = max(oldest, since or oldest, evidence.shared_at or oldest)
    felt = [one.reading for one in evidence.outcomes] + [one.reading for one in evidence.updates]
    inside = [reading for reading in felt if reading is not None and oldest < reading.at <= now]
    inside.sort(key=_BY_TIME, reverse=True)
    newest: dict[str, Reading] = {}
    for reading in inside:
        newest.setdefault(reading.connection_id, reading)
    return list(islice(newest.values(), NEWEST))


def sampled(newest_first: list[Reading]) -> list[Reading]:
    """The readings whose share of failures is that of all connections."""
    return [reading for reading in newest_first if reading.sampled]


def without_checked(newest_first: list[Reading]) -> list[Reading]:
    """The readings without failures of daily checks after which other connections have been checked: these decide."""
    checked = max((one.checked_at for one in newest_first if one.sampled and one.checked_at), default=None)
    if checked is None:
        return newest_first
    return [one for one in newest_first if one.sampled or one.checked_at is None or one.checked_at > checked]


def counts(evidence: Evidence, newest_first: list[Reading]) -> list[Count]:
    """Counts of the newest readings back to each one that failed, and of all readings, which are the last count.

    An outage begins at an unknown time. Counting only a fixed window would mix it with the good hours before.
    If working connections are only counted (`unlisted_working`), there are two counts: of the last hour and of six.
    """
    if evidence.unlisted_working or evidence.unlisted_working_long:
        return [
            _count(evidence, newest_first, WINDOW, evidence.unlisted_working),
            _count(evidence, newest_first, LONGEST_WINDOW, evidence.unlisted_working_long),
        ]
    found: list[Count] = []
    users: set[str] = set()
    failing, is_new = 0, False
    share, sure = _trusted(evidence.baseline)  # once: this loop is most of a judgement
    for seen, (reading, older) in enumerate(zip_longest(newest_first, newest_first[1:]), start=1):
        if reading.failed:
            users.add(reading.app_user_id)
            failing, is_new = failing + 1, True
        # Readings of the same moment have no order, so that none of them can be left out.
        if is_new and (older is None or older.at != reading.at):
            found.append(Count(seen, failing, len(users), _tail(failing, seen, share, sure)))
            is_new = False
    return [*found, Count(len(newest_first), failing, len(users), _tail(failing, len(newest_first), share, sure))]


def _count(evidence: Evidence, newest_first: Iterable[Reading], window: timedelta, unlisted: int) -> Count:
    inside = [reading for reading in newest_first if evidence.now - reading.at <= window]
    users = {reading.app_user_id for reading in inside if reading.failed}
    failing, seen = sum(reading.failed for reading in inside), len(inside) + unlisted
    return Count(seen, failing, len(users), tail(failing, seen, evidence.baseline))


def tail(failing: int, seen: int, baseline: Baseline) -> float:
    """The probability that at least so many of the connections seen fail at a healthy institution.

    The beta-binomial distribution instead of the binomial: the usual share is itself uncertain, most of all at an
    institution that is new here. Source: https://en.wikipedia.org/wiki/Beta-binomial_distribution.
    """
    return _tail(failing, seen, *_trusted(baseline))


def _trusted(baseline: Baseline) -> tuple[float, float]:
    """The usual share, and how many outcomes it is trusted as much as."""
    return baseline.share, min(50 + baseline.seen, _SURE_AFTER)


def _tail(failing: int, seen: int, share: float, sure: float) -> float:
    if failing <= share * seen:
        return 1.0  # not more than usual: the exact value matters to no rule
    return _unusual_tail(failing, seen, share, sure)


@lru_cache(maxsize=4096)
def _unusual_tail(failing: int, seen: int, share: float, sure: float) -> float:
    alpha = share * sure
    beta = sure - alpha
    term = math.exp(
        math.lgamma(seen + 1)
        - math.lgamma(failing + 1)
        - math.lgamma(seen - failing + 1)
        + _log_beta(failing + alpha, seen - failing + beta)
        - _log_beta(alpha, beta)
    )
    total = 0.0
    for count in range(failing, seen + 1):
        total += term
        left = seen - count
        if not left:
            break
        ratio = left / (count + 1) * (count + alpha) / (left - 1 + beta)
        if ratio < 1 and term < total * _NEGLIGIBLE:
            break
        term *= ratio
    return min(total, 1.0)


def _log_beta(alpha: float, beta: float) -> float:
    return math.lgamma(alpha) + math.lgamma(beta) - math.lgamma(alpha + beta)
