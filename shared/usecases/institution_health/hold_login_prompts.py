"""Defers the pushes that ask users to log in again: many lost logins at once are their bank's fault.

During an outage of the bank no such push is sent. Only the push waits: the status and the notification in the app are
there at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import Unavailable
from shared.domain.institution_health.login_storm import (
    MOST_LOGINS,
    STORM_WAIT,
    STORM_WINDOW,
    is_login_storm,
    prompt_due_at,
)
from shared.domain.notification import NotificationKind
from shared.domain.push import PushMessage
from shared.log import log
from shared.ports import BankContacts, Clock, Connections, Outages, TaskFunction, Tasks
from shared.usecases.enqueue import task_name

AGAIN_AFTER = timedelta(minutes=20)
LONGEST_WAIT = timedelta(days=1)  # between two checks whether a long outage is over


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPrompts:
    """Sends pushes, but those about a broken login only once it is clear that no storm is under way.

    Attributes:
        connections, contacts: What is known about the connection and its bank.
        outages: The current outages.
        tasks: Delivers deferred pushes.
        send: Sends a push to a user, at most once.
        clock: The time.
    """

    connections: Connections
    contacts: BankContacts
    outages: Outages
    tasks: Tasks
    send: Callable[[PushMessage, str], None]
    clock: Clock

    def announce(self, message: PushMessage, *, app_user_id: str) -> None:
        """Sends a new push, or defers it; one that cannot be deferred is sent.

        A reminder of a login that broke days ago is not deferred, and neither is a missing consent: its login works.

        Raises:
            Unavailable: The store did not answer.
        """
        connection = self._broken(message)
        if connection is not None and connection.institution_id is not None:
            now, bank, lost_at = self.clock.now(), connection.institution_id, connection.updated_at
            due = prompt_due_at(lost_at, connections=self.contacts.count_at(bank))
            until = max(due, self._outage_until(bank, lost_at, now=now) or due)
            if until > now and self._defer(message, app_user_id, lost_at=lost_at, until=until):
                return
        self.send(message, app_user_id)

    def deliver(self, message: PushMessage, *, app_user_id: str, lost_at: datetime) -> None:
        """Sends a deferred push, drops it if the login works again, or defers it during a storm or an outage.

        Raises:
            Unavailable: The store or the queue did not answer: deliver the task again.
        """
        connection = self._broken(message)
        if connection is None or connection.institution_id is None:
            log.info("push.dropped", **message.data)
            return
        now, bank = self.clock.now(), connection.institution_id
        until = self._outage_until(bank, lost_at, now=now) or self._storm_until(bank, lost_at, now=now)
        if until is None or not self._defer(message, app_user_id, lost_at=lost_at, until=until):
            self.send(message, app_user_id)

    def _broken(self, message: PushMessage) -> BankConnection | None:
        """The connection of a message about a broken login, if it is still broken; None for any other message."""
        if message.kind != NotificationKind.NEEDS_REPAIR:
            return None
        connection = self.connections.find(message.connection_id)
        return connection if connection is not None and connection.status is ItemStatus.BAD else None

    def _outage_until(self, bank: str, lost_at: datetime, *, now: datetime) -> datetime | None:
        """When to check again whether the outage of the bank is over, the later the longer it lasts; None without."""
        if self.outages.current(bank) is None:
            return None
        return now + min(max(now - lost_at, AGAIN_AFTER), LONGEST_WAIT)

    def _storm_until(self, bank: str, lost_at: datetime, *, now: datetime) -> datetime | None:
        """When to check again whether logins of a storm work again; None without a storm, or two hours after it."""
        if now >= lost_at + STORM_WAIT:
            return None
        lost = self.contacts.logins_lost(bank, since=lost_at - STORM_WINDOW, limit=MOST_LOGINS)
        connections = self.contacts.count_at(bank)
        storm = any(is_login_storm(lost, connections, at) for at in (*(one.at for one in lost), now))
        return min(now + AGAIN_AFTER, lost_at + STORM_WAIT) if storm else None

    def _defer(self, message: PushMessage, app_user_id: str, *, lost_at: datetime, until: datetime) -> bool:
        payload = {
            **message.data,
            "app_user_id": app_user_id,
            "lost_at": lost_at.isoformat(),
        }
        name = task_name(message.collapse_id, f"{int(until.timestamp() // 60)}")
        try:
            self.tasks.add(TaskFunction.SEND_PUSH, payload, name=name, at=until)
        except Unavailable:
            return False
        log.info("push.held", **message.data, until=until)
        return True
