"""Decides the status of a connection from what Plaid reports about its item; a webhook only triggers that.

Pure decisions: refresh_item_status.py reads the item, and commits the decision.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.domain import reminders, status
from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import ServiceError
from shared.domain.status import PENDING, StatusEvent
from shared.domain.webhook import Meaning, Webhook
from shared.ports import ItemFacts

BETWEEN_CHECKS = timedelta(hours=30)  # daily checks of many connections take hours
WEBHOOK_TAKES = timedelta(hours=1)  # at most, until Plaid's webhook about an update arrives


@dataclass(frozen=True, slots=True)
class StatusDecision:
    """The consequences of an item's facts for its connection.

    Attributes:
        event: The event, if any.
        error: Plaid's error, if the event is one; with a repair, the consent that is still missing.
        renewal: Whether to warn of the consent's end although the login works, see StatusEvents.apply.
        learnt: Other fields of the connection that Plaid reported.
        sync: Whether the transactions must be synced.
        reselects_accounts: Whether the next run must read the accounts again, including revoked ones.
        reads_accounts: Whether the next run must read the accounts again.
        reminds: Whether to remind the user of a login that has been broken for long.
        moved: The changed fields if the item moved to another institution, see institution_change.
        updates: When Plaid's latest updates of the item worked and failed.
    """

    event: StatusEvent | None = None
    error: ServiceError | None = None
    renewal: bool = False
    learnt: dict[str, Any] = field(default_factory=dict)
    sync: bool = False
    reselects_accounts: bool = False
    reads_accounts: bool = False
    reminds: bool = False
    moved: dict[str, Any] = field(default_factory=dict)
    updates: tuple[datetime | None, datetime | None] = (None, None)

    @property
    def claims_repair(self) -> bool:
        """Whether the decision would resolve the connection's problem."""
        return self.event in (StatusEvent.REPAIRED, StatusEvent.WORKING)


UNCLEAR = StatusDecision(sync=True, reselects_accounts=True)
"""The item reports an outage, or an error unknown to this backend. Neither is the user's fault, and neither proves that
the login works: the status stays, and a sync decides."""


def from_error(facts: ItemFacts) -> StatusDecision | None:
    """The decision for the error that an item reports; None without an error that is a status event."""
    event = status.event_of(facts.error) if facts.error is not None else None
    return StatusDecision(event=event, error=facts.error) if event is not None else None


def with_metadata(decision: StatusDecision, facts: ItemFacts) -> StatusDecision:
    """The decision, with what apps show about the item; with each change of the status, or once a day."""
    return replace(decision, learnt=facts.metadata() | decision.learnt)


def from_update_mode(facts: ItemFacts) -> StatusDecision:
    """The decision after update mode succeeded. The sync that follows reads added and removed accounts."""
    if facts.error is not None:
        return from_error(facts) or UNCLEAR
    learnt = {"consent_expiration_time": facts.consent_expiration_time}
    return StatusDecision(event=StatusEvent.REPAIRED, learnt=learnt, sync=True, reselects_accounts=True)


def from_webhook(connection: BankConnection, facts: ItemFacts, webhook: Webhook, *, now: datetime) -> StatusDecision:
    """The decision for a webhook, which counts only if the item confirms it.

    Webhooks arrive late, twice, and out of order.
    """
    if (decision := from_error(facts)) is not None:
        return decision
    if facts.error is not None and webhook.meaning in (Meaning.LOGIN_ERROR, Meaning.LOGIN_REPAIRED):
        return replace(UNCLEAR, reselects_accounts=webhook.meaning is Meaning.LOGIN_REPAIRED)
    ends = facts.consent_expiration_time
    learnt = {"consent_expiration_time": ends} if ends is not None else {}
    match webhook.meaning:
        case Meaning.LOGIN_ERROR:
            return StatusDecision(event=StatusEvent.WORKING, learnt=learnt, sync=True)
        case Meaning.LOGIN_REPAIRED:
            return replace(from_update_mode(facts), renewal=True)
        case Meaning.EXPIRATION:
            return _from_expiration(connection, ends, announced=webhook.consent_expiration_time, now=now)
        case Meaning.DISCONNECT:
            return _from_disconnect(connection, ends, announced=webhook.disconnect_time, now=now)
        case Meaning.NEW_ACCOUNTS:
            return StatusDecision(event=StatusEvent.NEW_ACCOUNTS, learnt=learnt)
        case _:
            return StatusDecision()


def from_daily_check(connection: BankConnection, facts: ItemFacts, *, now: datetime) -> StatusDecision:
    """The decision of a daily check: a consent that ends soon, an error, a repair, or missed webhooks."""
    if (decision := from_error(facts)) is not None:
        return replace(decision, reminds=True)
    learnt = {"consent_expiration_time": facts.consent_expiration_time} if facts.consent_expiration_time else {}
    # Only a sync proves that a login works again: an item may report no error, and still deliver no data.
    is_broken = connection.status in (ItemStatus.BAD, ItemStatus.ERROR)
    decision = _from_announcement(connection, facts, now=now)
    revoked = _revoked_account(facts, now=now)
    syncs = is_broken or revoked or missed_webhook(connection, facts)
    return replace(decision, learnt=learnt | decision.learnt, sync=syncs, reads_accounts=revoked)


def missed_webhook(connection: BankConnection, facts: ItemFacts) -> bool:
    """Whether Plaid has had new data for longer than a webhook takes, and no sync ran since."""
    if connection.last_sync is None:
        return False  # the scheduler retries first syncs
    news = [moment for moment in (facts.last_update, facts.last_webhook) if moment is not None]
    return any(moment - connection.last_sync > WEBHOOK_TAKES for moment in news)


def _revoked_account(facts: ItemFacts, *, now: datetime) -> bool:
    """Whether Plaid has reported a revoked account since the previous daily check.

    If that webhook is lost, only the list of accounts shows the revocation, and a sync reads the list only after a
    change: so an account without transactions would stay.
    """
    return facts.account_revoked_at is not None and now - facts.account_revoked_at <= BETWEEN_CHECKS


def _from_expiration(
    connection: BankConnection, ends: datetime | None, *, announced: datetime | None, now: datetime
) -> StatusDecision:
    if status.is_later(ends, than=announced):  # the consent was renewed since
        disconnects = connection.status is ItemStatus.PENDING_DISCONNECT  # which this webhook is not about
        event = None if disconnects else StatusEvent.EXPIRATION_MOVED
        return StatusDecision(event=event, learnt={"consent_expiration_time": ends})
    learnt = {
        "consent_expiration_time": ends or announced or connection.consent_expiration_time,
        "announced": status.announcement(announced, consent=ends or announced, now=now),
    }
    return StatusDecision(event=StatusEvent.EXPIRATION_ANNOUNCED, learnt=learnt)


def _from_disconnect(
    connection: BankConnection, ends: datetime | None, *, announced: datetime | None, now: datetime
) -> StatusDecision:
    learnt: dict[str, Any] = {"consent_expiration_time": ends} if ends is not None else {}
    before = connection.announced if connection.status is ItemStatus.PENDING_DISCONNECT else None
    # A repeated announcement keeps its record, so that a consent that was renewed since still counts as renewed.
    if before is None or status.is_later(announced, than=before.ends_at):
        learnt |= {"announced": status.announcement(announced, consent=ends, now=now)}
    return StatusDecision(event=StatusEvent.DISCONNECT_ANNOUNCED, learnt=learnt)


def _from_announcement(connection: BankConnection, facts: ItemFacts, *, now: datetime) -> StatusDecision:
    """The decision about an open announcement, and about a consent that ends soon."""
    ends, announced = facts.consent_expiration_time, connection.announced
    is_pending, disconnects = connection.status in PENDING, connection.status is ItemStatus.PENDING_DISCONNECT
    if is_pending and announced is None and (disconnects or ends is None):
        # Stored before announcements were recorded: the announcement counts from today.
        return StatusDecision(learnt={"announced": status.announcement(None, consent=ends, now=now)})
    # Without a recorded announcement, the connection is pending only because its consent ends.
    is_over = announced is None or status.is_over(announced, consent=ends, works=facts.error is None, now=now)
    if disconnects and is_over:
        return StatusDecision(event=StatusEvent.EXPIRATION_MOVED, renewal=True)
    if reminders.warning_due(ends, now=now) is not None:
        return StatusDecision(event=StatusEvent.EXPIRATION_NEAR)
    return StatusDecision(event=StatusEvent.EXPIRATION_MOVED if is_over or not is_pending else None)
