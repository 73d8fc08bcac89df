"""The health of a bank as apps read it: `bank_institution_health/{institution_id}`.

Any signed-in user can read it, so it must not show who banks where: it is only published for banks with several users,
with a rounded share and rounded times, and its rules allow no lists.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict

from shared.domain.institution_health.evidence import HealthState, OutageKind, Verdict

LEAST_USERS = 5
ROUNDED_TO = timedelta(minutes=5)
RENEWED_EVERY = timedelta(minutes=30)
"""How often the document of an unhealthy bank is renewed: apps ignore one that has not been for six hours."""
OUTAGE_STATES = frozenset([HealthState.DOWN, HealthState.RECOVERING])


class HealthMessage(StrEnum):
    """What an app shows its users about a bank, as a key of its texts."""

    OK = "bank_ok"  # nothing
    LATE = "bank_late"  # data may be late
    LOGIN_DOWN = "bank_login_down"  # logins fail, data still arrives
    DATA_DOWN = "bank_data_down"  # no data arrives
    DOWN = "bank_down"  # neither works
    RECOVERING = "bank_recovering"  # it works again, and the data catches up


_WHILE_DOWN = {
    OutageKind.LOGIN: HealthMessage.LOGIN_DOWN,
    OutageKind.DATA: HealthMessage.DATA_DOWN,
    OutageKind.BOTH: HealthMessage.DOWN,
}
_MESSAGES = {HealthState.DEGRADED: HealthMessage.LATE, HealthState.RECOVERING: HealthMessage.RECOVERING}


class InstitutionHealth(BaseModel):
    """The health of a bank. Without a document, nothing is known to be wrong.

    Attributes:
        institution_id: The bank.
        state: The state. A suspicion is only published after an outage whose evidence has become too old.
        kind: What fails; null while the bank is healthy.
        since: When the state began, rounded to 5 minutes. For an outage, when that began: attempts to resume do not
            change it.
        message_key: What apps show their users.
        share_failing: The share of connections that fail, 0 to 1, rounded to 0.1; 0 if `message_key` is `bank_ok`.
        updated_at: When the backend last confirmed the state, rounded to 5 minutes.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    institution_id: str
    state: HealthState
    kind: OutageKind | None = None
    since: datetime
    message_key: HealthMessage
    share_failing: float
    updated_at: datetime

    @classmethod
    def of(cls, institution_id: str, verdict: Verdict, *, previous: Self | None, now: datetime) -> Self:
        """The published form of a verdict; `previous` is the published document, if there is one."""
        continues = previous is not None and {previous.state, verdict.state} <= OUTAGE_STATES
        message = _message(verdict)
        share = 0.0 if message is HealthMessage.OK else min(max(verdict.share_failing, 0.0), 1.0)
        return cls(
            institution_id=institution_id,
            state=verdict.state,
            kind=verdict.kind,
            since=previous.since if previous is not None and continues else _rounded(verdict.since),
            message_key=message,
            share_failing=round(share, 1),
            updated_at=_rounded(now),
        )

    def replaces(self, previous: Self | None) -> bool:
        """Whether this document must be written over the previous one: a write costs a read of each listening app."""
        if previous is None or previous.state is HealthState.HEALTHY:
            return self.message_key is not HealthMessage.OK
        same = self.model_copy(update={"updated_at": previous.updated_at}) == previous
        return not same or self.updated_at - previous.updated_at >= RENEWED_EVERY


def _message(verdict: Verdict) -> HealthMessage:
    if verdict.state is HealthState.DOWN:
        return _WHILE_DOWN[verdict.kind or OutageKind.BOTH]
    return _MESSAGES.get(verdict.state, HealthMessage.OK)


def _rounded(at: datetime) -> datetime:
    """The moment, rounded down: a published time is never in the future."""
    return at - (at - datetime.min.replace(tzinfo=UTC)) % ROUNDED_TO
