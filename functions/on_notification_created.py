"""When a notification is stored: pushes it to the user's devices."""

from typing import TYPE_CHECKING, Any

from firebase_functions import firestore_fn

from shared import service_accounts
from shared.domain.push import PushMessage
from shared.log import log
from shared.serving import container
from shared.serving.guards import event_handler
from shared.serving.sizes import SMALL_CPU

if TYPE_CHECKING:
    from google.cloud import firestore


@firestore_fn.on_document_created(
    cpu=SMALL_CPU,
    concurrency=1,
    document="users/{uid}/bank_notifications/{id}",
    timeout_sec=300,
    service_account=service_accounts.PUSH,
)
@event_handler
def on_notification_created(event: "firestore_fn.Event[firestore.DocumentSnapshot[Any] | None]") -> None:
    """A failed event is not delivered again: that push is lost, but the user can read the notification in the app."""
    document = (event.data.to_dict() if event.data is not None else None) or {}
    message = PushMessage.of(event.params["id"], document)
    if message is None:
        log.warning("push.not_a_notification", notification_id=event.params["id"])
        return
    container.send_push()(message, app_user_id=event.params["uid"])
