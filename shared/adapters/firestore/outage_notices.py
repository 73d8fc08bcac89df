"""Notifications of outages, in the collections of their users.

users/{uid}/bank_notifications/{id}     a `bank_down` has `outage_id` until its user gets the `bank_back`

The notifications themselves record who waits for the end of an outage. They are deleted with the user's data, so no
other document has to be.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.commit import Batch
from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.sync_writes import CONNECTIONS, NOTIFICATIONS, put_notification
from shared.domain.errors import Conflict
from shared.domain.institution_health.outage import Outage, Recipient
from shared.domain.notification import Notification, NotificationKind

if TYPE_CHECKING:
    from google.cloud import firestore

AT_ONCE = 100  # users in a commit

News = tuple[Recipient, Notification]


@translates_outages
class FirestoreOutageNotices:
    """The port `OutageNotices`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def notified(self, outage: Outage, *, limit: int | None = None) -> list[Recipient]:
        """Finds the open notifications of an outage, in one query over all users."""
        everywhere = self._client.collection_group(NOTIFICATIONS)
        query = everywhere.where(filter=FieldFilter("outage_id", "==", outage.outage_id)).select(["connection_id"])
        found = (query if limit is None else query.limit(limit)).stream()
        return [Recipient(one.reference.parent.parent.id, one.get("connection_id")) for one in found]

    def is_notified(self, outage: Outage, app_user_id: str) -> bool:
        """Whether the notification of the outage exists, in one read."""
        return bool(self._client.document(_path_of_down(outage, app_user_id)).get(["kind"]).exists)

    def send(self, news: Iterable[News]) -> None:
        """Stores notifications, in a commit per hundred users."""
        self._commit(list(news), _put)

    def answer(self, outage: Outage, news: Iterable[News]) -> None:
        """Stores the notifications of the end and closes those of the outage, in a commit per hundred users."""

        def put(batch: Batch, one: News) -> None:
            _put(batch, one)
            batch.update(_path_of_down(outage, one[0].app_user_id), {"outage_id": None})

        self._commit(list(news), put)

    def _commit(self, news: list[News], put: Callable[[Batch, News], None]) -> None:
        """Commits several users at once; if one was removed, each alone, and the removed one is left out."""
        for start in range(0, len(news), AT_ONCE):
            some = news[start : start + AT_ONCE]
            try:
                self._commit_together(some, put)
            except Conflict:
                for one in some:
                    with suppress(Conflict):
                        self._commit_together([one], put)

    def _commit_together(self, news: list[News], put: Callable[[Batch, News], None]) -> None:
        batch = Batch(self._client)
        for one in news:
            put(batch, one)
        batch.commit()


def _put(batch: Batch, news: News) -> None:
    """Writes a notification if its connection exists, which the update compares without a change of the document."""
    to, notification = news
    batch.update(f"{CONNECTIONS}/{to.connection_id}", {"connection_id": to.connection_id})
    put_notification(batch, notification, app_user_id=to.app_user_id)


def _path_of_down(outage: Outage, app_user_id: str) -> str:
    return f"users/{app_user_id}/{NOTIFICATIONS}/{NotificationKind.BANK_DOWN}-{outage.outage_id}"
