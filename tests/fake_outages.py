"""Outages and their notifications in memory; the contract tests keep these fakes equivalent to the real adapters."""

from __future__ import annotations

from collections.abc import Iterable

from shared.domain.institution_health.outage import Outage, Recipient
from shared.domain.institution_health.published import InstitutionHealth
from shared.domain.notification import Notification, NotificationKind
from tests.fakes import FakeStore


class FakeOutages:
    """The port `Outages`."""

    def __init__(self) -> None:
        self.now: dict[str, Outage] = {}

    def current(self, institution_id: str | None) -> Outage | None:
        return self.now.get(institution_id or "")


class FakePublishedHealth:
    """The port `PublishedHealth`."""

    def __init__(self) -> None:
        self.documents: dict[str, InstitutionHealth] = {}
        self.writes = 0

    def find(self, institution_id: str) -> InstitutionHealth | None:
        return self.documents.get(institution_id)

    def put(self, health: InstitutionHealth) -> None:
        self.documents[health.institution_id] = health
        self.writes += 1

    def withdraw(self, institution_id: str) -> None:
        self.documents.pop(institution_id, None)
        self.writes += 1


class FakeOutageNotices:
    """The port `OutageNotices`. Its notifications are named `{uid}/{id}` in the store of all users."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store

    def notified(self, outage: Outage, *, limit: int | None = None) -> list[Recipient]:
        found = [
            Recipient(name.partition("/")[0], one.connection_id)
            for name, one in self.store.notifications.items()
            if one.outage_id == outage.outage_id
        ]
        return found[:limit]

    def is_notified(self, outage: Outage, app_user_id: str) -> bool:
        return _name_of_down(outage, app_user_id) in self.store.notifications

    def send(self, news: Iterable[tuple[Recipient, Notification]]) -> None:
        for to, one in news:
            if to.connection_id in self.store.connections:
                self._put(to, one)

    def answer(self, outage: Outage, news: Iterable[tuple[Recipient, Notification]]) -> None:
        for to, one in news:
            name = _name_of_down(outage, to.app_user_id)
            down = self.store.notifications.get(name)
            if down is not None and to.connection_id in self.store.connections:
                self._put(to, one)
                self.store.notifications[name] = down.model_copy(update={"outage_id": None})

    def _put(self, to: Recipient, news: Notification) -> None:
        name = f"{to.app_user_id}/{news.notification_id}"
        before = self.store.notifications.get(name)
        read_at = before.read_at if before is not None else None
        self.store.notifications[name] = news.model_copy(update={"read_at": read_at})


def _name_of_down(outage: Outage, app_user_id: str) -> str:
    return f"{app_user_id}/{NotificationKind.BANK_DOWN}-{outage.outage_id}"
