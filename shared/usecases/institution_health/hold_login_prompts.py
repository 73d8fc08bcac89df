"""Defers the pushes that ask users to log in again: many lost logins at once are their bank's fault.

Only the push waits. The status and the notification in the app are there at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.connection import ItemStatus
from shared.domain.errors import Unavailable
from shared.domain.institution_health.login_storm import (
    STORM_WAIT,
    STORM_WINDOW,
    is_login_storm,
    prompt_due_at,
)
from shared.domain.notification import NotificationKind
from shared.domain.push import PushMessage
from shared.log import log
from shared.ports import BankContacts, Clock, Connections, TaskFunction, Tasks
from shared.usecases.enqueue import task_name

AGAIN_AFTER = timedelta(minutes=20)
MOST_LOGINS = 50  # more would not change the decision


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPrompts:
    """Sends pushes, but those about a broken login only once it is clear that no storm is under way.

    Attributes:
        connections, contacts: What is known about the connection and its bank.
        tasks: Delivers deferred pushes.
        send: Sends a push to a user, at most once.
        clock: The time.
    """

    connections: Connections
    contacts: BankContacts
    tasks: Tasks
    send: Callable[[PushMessage, str], None]
    clock: Clock

    def announce(self, message: PushMessage, *, app_user_id: str) -> None:
        """Sends a new push, or defers it; one that cannot be deferred is sent.

        Raises:
            Unavailable: The store did not answer.
        """
        institution_id = self._bank_of(message)
        if institution_id is not None:
            now, connections = self.clock.now(), self.contacts.count_at(institution_id)
            due = prompt_due_at(now, storm=False, connections=connections)
            if self._defer(message, app_user_id, lost_at=now, until=due):
                return
        self.send(message, app_user_id)

    def deliver(self, message: PushMessage, *, app_user_id: str, lost_at: datetime) -> None:
        """Sends a deferred push, drops it if the login works again, or defers it while a storm is under way.

        Raises:
            Unavailable: The store or the queue did not answer: deliver the task again.
        """
        institution_id = self._bank_of(message)
        connection = self.connections.find(message.connection_id)
        if institution_id is None or connection is None or connection.status is not ItemStatus.BAD:
            log.info("push.dropped", **message.data)
            return
        now = self.clock.now()
        lost = self.contacts.logins_lost(institution_id, since=lost_at - STORM_WINDOW, limit=MOST_LOGINS)
        times = [*(one.at for one in lost), now]
        storm = any(is_login_storm(lost, self.contacts.count_at(institution_id), at) for at in times)
        if storm and now < lost_at + STORM_WAIT:
            until = min(now + AGAIN_AFTER, lost_at + STORM_WAIT)
            if self._defer(message, app_user_id, lost_at=lost_at, until=until):
                return
        self.send(message, app_user_id)

    def _bank_of(self, message: PushMessage) -> str | None:
        """The bank of a message about a broken login; None for any other message."""
        if message.kind != NotificationKind.NEEDS_REPAIR:
            return None
        connection = self.connections.find(message.connection_id)
        return connection.institution_id if connection is not None else None

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
