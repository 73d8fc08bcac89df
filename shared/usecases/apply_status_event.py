"""An event's effect on a connection, as what is to be written: the document, the audit entry, the notification."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared import trace
from shared.domain import status
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import ServiceError
from shared.domain.link import usable_language
from shared.domain.notification import Notification, NotificationKind, note_kept, notification
from shared.domain.removal import Removal, RemovalReason
from shared.domain.status import StatusEvent
from shared.log import log
from shared.ports import Clock, Connections, Mark, Profiles, Writes
from shared.usecases.mark_duplicates import OwnedAccounts

REMINDERS = (30, 7)  # days for which a login has been broken when its user is told again, the last one first
HALF_A_DAY = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEvents:
    """Makes the writes that belong to an event, so that one commit holds all of them.

    The connection is read here, and whoever commits the writes compares the sync state that they read before: every
    commit that touches a status is ordered by that one version.
    """

    connections: Connections
    profiles: Profiles
    clock: Clock

    def event(
        self,
        connection_id: str,
        event: StatusEvent,
        *,
        actor: Actor = Actor.PROVIDER,
        error: ServiceError | None = None,
        learnt: Mapping[str, Any] | None = None,
        renewal: bool = False,
    ) -> tuple[BankConnection, Writes] | None:
        """The connection after an event, and what is to be written; None if there is no such connection.

        Args:
            connection_id: Whose.
            event: What happened.
            actor: Who caused it, for the audit log.
            error: Plaid's error, where the event is one.
            learnt: What Plaid said about the item besides: fields of the connection.
            renewal: A consent that ends soon counts all the same: a repair elsewhere does not renew it.
        """
        before = self.connections.find(connection_id)
        if before is None:
            return None
        now = self.clock.now()
        known = before.model_copy(update=dict(learnt or {}))
        change = status.after(known, event, now=now, error=error)
        after, tells = change.connection, change.tells
        if renewal and status.warning_due(after.consent_expiration_time, now=now) is not None:
            near = status.after(after, StatusEvent.EXPIRATION_NEAR, now=now)
            after = near.connection
            if tells is not NotificationKind.REPAIRED:
                tells = near.tells if after.status is not before.status else None
        fields = {n: v for n, v in after.model_dump().items() if v != before.model_dump()[n]}
        if fields:
            fields["updated_at"] = status.moment_of(before, after.status, now=now)
            after = after.model_copy(update={"updated_at": fields["updated_at"]})
        moved = (before.status, before.action, before.error_code) != (after.status, after.action, after.error_code)
        audit = (self._entry(before, after, event, actor, error),) if moved else ()
        removal = self._revocation(after) if event is StatusEvent.REVOKED and moved else None
        writes = Writes(
            connection=fields or None,
            audit=(*audit, removal.started(by=actor)) if removal else audit,
            notifications=self._told(after, tells, moved=moved),
            removal=removal,
            marks=self._marks(before, after),
        )
        return after, writes

    def learnt(self, before: BankConnection, learnt: Mapping[str, Any]) -> tuple[BankConnection, Writes]:
        """A connection with what Plaid said about its item, where that is no event; and what is to be written."""
        after = before.model_copy(update=dict(learnt))
        if after == before:
            return before, Writes()
        after = after.model_copy(update={"updated_at": status.moment_of(before, before.status, now=self.clock.now())})
        return after, Writes(connection=status.Change(after, None).fields(before))

    def reminder(self, connection: BankConnection) -> Notification | None:
        """Tells the user once more that a login is broken; None if it is not, or it is too early, or they were told.

        Days are counted to the nearest, since rounds are never quite a day apart. What a round missed the next one
        makes up for.
        """
        days = (self.clock.now() - connection.updated_at + HALF_A_DAY).days
        due = next((after for after in REMINDERS if days >= after), None)
        if connection.status is not ItemStatus.BAD or due is None:
            return None
        named = f"{connection.connection_id}-{connection.updated_at:%Y%m%d}-{due}"
        told = self._tell(connection, NotificationKind.NEEDS_REPAIR, named)
        if self.connections.was_told(connection.app_user_id, told.notification_id):
            return None
        log.warning("connection.long_broken", connection_id=connection.connection_id, days=days)
        return told

    def first_sync_done(self, connection_id: str) -> Notification | None:
        """Tells the user that everything has arrived."""
        connection = self.connections.find(connection_id)
        return self._tell(connection, NotificationKind.FIRST_SYNC_DONE, connection_id) if connection else None

    def history_late(self, connection: BankConnection) -> Notification:
        """Tells the user that the bank has not delivered the whole history in time."""
        return self._tell(connection, NotificationKind.HISTORY_LATE, connection.connection_id)

    def note_kept(
        self, connection_id: str, *, transaction_id: str, label: str, notes: dict[str, Any]
    ) -> Notification | None:
        """Tells the user what they had written on a transaction that went away; None if that is nothing."""
        connection = self.connections.find(connection_id)
        return note_kept(
            connection_id=connection_id,
            transaction_id=transaction_id,
            label=label,
            notes=notes,
            bank=connection.institution_name if connection else None,
            language=self._language(connection.app_user_id) if connection else None,
            now=self.clock.now(),
        )

    def account_revoked(self, connection: BankConnection, account_id: str) -> Writes:
        """What is written when a user takes the permission for one account away."""
        entry = AuditEntry(
            app_user_id=connection.app_user_id,
            connection_id=connection.connection_id,
            action=AuditAction.ACCOUNT_REVOKED,
            actor=Actor.PROVIDER,
            details={"account_id": account_id},
            at=self.clock.now(),
        )
        told = self._tell(connection, NotificationKind.ACCOUNT_REVOKED, f"{connection.connection_id}-{account_id}")
        return Writes(audit=(entry,), notifications=(told,))

    def _marks(self, before: BankConnection, after: BankConnection) -> tuple[Mark, ...]:
        """A connection in `error` has no counted accounts where another one has them, too."""
        if (before.status is ItemStatus.ERROR) == (after.status is ItemStatus.ERROR):
            return ()
        owned = OwnedAccounts.read(after.app_user_id, connections=self.connections, beside=after.connection_id)
        return owned.with_connection(after).marks()

    def _entry(
        self,
        before: BankConnection,
        after: BankConnection,
        event: StatusEvent,
        actor: Actor,
        error: ServiceError | None,
    ) -> AuditEntry:
        details = {"event": event, "from": before.status, "to": after.status}
        optional = {"error_code": after.error_code, "action": after.action}
        return AuditEntry(
            app_user_id=after.app_user_id,
            connection_id=after.connection_id,
            action=AuditAction.STATUS_CHANGED,
            actor=actor,
            details={n: str(v) for n, v in (details | optional).items() if v is not None},
            request_id=error.request_id if error else None,
            at=self.clock.now(),
        )

    def _told(self, after: BankConnection, tells: NotificationKind | None, *, moved: bool) -> tuple[Notification, ...]:
        """Once per event: what a change tells is named by its moment, a warning by what it warns of."""
        now = self.clock.now()
        match tells:
            case None:
                return ()
            case NotificationKind.EXPIRING:
                expires = after.consent_expiration_time
                ahead = status.warning_due(expires, now=now)
                day = expires.date().isoformat() if expires else now.date().isoformat()
                named = f"{after.connection_id}-{day}-{ahead.days if ahead else 0}"
                return (self._tell(after, tells, named, day=day),)
            case NotificationKind.NEW_ACCOUNTS:
                return (self._tell(after, tells, f"{after.connection_id}-{now.date()}"),)
            case _ if moved:
                return (self._tell(after, tells, f"{after.connection_id}-{int(now.timestamp() * 1000)}"),)
            case _:
                return ()

    def _tell(self, connection: BankConnection, kind: NotificationKind, event_id: str, **words: str) -> Notification:
        return notification(
            kind,
            event_id=event_id,
            connection_id=connection.connection_id,
            bank=connection.institution_name,
            language=self._language(connection.app_user_id),
            now=self.clock.now(),
            **words,
        )

    def _language(self, app_user_id: str) -> str | None:
        return usable_language(self.profiles.find(app_user_id).language)

    def _revocation(self, after: BankConnection) -> Removal:
        """The data goes; the document stays, to say why."""
        token = self.connections.credentials(after.connection_id)
        return Removal.of(after, token=token, reason=RemovalReason.REVOKED, now=self.clock.now(), trace=trace.carried())


def report(writes: Writes) -> None:
    """Logs the changes of status that a commit has made."""
    for entry in writes.audit:
        if entry.action is AuditAction.STATUS_CHANGED:
            log.info(
                "connection.status_changed",
                connection_id=entry.connection_id,
                before=entry.details["from"],
                after=entry.details["to"],
                cause=entry.details["event"],
                error_code=entry.details.get("error_code"),
                request_id=entry.request_id,
            )
