"""When a user's document is deleted: erases the user's bank data."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from firebase_functions import firestore_fn

from shared import service_accounts
from shared.serving import removal_container
from shared.serving.guards import event_handler
from shared.serving.sizes import SMALL_CPU

if TYPE_CHECKING:
    from google.cloud import firestore


@firestore_fn.on_document_deleted(
    cpu=SMALL_CPU, concurrency=1, document="users/{uid}", timeout_sec=120, service_account=service_accounts.DELETED
)
@event_handler
def on_user_deleted(event: "firestore_fn.Event[firestore.DocumentSnapshot[Any] | None]") -> None:
    """A failed event is not delivered again: the daily check erases the data, once Auth does not know the user."""
    removal_container.eraser().user_deleted(event.params["uid"], at=_latest(event.time))


def _latest(time: datetime) -> datetime:
    """The latest moment that an event's time can stand for: the emulator truncates it to whole seconds."""
    return time if time.microsecond else time + timedelta(seconds=1, microseconds=-1)
