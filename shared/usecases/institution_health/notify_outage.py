"""Notifies users of an outage of their bank, if it matters to them, and of its end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.connection import BankConnection
from shared.domain.institution_health.outage import Outage, Recipient, outage_news, plan_notices
from shared.domain.link import usable_language
from shared.domain.notification import Notification, NotificationKind
from shared.log import log
from shared.ports import Clock, Connections, Institutions, OutageNotices, Outages, Profiles

MOST_AT_ONCE = 500  # users in one call: the next call continues


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyOutage:
    """Notifies the users of a bank. Each call may be repeated: a user gets each notification of an outage once."""

    connections: Connections
    outages: Outages
    notices: OutageNotices
    institutions: Institutions
    profiles: Profiles
    clock: Clock

    def announce(self, outage: Outage) -> datetime | None:
        """Notifies the users to whom the outage matters by now and who have not been notified.

        Costs nothing in the first two hours; then a read of each connection to the bank and of each user notified.

        Returns:
            When to call this again; None if the outage cannot matter to more users.
        """
        now = self.clock.now()
        if now < outage.matters_from:
            return outage.matters_from
        notified = {one.app_user_id for one in self.notices.notified(outage)}
        at_bank = self.connections.of_institution(outage.institution_id)
        plan = plan_notices(outage, at_bank, notified=notified, now=now)
        some = plan.recipients[:MOST_AT_ONCE]
        self.notices.send(self._news(NotificationKind.BANK_DOWN, outage, some))
        if some:
            log.info("outage.announced", institution_id=outage.institution_id, users=len(some))
        return now if len(some) < len(plan.recipients) else plan.next_at

    def on_refresh(self, connection: BankConnection) -> Outage | None:
        """Notifies a user who asks for new data during an outage, unless the user was notified before.

        Returns:
            The outage; None if there is none.
        """
        outage = self.outages.current(connection.institution_id)
        if outage is None:
            return None
        to = Recipient(connection.app_user_id, connection.connection_id)
        if not self.notices.is_notified(outage, to.app_user_id):
            self.notices.send(self._news(NotificationKind.BANK_DOWN, outage, [to]))
        return outage

    def end(self, outage: Outage) -> bool:
        """Notifies the users who were notified of the outage that it is over.

        Returns:
            Whether all of them are notified; if not, call this again.
        """
        waiting = self.notices.notified(outage, limit=MOST_AT_ONCE)
        self.notices.answer(outage, self._news(NotificationKind.BANK_BACK, outage, waiting))
        if waiting:
            log.info("outage.ended", institution_id=outage.institution_id, users=len(waiting))
        return len(waiting) < MOST_AT_ONCE

    def _news(
        self, kind: NotificationKind, outage: Outage, recipients: Sequence[Recipient]
    ) -> list[tuple[Recipient, Notification]]:
        """The notification of each user, in the user's language."""
        if not recipients:
            return []
        institution = self.institutions.find(outage.institution_id)
        bank = institution.name if institution is not None else None
        now = self.clock.now()
        return [
            (to, outage_news(kind, outage, to, bank=bank, language=self._language(to.app_user_id), now=now))
            for to in recipients
        ]

    def _language(self, app_user_id: str) -> str | None:
        return usable_language(self.profiles.find(app_user_id).language)
