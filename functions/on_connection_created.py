"""When a connection is created: starts its first sync, and fetches its institution."""

from typing import TYPE_CHECKING, Any

from firebase_functions import firestore_fn

from shared import service_accounts, trace
from shared.domain.errors import ServiceError, Unavailable
from shared.log import log
from shared.serving import linking_container
from shared.serving.guards import event_handler
from shared.serving.sizes import SMALL_CPU
from shared.settings import PLAID_SECRETS

if TYPE_CHECKING:
    from google.cloud import firestore


@firestore_fn.on_document_created(
    cpu=SMALL_CPU,
    concurrency=1,
    service_account=service_accounts.CREATED,
    document="bank_connections/{connection_id}",
    secrets=PLAID_SECRETS,
    timeout_sec=120,
)
@event_handler
def on_connection_created(event: "firestore_fn.Event[firestore.DocumentSnapshot[Any] | None]") -> None:
    """A failed event is not delivered again: the scheduler and the daily check make up for it."""
    connection_id = event.params["connection_id"]
    trace.join(linking_container.start_first_sync()(connection_id))
    with log.bound(connection_id=connection_id):
        try:
            linking_container.set_up_connection()(connection_id)
        except ServiceError as error:
            log.warning("welcome.postponed", error_code=error.error_code, request_id=error.request_id)
        except Unavailable as error:
            log.warning("welcome.postponed", code=error.code)
