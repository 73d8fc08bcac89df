"""Reports an exchange that may have received a token which no process has any more."""

from dataclasses import dataclass

from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.exchange import Intent
from shared.domain.notification import Notification, NotificationKind, notification
from shared.log import log
from shared.ports import Clock, Intents, Profiles, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLostExchange:
    """Reports lost exchanges: to operators, in the audit log, and to their users."""

    intents: Intents
    profiles: Profiles
    clock: Clock

    def __call__(self, intent: Intent, version: Version) -> Version:
        """Reports an exchange, and settles its intent. Logs first, then settles: better twice than never.

        The user is asked to link again, unless the user erased all bank data.

        Returns:
            The version of the settled intent.

        Raises:
            Conflict: Another call settled the intent.
        """
        log.error("exchange.lost", intent_id=intent.intent_id, app_user_id=intent.app_user_id)
        message = None if intent.is_erased else self._link_again(intent)
        audit = lost_entry(intent, "lost", clock=self.clock)
        return self.intents.update(intent.lost(), expected=version, audit=audit, tells=message)

    def _link_again(self, intent: Intent) -> Notification:
        return notification(
            NotificationKind.LINK_AGAIN,
            event_id=intent.connection_id,
            connection_id=intent.connection_id,
            bank=None,
            language=self.profiles.find(intent.app_user_id).language,
            now=self.clock.now(),
        )


def lost_entry(intent: Intent, reason: str, *, clock: Clock) -> AuditEntry:
    """The audit entry of an exchange that made no connection."""
    return AuditEntry(
        app_user_id=intent.app_user_id,
        action=AuditAction.LINK_LOST,
        actor=Actor.BACKEND,
        details={"reason": reason, "intent_id": intent.intent_id},
        at=clock.now(),
    )
