"""DELETE /api/v1/bank/connections/{connection_id}: Remove a connection."""

from typing import Annotated

from firebase_functions import https_fn
from pydantic import Field

from shared import service_accounts
from shared.serving import container, removal_container
from shared.serving.guards import authenticated_endpoint
from shared.serving.http import Reply, Route, StrictInput
from shared.serving.rate_limits import limited

ROUTE = Route(
    "DELETE",
    "/api/v1/bank/connections/{connection_id}",
    errors=("connection_not_found", "connection_busy"),
)


class Input(StrictInput):
    """The connection to remove."""

    connection_id: Annotated[str, Field(min_length=1, max_length=128)]


@https_fn.on_request(service_account=service_accounts.USERS)
@authenticated_endpoint(ROUTE, Input)
def remove_connection(uid: str, given: Input) -> Reply:
    """Returns 202: the connection is gone.

    Its data is deleted within a minute; its item at Plaid is removed as soon as Plaid answers.
    """
    limited(uid, "removal", container.settings().removals_per_minute)
    removal_container.connection_remover().by_user(given.connection_id, app_user_id=uid)
    return Reply({}, status=202)
