"""What happens to a connection's status: every state, every event, as one table.

    error > bad > pending_* > good

An outage, at the bank or at Plaid, is no event here: the connection stays as it was, and the sync is retried. A call
that works heals `bad` and `error`, but hides no expiry that was announced. `REVOKED` is final: its credentials and
data go, and nothing that comes late brings it back.

No status depends on a single webhook: a lost one is made up for by the daily check. `bad` and `error` end with the next
sync that works (the check requests one); what Plaid announced (pending_*) ends with a later consent or with its day,
see `is_over`; the offer of new accounts ends when a sync brings one.
Sources: https://plaid.com/docs/api/items/#webhooks and https://plaid.com/docs/errors/item/.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.domain.connection import Action, Announcement, BankConnection, ItemStatus
from shared.domain.errors import ProviderError
from shared.domain.notification import NotificationKind

CONSENT_WARNINGS = (timedelta(days=1), timedelta(days=7), timedelta(days=14))
"""How long before a consent ends its user is told, the latest first; from the first of them on it is pending."""

ANNOUNCED_AHEAD = timedelta(days=14)
"""How long an announcement without a date stands: Plaid announces an end 7 days ahead, and webhooks can be late.
https://plaid.com/docs/api/items/#pending_disconnect"""
LONGEST_AHEAD = timedelta(days=90)
"""No announcement stands longer than this, whatever date it names."""
DATES_DIFFER = timedelta(days=1)
"""Two dates that are further apart are two dates: a webhook and the item round the same one differently."""

REVOKED_CODE = "USER_PERMISSION_REVOKED"


class StatusEvent(StrEnum):
    """Something that may change a status."""

    LOGIN_FAILED = "login_failed"  # Plaid or a webhook says that only the user can help, in Link
    UNUSABLE = "unusable"  # the item will not work again
    REVOKED = "revoked"  # the user took the permission away, at Plaid
    CONSENT_MISSING = "consent_missing"  # more consent is needed; what was agreed goes on working
    WORKING = "working"  # a call for data worked
    REPAIRED = "repaired"  # the login was repaired, and Plaid reports no error
    EXPIRATION_ANNOUNCED = "expiration_announced"  # Plaid says that the consent ends soon
    EXPIRATION_NEAR = "expiration_near"  # we see that it does
    EXPIRATION_MOVED = "expiration_moved"  # the consent was renewed, or what was announced did not happen
    DISCONNECT_ANNOUNCED = "disconnect_announced"
    NEW_ACCOUNTS = "new_accounts"
    ACCOUNTS_CHOSEN = "accounts_chosen"  # accounts came that were not shared before


@dataclass(frozen=True, slots=True)
class Step:
    """What an event makes of a status: the next one, and what the user is told, if anything."""

    status: ItemStatus
    tells: NotificationKind | None = None


_G, _B, _E = ItemStatus.GOOD, ItemStatus.BAD, ItemStatus.ERROR
_X, _D = ItemStatus.PENDING_EXPIRATION, ItemStatus.PENDING_DISCONNECT
_Tell = NotificationKind

TABLE: dict[StatusEvent, dict[ItemStatus, Step]] = {
    StatusEvent.LOGIN_FAILED: {
        _G: Step(_B, _Tell.NEEDS_REPAIR),
        _X: Step(_B, _Tell.NEEDS_REPAIR),
        _D: Step(_B, _Tell.NEEDS_REPAIR),
        _B: Step(_B),
        _E: Step(_B, _Tell.NEEDS_REPAIR),  # Plaid knows the item after all
    },
    StatusEvent.UNUSABLE: {
        _G: Step(_E, _Tell.NEEDS_RELINK),
        _X: Step(_E, _Tell.NEEDS_RELINK),
        _D: Step(_E, _Tell.NEEDS_RELINK),
        _B: Step(_E, _Tell.NEEDS_RELINK),
        _E: Step(_E),
    },
    StatusEvent.REVOKED: dict.fromkeys(ItemStatus, Step(_E, _Tell.REVOKED)),
    StatusEvent.CONSENT_MISSING: {
        _G: Step(_G, _Tell.NEEDS_REPAIR),
        _X: Step(_X, _Tell.NEEDS_REPAIR),
        _D: Step(_D, _Tell.NEEDS_REPAIR),
        _B: Step(_B),
        _E: Step(_E),
    },
    StatusEvent.WORKING: {
        _G: Step(_G),
        _X: Step(_X),
        _D: Step(_D),
        _B: Step(_G, _Tell.REPAIRED),
        _E: Step(_G, _Tell.REPAIRED),
    },
    StatusEvent.REPAIRED: {
        _G: Step(_G),
        _X: Step(_G, _Tell.RENEWED),
        _D: Step(_G, _Tell.RENEWED),
        _B: Step(_G, _Tell.REPAIRED),
        _E: Step(_G, _Tell.REPAIRED),
    },
    # Between the two announcements the later one counts: Plaid's item carries neither as a state.
    StatusEvent.EXPIRATION_ANNOUNCED: {
        _G: Step(_X, _Tell.EXPIRING),
        _X: Step(_X, _Tell.EXPIRING),
        _D: Step(_X, _Tell.EXPIRING),
        _B: Step(_B),
        _E: Step(_E),
    },
    StatusEvent.EXPIRATION_NEAR: {
        _G: Step(_X, _Tell.EXPIRING),
        _X: Step(_X, _Tell.EXPIRING),
        _D: Step(_D, _Tell.EXPIRING),
        _B: Step(_B),
        _E: Step(_E),
    },
    StatusEvent.EXPIRATION_MOVED: {
        _G: Step(_G),
        _X: Step(_G, _Tell.RENEWED),
        _D: Step(_G, _Tell.RENEWED),
        _B: Step(_B),
        _E: Step(_E),
    },
    StatusEvent.DISCONNECT_ANNOUNCED: {
        _G: Step(_D, _Tell.DISCONNECTING),
        _X: Step(_D, _Tell.DISCONNECTING),
        _D: Step(_D),
        _B: Step(_B),
        _E: Step(_E),
    },
    StatusEvent.NEW_ACCOUNTS: {
        _G: Step(_G, _Tell.NEW_ACCOUNTS),
        _X: Step(_X, _Tell.NEW_ACCOUNTS),
        _D: Step(_D, _Tell.NEW_ACCOUNTS),
        _B: Step(_B, _Tell.NEW_ACCOUNTS),
        _E: Step(_E),
    },
    StatusEvent.ACCOUNTS_CHOSEN: {status: Step(status) for status in ItemStatus},
}

PENDING = (_X, _D)
_FAULTS = (StatusEvent.LOGIN_FAILED, StatusEvent.UNUSABLE, StatusEvent.REVOKED, StatusEvent.CONSENT_MISSING)


@dataclass(frozen=True, slots=True)
class Change:
    """A connection after an event, and what the user is told."""

    connection: BankConnection
    tells: NotificationKind | None

    def fields(self, before: BankConnection) -> dict[str, Any]:
        """The fields of the document that the event changed."""
        after, old = self.connection.model_dump(), before.model_dump()
        return {name: value for name, value in after.items() if value != old[name]}


def event_of(error: ProviderError) -> StatusEvent | None:
    """What an error of Plaid's does to the status; None for what is nobody's fault but an outage's, or ours."""
    if error.error_code == REVOKED_CODE:
        return StatusEvent.REVOKED
    if error.item_status is ItemStatus.BAD:
        return StatusEvent.LOGIN_FAILED
    if error.item_status is ItemStatus.ERROR:
        return StatusEvent.UNUSABLE
    return StatusEvent.CONSENT_MISSING if error.action is not None else None


def is_revoked(connection: BankConnection) -> bool:
    """Whether its user took the permission away: the end of it."""
    return connection.status is ItemStatus.ERROR and connection.error_code == REVOKED_CODE


def after(
    connection: BankConnection, event: StatusEvent, *, now: datetime, error: ProviderError | None = None
) -> Change:
    """The connection after an event, with its status, error and action.

    Args:
        connection: As it is.
        event: What happened.
        now: The present.
        error: Plaid's error, where the event is one; with `REPAIRED` and `WORKING`, a missing consent that remains.
    """
    if is_revoked(connection):
        return Change(connection, None)
    step = TABLE[event][connection.status]
    connection_data = error is not None and event in (StatusEvent.REPAIRED, StatusEvent.WORKING)
    changed = connection.model_copy(update=_changes(connection, event, step.status, error=error, now=now))
    if changed.status not in PENDING:
        changed = changed.model_copy(update={"announced": None})
    if changed != connection:
        changed = changed.model_copy(update={"updated_at": moment_of(connection, changed.status, now=now)})
    # No notification says that all is well while something is still missing.
    return Change(changed, None if connection_data else step.tells)


def moment_of(before: BankConnection, status: ItemStatus, *, now: datetime) -> datetime:
    """The `updated_at` of a connection that changes now.

    While a login is broken it stays where it broke, whatever else is learnt meanwhile: reminders, and what operators
    see, count from there.
    """
    return before.updated_at if before.status is status and status in (ItemStatus.BAD, ItemStatus.ERROR) else now


def warning_due(expires: datetime | None, *, now: datetime) -> timedelta | None:
    """Which of the warnings a consent's end calls for now: the latest whose time has come, or None."""
    if expires is None:
        return None
    return next((ahead for ahead in CONSENT_WARNINGS if expires - now <= ahead), None)


def announcement(said: datetime | None, *, consent: datetime | None, now: datetime) -> Announcement:
    """What Plaid announces now.

    Args:
        said: The date that the announcement names, if any.
        consent: The end of the item's consent, as Plaid's item says now.
        now: The present.
    """
    ends_at = max(now, min(said or now + ANNOUNCED_AHEAD, now + LONGEST_AHEAD))
    return Announcement(ends_at=ends_at, consent_expiration_time=consent)


def is_over(announced: Announcement, *, consent: datetime | None, works: bool, now: datetime) -> bool:
    """Whether an announcement no longer counts, even if the webhook that says so was lost.

    The user has renewed the consent since, or the announced day has passed and the item still works.

    Args:
        announced: What Plaid announced.
        consent: The end of the item's consent, as Plaid's item says now.
        works: Whether Plaid's item reports no error.
        now: The present.
    """
    renewed = is_later(consent, than=announced.consent_expiration_time or announced.ends_at)
    return renewed or (works and is_later(now, than=announced.ends_at))


def is_later(moment: datetime | None, *, than: datetime | None) -> bool:
    """Whether a date is a later one, and not the same one rounded differently."""
    return moment is not None and than is not None and moment - than > DATES_DIFFER


def _changes(
    connection: BankConnection, event: StatusEvent, status: ItemStatus, *, error: ProviderError | None, now: datetime
) -> dict[str, Any]:
    healed = event is StatusEvent.REPAIRED or (event is StatusEvent.WORKING and connection.error_code is not None)
    if healed:
        near = warning_due(connection.consent_expiration_time, now=now) is not None
        if event is StatusEvent.WORKING and status is ItemStatus.GOOD and near:
            status = ItemStatus.PENDING_EXPIRATION
        action = Action.RECONNECT if status in PENDING else None
        return {
            "status": status,
            "action": (error and error.action) or action,
            "error_type": error and error.error_type,
            "error_code": error and error.error_code,
        }
    if event in _FAULTS:
        if event is StatusEvent.CONSENT_MISSING and status in (ItemStatus.BAD, ItemStatus.ERROR):
            return {}
        default = Action.RELINK if status is ItemStatus.ERROR else Action.RECONNECT
        return {
            "status": status,
            "action": (error and error.action) or default,
            "error_type": error and error.error_type,
            "error_code": error and error.error_code,
        }
    if event is StatusEvent.ACCOUNTS_CHOSEN:
        return {"action": None} if connection.action is Action.SELECT_ACCOUNTS else {}
    if status in (ItemStatus.BAD, ItemStatus.ERROR):
        return {}
    if event is StatusEvent.NEW_ACCOUNTS:
        return {"action": connection.action or Action.SELECT_ACCOUNTS}
    if status is connection.status:
        return {}
    # A missing consent outlasts the end of a pending expiration: its error is kept, so its action is, too.
    needs_link = status in PENDING or connection.error_code is not None
    return {"status": status, "action": Action.RECONNECT if needs_link else None}
