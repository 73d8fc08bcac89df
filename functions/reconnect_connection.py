"""POST /api/v1/bank/connections/{connection_id}/reconnected: Refresh a connection after update mode."""

from typing import Annotated

from firebase_functions import https_fn
from pydantic import Field

from shared import service_accounts
from shared.serving import container
from shared.serving.guards import authenticated_endpoint
from shared.serving.http import Reply, Route, StrictInput
from shared.serving.rate_limits import limited
from shared.settings import PLAID_SECRETS

ROUTE = Route(
    "POST",
    "/api/v1/bank/connections/{connection_id}/reconnected",
    errors=("connection_not_found", "relink_required", "connection_busy", "bank_unavailable", "backend_misconfigured"),
)


class Input(StrictInput):
    """The connection that the user repaired."""

    connection_id: Annotated[str, Field(min_length=1, max_length=128)]


@https_fn.on_request(secrets=PLAID_SECRETS, service_account=service_accounts.LINK)
@authenticated_endpoint(ROUTE, Input)
def reconnect_connection(uid: str, given: Input) -> Reply:
    """Returns 200 with the `status` that Plaid reports now, and with the `action` that is still needed, if any."""
    limited(uid, "reconnect", container.settings().reconnects_per_minute)
    connection = container.reconnect_connection()(given.connection_id, app_user_id=uid)
    action = {"action": connection.action} if connection.action is not None else {}
    return Reply({"status": connection.status, **action})
