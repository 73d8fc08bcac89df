"""Counts connections that work and that fail, and how unusual the count is.

Everything here needs only `math`: importing a statistics library takes longer than a cold start of the backend may.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from shared.domain.institution_health.evidence import LONGEST_WINDOW, WINDOW, Baseline, Evidence, Outcome

NEWEST = 150
"""The most readings that are counted; more of them would change no verdict."""

_SURE_AFTER = 500  # the baseline is never trusted more than so many outcomes: the usual share drifts
_NEGLIGIBLE = 1e-6


class Reading(NamedTuple):
    """The newest result of one connection that reached the bank; `sampled` as in `ItemUpdate`."""

    at: datetime
    failed: bool
    connection_id: str
    app_user_id: str
    live: bool = False
    sampled: bool = True


@dataclass(frozen=True, slots=True)
class Count:
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
    oldest = evidence.now - LONGEST_WINDOW
    oldest = max(oldest, since or oldest, evidence.shared_at or oldest)
    inside = [reading for reading in _felt(evidence) if oldest < reading.at <= evidence.now]
    inside.sort(key=attrgetter("at", "failed", "connection_id"), reverse=True)
    newest: dict[str, Reading] = {}
    for reading in inside:
        newest.setdefault(reading.connection_id, reading)
    return list(islice(newest.values(), NEWEST))


def _felt(evidence: Evidence) -> Iterator[Reading]:
    for outcome in evidence.outcomes:
        if outcome.live or outcome.failed:
            yield _reading(outcome)
    for update in evidence.updates:
        if (at := update.at) is not None:
            yield Reading(at, update.failed, update.connection_id, update.app_user_id, sampled=update.sampled)


def _reading(outcome: Outcome) -> Reading:
    return Reading(outcome.at, outcome.failed, outcome.connection_id, outcome.app_user_id, outcome.live)


def sampled(newest_first: list[Reading]) -> list[Reading]:
    """The readings whose share of failures is that of all connections."""
    return [reading for reading in newest_first if reading.sampled]


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
    for seen, reading in enumerate(newest_first, start=1):
        if reading.failed:
            users.add(reading.app_user_id)
            failing = len(found) + 1
            found.append(Count(seen, failing, len(users), tail(failing, seen, evidence.baseline)))
    return [*found, total(evidence, newest_first)]


def total(evidence: Evidence, newest_first: list[Reading]) -> Count:
    """The count of all readings."""
    failed = [reading.app_user_id for reading in newest_first if reading.failed]
    seen = len(newest_first)
    return Count(seen, len(failed), len(set(failed)), tail(len(failed), seen, evidence.baseline))


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
    share = baseline.share
    if failing <= share * seen:
        return 1.0  # not more than usual: the exact value matters to no rule
    return _tail(failing, seen, share, min(50 + baseline.seen, _SURE_AFTER))


@lru_cache(maxsize=4096)
def _tail(failing: int, seen: int, share: float, sure: float) -> float:
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
