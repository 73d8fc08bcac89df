"""How errors and events change a connection's status and action, in two tables.

    Plaid error -> ERRORS -> event, action;    event x status -> TABLE -> status, action, notification

    error > bad > pending_* > good

An outage, at the bank or at Plaid, is no event: the connection stays as it is, and the sync is retried. A call that
works repairs `bad` and `error`, but does not hide an announced expiry. `REVOKED` is final: the credentials and data are
removed, and no late event restores them.

No status depends on a single webhook, since the daily check makes up for a lost one. `bad` and `error` end with the
next sync that works (the check requests one); what Plaid announced (pending_*) ends with a later consent or with its
day, see `is_over`; the offer of new accounts ends when a sync brings one.
Sources: https://plaid.com/docs/api/items/#webhooks and https://plaid.com/docs/errors/item/.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Any

from shared.domain.connection import REVOKED_CODE, Action, Announcement, BankConnection, ItemStatus
from shared.domain.credentials import LOST_CODE
from shared.domain.errors import ErrorKind, ServiceError
from shared.domain.notification import NotificationKind
from shared.domain.reminders import warning_due

ANNOUNCED_AHEAD = timedelta(days=14)
"""How long an announcement without a date is valid: Plaid announces an end 7 days ahead, and webhooks can be late.
https://plaid.com/docs/api/items/#pending_disconnect"""
LONGEST_AHEAD = timedelta(days=90)
"""The longest time that any announcement is valid, whatever date it names."""
DATES_DIFFER = timedelta(days=1)
"""Dates count as different only if they are further apart: webhooks and items round the same date differently."""


class StatusEvent(StrEnum):
    """Something that may change a status."""

    LOGIN_FAILED = "login_failed"  # Plaid or a webhook says that the user must act in Link
    UNUSABLE = "unusable"  # the item will not work again
    REVOKED = "revoked"  # the user withdrew the permission at Plaid
    CONSENT_MISSING = "consent_missing"  # more consent is needed; the existing consent still works
    WORKING = "working"  # a call for data worked
    REPAIRED = "repaired"  # the login was repaired, and Plaid reports no error
    EXPIRATION_ANNOUNCED = "expiration_announced"  # Plaid says that the consent ends soon
    EXPIRATION_NEAR = "expiration_near"  # the item says that the consent ends soon
    EXPIRATION_MOVED = "expiration_moved"  # the consent was renewed, or the announced end did not happen
    DISCONNECT_ANNOUNCED = "disconnect_announced"
    NEW_ACCOUNTS = "new_accounts"
    ACCOUNTS_CHOSEN = "accounts_chosen"  # the user shared additional accounts


ERRORS: dict[ErrorKind, tuple[StatusEvent, Action]] = {
    ErrorKind.LOGIN_REQUIRED: (StatusEvent.LOGIN_FAILED, Action.RECONNECT),
    ErrorKind.NO_ACCOUNTS: (StatusEvent.LOGIN_FAILED, Action.SELECT_ACCOUNTS),
    ErrorKind.ADDITIONAL_CONSENT: (StatusEvent.CONSENT_MISSING, Action.RECONNECT),
    ErrorKind.UNKNOWN_TOKEN: (StatusEvent.UNUSABLE, Action.RELINK),
    ErrorKind.ITEM_GONE: (StatusEvent.UNUSABLE, Action.RELINK),
    ErrorKind.ITEM_BEING_REMOVED: (StatusEvent.UNUSABLE, Action.RELINK),
    ErrorKind.UNUSABLE: (StatusEvent.UNUSABLE, Action.RELINK),
    ErrorKind.PERMISSION_REVOKED: (StatusEvent.REVOKED, Action.RELINK),
}
"""The event and the user's action of each error. All other errors are outages or configuration errors."""


class NextAction(Enum):
    """How an event changes a connection's action and its stored error."""

    KEEP = auto()  # no change
    OF_ERROR = auto()  # store the error and its action
    CLEAR = auto()  # clear the error; a pending connection must still be reconnected
    CLEAR_IF_ERROR = auto()  # like CLEAR if an error is stored; else no change, so an offer of accounts is kept
    RECONNECT = auto()
    END_ANNOUNCEMENT = auto()  # no action, except for consent that is still missing
    OFFER_ACCOUNTS = auto()  # unless the user must do something more important
    WITHDRAW_OFFER = auto()


@dataclass(frozen=True, slots=True)
class Step:
    """The effect of an event on a status: the next status and action, and the user's notification, if any."""

    status: ItemStatus
    action: NextAction
    tells: NotificationKind | None = None


_G, _B, _E = ItemStatus.GOOD, ItemStatus.BAD, ItemStatus.ERROR
_X, _D = ItemStatus.PENDING_EXPIRATION, ItemStatus.PENDING_DISCONNECT
_Do, _Tell = NextAction, NotificationKind

TABLE: dict[StatusEvent, dict[ItemStatus, Step]] = {
    # Also from `error`: Plaid knows the item after all.
    StatusEvent.LOGIN_FAILED: dict.fromkeys((_G, _X, _D, _E), Step(_B, _Do.OF_ERROR, _Tell.NEEDS_REPAIR))
    | {_B: Step(_B, _Do.OF_ERROR)},
    StatusEvent.UNUSABLE: dict.fromkeys((_G, _X, _D, _B), Step(_E, _Do.OF_ERROR, _Tell.NEEDS_RELINK))
    | {_E: Step(_E, _Do.OF_ERROR)},
    StatusEvent.REVOKED: dict.fromkeys(ItemStatus, Step(_E, _Do.OF_ERROR, _Tell.REVOKED)),
    StatusEvent.CONSENT_MISSING: {
        _G: Step(_G, _Do.OF_ERROR, _Tell.NEEDS_REPAIR),
        _X: Step(_X, _Do.OF_ERROR, _Tell.NEEDS_REPAIR),
        _D: Step(_D, _Do.OF_ERROR, _Tell.NEEDS_REPAIR),
        _B: Step(_B, _Do.KEEP),
        _E: Step(_E, _Do.KEEP),
    },
    StatusEvent.WORKING: {
        _G: Step(_G, _Do.CLEAR_IF_ERROR),
        _X: Step(_X, _Do.CLEAR_IF_ERROR),
        _D: Step(_D, _Do.CLEAR_IF_ERROR),
        _B: Step(_G, _Do.CLEAR, _Tell.REPAIRED),
        _E: Step(_G, _Do.CLEAR, _Tell.REPAIRED),
    },
    StatusEvent.REPAIRED: {
        _G: Step(_G, _Do.CLEAR),
        _X: Step(_G, _Do.CLEAR, _Tell.RENEWED),
        _D: Step(_G, _Do.CLEAR, _Tell.RENEWED),
        _B: Step(_G, _Do.CLEAR, _Tell.REPAIRED),
        _E: Step(_G, _Do.CLEAR, _Tell.REPAIRED),
    },
    # The later of the two announcements counts, because Plaid's item has no field for either of them.
    StatusEvent.EXPIRATION_ANNOUNCED: {
        _G: Step(_X, _Do.RECONNECT, _Tell.EXPIRING),
        _X: Step(_X, _Do.KEEP, _Tell.EXPIRING),
        _D: Step(_X, _Do.RECONNECT, _Tell.EXPIRING),
        _B: Step(_B, _Do.KEEP),
        _E: Step(_E, _Do.KEEP),
    },
    StatusEvent.EXPIRATION_NEAR: {
        _G: Step(_X, _Do.RECONNECT, _Tell.EXPIRING),
        _X: Step(_X, _Do.KEEP, _Tell.EXPIRING),
        _D: Step(_D, _Do.KEEP, _Tell.EXPIRING),
        _B: Step(_B, _Do.KEEP),
        _E: Step(_E, _Do.KEEP),
    },
    StatusEvent.EXPIRATION_MOVED: {
        _G: Step(_G, _Do.KEEP),
        _X: Step(_G, _Do.END_ANNOUNCEMENT, _Tell.RENEWED),
        _D: Step(_G, _Do.END_ANNOUNCEMENT, _Tell.RENEWED),
        _B: Step(_B, _Do.KEEP),
        _E: Step(_E, _Do.KEEP),
    },
    StatusEvent.DISCONNECT_ANNOUNCED: {
        _G: Step(_D, _Do.RECONNECT, _Tell.DISCONNECTING),
        _X: Step(_D, _Do.RECONNECT, _Tell.DISCONNECTING),
        _D: Step(_D, _Do.KEEP),
        _B: Step(_B, _Do.KEEP),
        _E: Step(_E, _Do.KEEP),
    },
    StatusEvent.NEW_ACCOUNTS: {
        _G: Step(_G, _Do.OFFER_ACCOUNTS, _Tell.NEW_ACCOUNTS),
        _X: Step(_X, _Do.OFFER_ACCOUNTS, _Tell.NEW_ACCOUNTS),
        _D: Step(_D, _Do.OFFER_ACCOUNTS, _Tell.NEW_ACCOUNTS),
        _B: Step(_B, _Do.KEEP, _Tell.NEW_ACCOUNTS),
        _E: Step(_E, _Do.KEEP),
    },
    StatusEvent.ACCOUNTS_CHOSEN: {status: Step(status, _Do.WITHDRAW_OFFER) for status in ItemStatus},
}

PENDING = (_X, _D)
_BREAKS_LOGIN = (StatusEvent.LOGIN_FAILED, StatusEvent.UNUSABLE, StatusEvent.REVOKED)


@dataclass(frozen=True, slots=True)
class Change:
    """A connection after an event, and the user's notification, if any."""

    connection: BankConnection
    tells: NotificationKind | None

    def fields(self, before: BankConnection) -> dict[str, Any]:
        """The fields of the document that the event changed."""
        after, old = self.connection.model_dump(), before.model_dump()
        return {name: value for name, value in after.items() if value != old[name]}


def event_of(error: ServiceError) -> StatusEvent | None:
    """The event of an error; None for an outage or a configuration error."""
    return ERRORS[error.kind][0] if error.kind in ERRORS else None


def action_for(error: ServiceError) -> Action | None:
    """What the user can do about an error, if anything."""
    return ERRORS[error.kind][1] if error.kind in ERRORS else None


def breaks_login(error: ServiceError) -> bool:
    """Whether an error changes the status of its connection: the item itself cannot be used."""
    return event_of(error) in _BREAKS_LOGIN


def is_revoked(connection: BankConnection) -> bool:
    """Whether the user withdrew the permission, which is final."""
    return connection.status is ItemStatus.ERROR and connection.error_code == REVOKED_CODE


def token_was_lost(connection: BankConnection) -> bool:
    """Whether a rotation lost the access token. Plaid may accept it nevertheless, if wrong keys were the cause."""
    return connection.status is ItemStatus.ERROR and connection.error_code == LOST_CODE


def after(
    connection: BankConnection, event: StatusEvent, *, now: datetime, error: ServiceError | None = None
) -> Change:
    """The connection after an event, with its status, error and action.

    Args:
        connection: The connection before the event.
        event: What happened.
        now: The present.
        error: Plaid's error, if the event is one; with `REPAIRED` and `WORKING`, a consent that is still missing.
    """
    if is_revoked(connection):
        return Change(connection, None)
    step = TABLE[event][connection.status]
    do = step.action
    if do is NextAction.CLEAR_IF_ERROR:
        do = NextAction.CLEAR if connection.error_code is not None else NextAction.KEEP
    status = step.status
    if event is StatusEvent.WORKING and do is NextAction.CLEAR and status is _G:
        status = _X if warning_due(connection.consent_expiration_time, now=now) is not None else _G
    changes: dict[str, Any] = {"status": status, "action": _next_action(connection, do, status, error=error)}
    if do in (NextAction.OF_ERROR, NextAction.CLEAR):
        changes |= {"error_type": error and error.error_type, "error_code": error and error.error_code}
    changed = connection.model_copy(update=changes)
    if changed.status not in PENDING:
        changed = changed.model_copy(update={"announced": None})
    if changed != connection:
        changed = changed.model_copy(update={"updated_at": moment_of(connection, changed.status, now=now)})
    # While consent is missing, do not notify the user that the connection works.
    return Change(changed, None if do is NextAction.CLEAR and error is not None else step.tells)


def moment_of(before: BankConnection, status: ItemStatus, *, now: datetime) -> datetime:
    """The `updated_at` of a connection that changes now.

    While a login is broken, it stays at the moment when the login broke, because reminders and operators' figures count
    from there.
    """
    return before.updated_at if before.status is status and status in (ItemStatus.BAD, ItemStatus.ERROR) else now


def announcement(said: datetime | None, *, consent: datetime | None, now: datetime) -> Announcement:
    """The announcement of a webhook.

    Args:
        said: The date in the announcement, if any.
        consent: The current end of the consent at Plaid.
        now: The present.
    """
    ends_at = max(now, min(said or now + ANNOUNCED_AHEAD, now + LONGEST_AHEAD))
    return Announcement(ends_at=ends_at, consent_expiration_time=consent)


def is_over(announced: Announcement, *, consent: datetime | None, works: bool, now: datetime) -> bool:
    """Whether an announcement no longer counts, even if the webhook that revokes it was lost.

    That is so if the user has since renewed the consent, or if the announced day has passed and the item still works.

    Args:
        announced: What Plaid announced.
        consent: The current end of the consent at Plaid.
        works: Whether Plaid's item reports no error.
        now: The present.
    """
    renewed = is_later(consent, than=announced.consent_expiration_time or announced.ends_at)
    return renewed or (works and is_later(now, than=announced.ends_at))


def is_later(moment: datetime | None, *, than: datetime | None) -> bool:
    """Whether a date is later, and not the same date rounded differently."""
    return moment is not None and than is not None and moment - than > DATES_DIFFER


def _next_action(
    connection: BankConnection, do: NextAction, status: ItemStatus, *, error: ServiceError | None
) -> Action | None:
    before = connection.action
    asked = action_for(error) if error is not None else None
    match do:
        case NextAction.OF_ERROR:
            return asked or (Action.RELINK if status is _E else Action.RECONNECT)
        case NextAction.CLEAR:
            return asked or (Action.RECONNECT if status in PENDING else None)
        case NextAction.RECONNECT:
            return Action.RECONNECT
        case NextAction.END_ANNOUNCEMENT:
            return Action.RECONNECT if connection.error_code is not None else None
        case NextAction.OFFER_ACCOUNTS:
            return before or Action.SELECT_ACCOUNTS
        case NextAction.WITHDRAW_OFFER:
            return None if before is Action.SELECT_ACCOUNTS else before
        case _:
            return before
