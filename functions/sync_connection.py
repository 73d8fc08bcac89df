"""POST /api/v1/bank/connections/{connection_id}/sync: Start a sync of one connection."""

from typing import Annotated

from firebase_functions import https_fn
from pydantic import Field

from shared import service_accounts
from shared.serving import container, health_container
from shared.serving.guards import authenticated_endpoint
from shared.serving.http import Reply, Route, StrictInput
from shared.serving.rate_limits import limited

ROUTE = Route(
    "POST",
    "/api/v1/bank/connections/{connection_id}/sync",
    errors=("sync_too_soon", "connection_not_found", "relink_required", "connection_busy"),
)


class Input(StrictInput):
    """The connection to sync."""

    connection_id: Annotated[str, Field(min_length=1, max_length=128)]


@https_fn.on_request(service_account=service_accounts.USERS)
@authenticated_endpoint(ROUTE, Input)
def sync_connection(uid: str, given: Input) -> Reply:
    """Returns 202 with `sync_progress`, the progress document after the request.

    During an outage of the bank it is `pending` with the error `INSTITUTION_DOWN` and `next_retry_at`.
    """
    per_minute = container.settings().syncs_per_minute
    requests = container.sync_requests(outage_of=health_container.notify_outage().on_refresh)
    progress = requests.by_user(given.connection_id, app_user_id=uid, count=lambda: limited(uid, "sync", per_minute))
    return Reply({"sync_progress": progress.model_dump(mode="json")}, status=202)
