"""What is known about an institution's health, and the verdict on it.

The unit is the distinct connection, not the call: retries of one broken login must not look like an outage. Only errors
of the institution count as failures (`INSTITUTION_DOWN`); errors that the user or an operator must fix, and errors of
Plaid itself, are no outcomes at all. Source: https://plaid.com/docs/errors/institution/.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

WINDOW = timedelta(minutes=60)
LONGEST_WINDOW = timedelta(hours=6)


class HealthState(StrEnum):
    """The health of an institution."""

    HEALTHY = "healthy"
    SUSPECTED = "suspected"  # the backend probes; users see nothing
    DEGRADED = "degraded"  # part of the connections fail
    DOWN = "down"
    RECOVERING = "recovering"  # the outage seems over; syncs resume step by step


class OutageKind(StrEnum):
    """What fails at an institution."""

    LOGIN = "login"
    DATA = "data"
    BOTH = "both"


class RefreshInterval(StrEnum):
    """How often Plaid updates the items of an institution, compared with usual."""

    NORMAL = "NORMAL"
    DELAYED = "DELAYED"
    STOPPED = "STOPPED"


class Reading(NamedTuple):
    """A result of one connection that reached the bank.

    Attributes:
        at, failed, connection_id, app_user_id, live: As in `Outcome`.
        sampled: As in `ItemUpdate`.
        checked_at: As in `ItemUpdate`; None for other results.
    """

    at: datetime
    failed: bool
    connection_id: str
    app_user_id: str
    live: bool = False
    sampled: bool = True
    checked_at: datetime | None = None


@dataclass(frozen=True)  # without slots, which a cached property cannot have
class Outcome:
    """The latest outcome of one connection.

    Attributes:
        connection_id, app_user_id: The connection and its user.
        at: When the call was answered.
        failed: The institution failed. False means that the call worked.
        live: The call reached the bank: a refresh, a live balance, a first extraction. A sync reads Plaid's cache, so
            that a sync that worked says nothing about the bank and is ignored; a sync that failed counts.
    """

    connection_id: str
    app_user_id: str
    at: datetime
    failed: bool
    live: bool

    @cached_property
    def reading(self) -> Reading | None:
        """What it says about the bank; None if it says nothing."""
        felt = self.live or self.failed
        return Reading(self.at, self.failed, self.connection_id, self.app_user_id, self.live) if felt else None


@dataclass(frozen=True)
class ItemUpdate:
    """Plaid's own updates of one connection's transactions, from /item/get.

    Source: https://plaid.com/docs/api/items/#itemget, `status.transactions`.

    Attributes:
        connection_id, app_user_id: The connection and its user.
        last_successful_update: When Plaid's latest successful update was.
        last_failed_update: When Plaid's latest failed update was.
        checked_at: When Plaid was asked.
        sampled: Whether the answer is known whatever it was. Of a daily check only failures are known: they say that
            something fails, but not how large a share.
    """

    connection_id: str
    app_user_id: str
    last_successful_update: datetime | None
    last_failed_update: datetime | None
    checked_at: datetime
    sampled: bool = True

    @cached_property
    def reading(self) -> Reading | None:
        """The newest update as a reading; None if Plaid reports none."""
        if (at := self.at) is None:
            return None
        who = (self.connection_id, self.app_user_id)
        return Reading(at, self.failed, *who, sampled=self.sampled, checked_at=self.checked_at)

    @property
    def failed(self) -> bool:
        """Whether Plaid's latest update failed."""
        failed, worked = self.last_failed_update, self.last_successful_update
        return failed is not None and (worked is None or failed > worked)

    @property
    def at(self) -> datetime | None:
        """When Plaid's latest update was; None if Plaid reports none."""
        return self.last_failed_update if self.failed else self.last_successful_update


@dataclass(frozen=True, slots=True)
class LoginLost:
    """A connection whose login stopped working: its item turned ITEM_LOGIN_REQUIRED."""

    connection_id: str
    app_user_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PlaidStatus:
    """Plaid's own status of an institution, of its transactions updates.

    Source: https://plaid.com/docs/api/institutions/#institutionsget_by_id, `status.transactions_updates.breakdown`.

    Attributes:
        at: When Plaid was asked.
        success, error_plaid, error_institution: Shares of Plaid's requests, 0 to 1.
        refresh_interval: How often Plaid updates items.
        login_success: The share of logins that succeeded (`status.item_logins`).
    """

    at: datetime
    success: float
    error_plaid: float
    error_institution: float
    refresh_interval: RefreshInterval = RefreshInterval.NORMAL
    login_success: float | None = None


PRIOR_FAILED, PRIOR_WORKED = 1.5, 48.5
REMEMBERED = timedelta(days=28)
LOWEST_SHARE, HIGHEST_SHARE = 0.01, 0.30


@dataclass(frozen=True, slots=True)
class Baseline:
    """How many connections of an institution usually fail: results of about 28 days (usual_share.py).

    Attributes:
        failed: Results that failed.
        seen: All results.
    """

    failed: float = 0
    seen: float = 0

    @property
    def share(self) -> float:
        """The usual share of failing connections: the mean of a beta posterior, between 1 % and 30 %."""
        mean = (PRIOR_FAILED + self.failed) / (PRIOR_FAILED + PRIOR_WORKED + self.seen)
        return min(max(mean, LOWEST_SHARE), HIGHEST_SHARE)

    def after(self, elapsed: timedelta, *, failed: int, seen: int) -> "Baseline":
        """The baseline after some time with these results; older ones lose weight over 28 days."""
        kept = math.exp(-elapsed / REMEMBERED)
        return Baseline(self.failed * kept + failed, self.seen * kept + seen)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about one institution.

    Attributes:
        institution_id: The institution.
        now: When it is judged.
        connections: All connections to the institution.
        outcomes: The newest outcomes of the last six hours, those that worked and those that failed.
        updates: Answers of /item/get of the last six hours.
        plaid: Plaid's own status; None if Plaid reports none.
        baseline: The usual share of failing connections.
        logins_lost: Connections that needed a new login within the last hour.
        shared_at: When failures were last attributed to Plaid or to us; earlier readings say nothing about this bank.
        unlisted_working: Further connections that worked within the last hour (WINDOW), only counted. Detection is
            slower with them than with listed outcomes, because the beginning of an outage is harder to see.
        unlisted_working_long: Further connections that worked within the last six hours (LONGEST_WINDOW).
    """

    institution_id: str
    now: datetime
    connections: int
    outcomes: tuple[Outcome, ...] = ()
    updates: tuple[ItemUpdate, ...] = ()
    plaid: PlaidStatus | None = None
    baseline: Baseline = field(default_factory=Baseline)
    logins_lost: tuple[LoginLost, ...] = ()
    shared_at: datetime | None = None
    unlisted_working: int = 0
    unlisted_working_long: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judged health of an institution. It never names connections or users.

    Attributes:
        state: The state.
        kind: What fails; None while healthy.
        since: When the state began.
        share_failing: The share of connections that fail.
        seen, failing: Distinct connections with an outcome in the window, and those that failed.
        users_failing: Distinct users whose connections failed.
        tail: The probability of so many failures at a healthy institution.
        reason: A stable code of the rule that decided, such as `many_failures`; texts come from `Explainer`.
        calm_since: Since when the evidence of an unhealthy institution looks healthy; it must do so for a while.
        evident_at: When the state was last supported by evidence; a state without new evidence expires.
        ignore_before: Earlier readings belong to an outage that is over.
    """

    state: HealthState
    kind: OutageKind | None
    since: datetime
    share_failing: float = 0.0
    seen: int = 0
    failing: int = 0
    users_failing: int = 0
    tail: float = 1.0
    reason: str = "healthy"
    calm_since: datetime | None = None
    evident_at: datetime | None = None
    ignore_before: datetime | None = None

    @property
    def is_usual(self) -> bool:
        """Whether nothing indicates an outage: single failures occur at every bank."""
        return self.reason in ("healthy", "first_failures")
