"""Applies a status event to a connection: changes its document, appends audit entries, and notifies its user."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from shared import trace
from shared.domain import reminders, status
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import ServiceError
from shared.domain.kept_note import note_kept
from shared.domain.notification import Notification, NotificationKind, notification
from shared.domain.removal import Removal, RemovalReason
from shared.domain.status import StatusEvent
from shared.log import log
from shared.ports import (
    AppendAudit,
    Clock,
    Connections,
    Mark,
    Profiles,
    PutInstitutionGuard,
    PutMark,
    PutNotification,
    PutRemoval,
    UpdateConnection,
    Write,
)
from shared.usecases.mark_duplicates import OwnedAccounts


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChange:
    """The changes that one commit makes to a connection.

    Attributes:
        fields: The changed fields of its document.
        audit: Entries for the audit log.
        notifications: Notifications for its user.
        removal: The removal to begin, if any.
        marks: Accounts, of any connection of the user, that become duplicates or stop being ones.
        institution_id: The institution that the connection has moved to; None if it has not.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    audit: tuple[AuditEntry, ...] = ()
    notifications: tuple[Notification, ...] = ()
    removal: Removal | None = None
    marks: tuple[Mark, ...] = ()
    institution_id: str | None = None

    def writes(self) -> tuple[Write, ...]:
        """The writes for the commit that makes the change; none if nothing changes."""
        found: list[Write] = [PutMark(mark) for mark in self.marks]
        found += [PutNotification(news) for news in self.notifications]
        if self.removal is not None:
            found.append(PutRemoval(self.removal))
        if self.fields:
            found.append(UpdateConnection(self.fields))
        if self.institution_id is not None:
            found.append(PutInstitutionGuard(self.institution_id))
        if self.audit:
            found.append(AppendAudit(self.audit))
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange(ConnectionChange):
    """The changes that an event makes to a connection, and the connection after them."""

    connection: BankConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEvents:
    """Turns events into changes of a connection, so that one commit contains everything that an event writes.

    This class reads the connection. The caller commits the writes with a compare-and-set on the sync state, which it
    read before: that one version orders all commits that change a status.
    """

    connections: Connections
    profiles: Profiles
    clock: Clock

    def apply(
        self,
        connection_id: str,
        event: StatusEvent,
        *,
        actor: Actor = Actor.PROVIDER,
        error: ServiceError | None = None,
        learnt: Mapping[str, Any] | None = None,
        renewal: bool = False,
    ) -> StatusChange | None:
        """Applies an event; returns None if the connection does not exist.

        Args:
            connection_id: The connection.
            event: What happened.
            actor: Who caused it, for the audit log.
            error: Plaid's error, if the event is one.
            learnt: Other facts that Plaid reported about the item, as fields of the connection.
            renewal: Whether to warn of a consent that ends soon although the login works: a repair elsewhere does not
                renew the consent.
        """
        before = self.connections.find(connection_id)
        if before is None:
            return None
        now = self.clock.now()
        ended = {"replaces": None} if event is StatusEvent.REVOKED else {}  # the removal deletes the move of notes
        known = before.model_copy(update=dict(learnt or {}) | ended)
        change = status.after(known, event, now=now, error=error)
        after, tells = change.connection, change.tells
        if renewal and reminders.warning_due(after.consent_expiration_time, now=now) is not None:
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
        removal = self._revocation(before) if event is StatusEvent.REVOKED and moved else None
        return StatusChange(
            connection=after,
            fields=fields,
            audit=(*audit, removal.started(by=actor)) if removal else audit,
            notifications=self._notifications(after, tells, moved=moved),
            removal=removal,
            marks=self._marks(before, after),
        )

    def update_facts(self, before: BankConnection, facts: Mapping[str, Any]) -> StatusChange:
        """Applies facts about an item that are no status event, as fields of the connection."""
        after = before.model_copy(update=dict(facts))
        if after == before:
            return StatusChange(connection=before)
        after = after.model_copy(update={"updated_at": status.moment_of(before, before.status, now=self.clock.now())})
        return StatusChange(connection=after, fields=status.Change(after, None).fields(before))

    def remind(self, connection: BankConnection) -> Notification | None:
        """Reminds the user of a broken login; None if the login works, or if no reminder is due or it was sent already.

        Days are rounded, since daily checks are never exactly a day apart. If a check is missed, the next one reminds.
        """
        days = reminders.days_broken(connection.updated_at, now=self.clock.now())
        due = reminders.reminder_due(days)
        if connection.status is not ItemStatus.BAD or due is None:
            return None
        event_id = f"{connection.connection_id}-{connection.updated_at:%Y%m%d}-{due}"
        reminder = self._notification(connection, NotificationKind.NEEDS_REPAIR, event_id)
        if self.connections.was_told(connection.app_user_id, reminder.notification_id):
            return None
        log.warning("connection.long_broken", connection_id=connection.connection_id, days=days)
        return reminder

    def announce_first_sync(self, connection_id: str) -> Notification | None:
        """Notifies the user that the whole history has arrived; None if the connection does not exist."""
        connection = self.connections.find(connection_id)
        return self._notification(connection, NotificationKind.FIRST_SYNC_DONE, connection_id) if connection else None

    def announce_late_history(self, connection: BankConnection) -> Notification:
        """Notifies the user that the bank has not delivered the whole history in time."""
        return self._notification(connection, NotificationKind.HISTORY_LATE, connection.connection_id)

    def report_lost_note(
        self, connection_id: str, *, transaction_id: str, label: str, note: dict[str, Any]
    ) -> Notification | None:
        """Notifies the user of the note on a removed transaction; None if the note has no text."""
        connection = self.connections.find(connection_id)
        return note_kept(
            connection_id=connection_id,
            transaction_id=transaction_id,
            label=label,
            notes=note,
            bank=connection.institution_name if connection else None,
            language=self._language(connection.app_user_id) if connection else None,
            now=self.clock.now(),
        )

    def revoke_account(self, connection: BankConnection, account_id: str) -> ConnectionChange:
        """Records and announces that a user has revoked the permission for one account."""
        entry = AuditEntry(
            app_user_id=connection.app_user_id,
            connection_id=connection.connection_id,
            action=AuditAction.ACCOUNT_REVOKED,
            actor=Actor.PROVIDER,
            details={"account_id": account_id},
            at=self.clock.now(),
        )
        event_id = f"{connection.connection_id}-{account_id}"
        news = self._notification(connection, NotificationKind.ACCOUNT_REVOKED, event_id)
        return ConnectionChange(audit=(entry,), notifications=(news,))

    def _marks(self, before: BankConnection, after: BankConnection) -> tuple[Mark, ...]:
        """The marks that change: accounts of a connection in `error` do not count if another connection has them."""
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

    def _notifications(
        self, after: BankConnection, kind: NotificationKind | None, *, moved: bool
    ) -> tuple[Notification, ...]:
        """One notification per event. The id of a change contains its time; the id of a warning, what it warns of."""
        now = self.clock.now()
        match kind:
            case None:
                return ()
            case NotificationKind.EXPIRING:
                expires = after.consent_expiration_time
                ahead = reminders.warning_due(expires, now=now)
                day = (expires or now).date()
                event_id = f"{after.connection_id}-{day}-{ahead.days if ahead else 0}"
                return (self._notification(after, kind, event_id, day=day),)
            case NotificationKind.NEW_ACCOUNTS:
                return (self._notification(after, kind, f"{after.connection_id}-{now.date()}"),)
            case _ if moved:
                return (self._notification(after, kind, f"{after.connection_id}-{int(now.timestamp() * 1000)}"),)
            case _:
                return ()

    def _notification(
        self, connection: BankConnection, kind: NotificationKind, event_id: str, **words: date
    ) -> Notification:
        return notification(
            kind,
            event_id=event_id,
            connection_id=connection.connection_id,
            bank=connection.institution_name,
            language=self._language(connection.app_user_id),
            now=self.clock.now(),
            **words,
        )

    def _language(self, app_user_id: str) -> object:
        return self.profiles.find(app_user_id).language

    def _revocation(self, before: BankConnection) -> Removal:
        """The removal of the data; the connection's document stays, to show the reason.

        It is made of the connection before the event, which knows whether its token was lost.
        """
        token, now = self.connections.credentials(before.connection_id), self.clock.now()
        return Removal.of(before, token=token, reason=RemovalReason.REVOKED, now=now, trace=trace.carried())


def report(writes: Iterable[Write]) -> None:
    """Logs the status changes that a commit has made."""
    for write in writes:
        if isinstance(write, AppendAudit):
            for entry in write.entries:
                _report_entry(entry)


def _report_entry(entry: AuditEntry) -> None:
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
