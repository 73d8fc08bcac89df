"""The notifications of banks' outages, of many users at once."""

from collections.abc import Iterable
from typing import Protocol

from shared.domain.institution_health.outage import Outage, Recipient
from shared.domain.notification import Notification


class Outages(Protocol):
    """The current outages."""

    def current(self, institution_id: str | None) -> Outage | None:
        """The outage for which the syncs of a bank are paused now, if any."""


class OutageNotices(Protocol):
    """The notifications of outages."""

    def notified(self, outage: Outage, *, limit: int | None = None) -> list[Recipient]:
        """The users who were notified of an outage, but not of its end."""

    def is_notified(self, outage: Outage, app_user_id: str) -> bool:
        """Whether a user was notified of an outage, whether or not also of its end."""

    def send(self, news: Iterable[tuple[Recipient, Notification]]) -> None:
        """Stores notifications of users whose connection still exists; a stored one keeps its `read_at`.

        That the connection exists is compared by the same commit: an erased user gets no new document.
        """

    def answer(self, outage: Outage, news: Iterable[tuple[Recipient, Notification]]) -> None:
        """Stores notifications of an outage's end, each with the record that its user needs no other."""
