"""An outage of a bank, as far as its users notice it, and whom the backend notifies of it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import ErrorKind, ProviderError
from shared.domain.notification import Notification, NotificationKind, notification
from shared.domain.progress import ErrorSummary

NOTIFIED_AFTER = timedelta(hours=2)  # most outages end before
OLD_AFTER = timedelta(hours=24)  # younger data is about as current as a bank's usual updates
CHECKED_EVERY = timedelta(hours=1)  # whether the data of more users has become old


@dataclass(frozen=True, slots=True)
class Outage:
    """An outage during which the syncs of a bank are paused automatically.

    Attributes:
        institution_id: The bank.
        since: When it began; the same until the bank is healthy again, also while attempts to resume fail.
        next_check_at: When the backend checks the bank next.
    """

    institution_id: str
    since: datetime
    next_check_at: datetime

    @property
    def outage_id(self) -> str:
        """Identifies the outage in the notifications about it."""
        return f"{self.institution_id}-{self.since:%Y%m%dT%H%M%SZ}"

    @property
    def matters_from(self) -> datetime:
        """From when on users are notified of it who have not asked for new data."""
        return self.since + NOTIFIED_AFTER

    def error(self) -> ErrorSummary:
        """Why a requested sync waits."""
        down = ProviderError(
            "the bank has an outage: the sync runs as soon as the bank works again",
            kind=ErrorKind.INSTITUTION_DOWN,
            error_type="INSTITUTION_ERROR",
            error_code="INSTITUTION_DOWN",
        )
        return ErrorSummary.of(down)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A user to notify of an outage, and the connection that the notification is about."""

    app_user_id: str
    connection_id: str


@dataclass(frozen=True, slots=True)
class NoticePlan:
    """The users to notify now, and when others may have to be notified; None if all have been."""

    recipients: tuple[Recipient, ...]
    next_at: datetime | None


def plan_notices(
    outage: Outage, connections: Iterable[BankConnection], *, notified: Collection[str], now: datetime
) -> NoticePlan:
    """Who is notified of a bank's long outage at this moment: each user once, and only if it matters to the user.

    It matters if the user's data is older than a day.

    Args:
        outage: The outage; it has lasted until `matters_from`.
        connections: The connections to the bank.
        notified: Ids of the users who have been notified of this outage.
        now: The present.
    """
    recipients: dict[str, Recipient] = {}
    later: dict[str, datetime] = {}
    for one in sorted(connections, key=_data_from):
        user, old_at = one.app_user_id, _data_from(one) + OLD_AFTER
        if user in notified or not is_affected(one, outage):
            continue
        if old_at <= now:
            recipients.setdefault(user, Recipient(user, one.connection_id))
        elif user not in recipients:
            later.setdefault(user, old_at)
    next_at = max(min(later.values()), now + CHECKED_EVERY) if later else None
    return NoticePlan(tuple(recipients.values()), next_at)


def is_affected(connection: BankConnection, outage: Outage) -> bool:
    """Whether the connection lacks data because of the outage, and not because its login was broken before it."""
    if connection.status is ItemStatus.ERROR:
        return False
    return connection.status is not ItemStatus.BAD or connection.updated_at >= outage.since


def _data_from(connection: BankConnection) -> datetime:
    """The age of a connection's data; without any sync, its user has been waiting since the link."""
    return connection.last_sync or connection.created_at


def outage_news(
    kind: NotificationKind,
    outage: Outage,
    recipient: Recipient,
    *,
    bank: str | None,
    language: str | None,
    now: datetime,
) -> Notification:
    """The notification that an outage began (`BANK_DOWN`) or ended (`BANK_BACK`): one of each per user and outage."""
    news = notification(
        kind,
        event_id=outage.outage_id,
        connection_id=recipient.connection_id,
        bank=bank,
        language=language,
        now=now,
    )
    is_open = kind is NotificationKind.BANK_DOWN
    return news.model_copy(update={"outage_id": outage.outage_id}) if is_open else news
