"""DELETE /api/v1/bank/data: Erase all bank data of the user."""

from firebase_functions import https_fn

from shared import service_accounts
from shared.domain.removal import RemovalReason
from shared.serving import container, removal_container
from shared.serving.guards import authenticated_endpoint
from shared.serving.http import Reply, Route, StrictInput
from shared.serving.rate_limits import limited

ROUTE = Route("DELETE", "/api/v1/bank/data", errors=("erasure_busy",))


class Input(StrictInput):
    """No fields: the ID token names the user."""


@https_fn.on_request(timeout_sec=120, service_account=service_accounts.USERS)
@authenticated_endpoint(ROUTE, Input)
def delete_bank_data(uid: str, _given: Input) -> Reply:
    """Returns 202: the connections are gone, and the erasure will complete.

    The remaining data is deleted within minutes; the items at Plaid are removed as soon as Plaid answers.
    """
    limited(uid, "erasure", container.settings().removals_per_minute)
    removal_container.eraser().begin(uid, reason=RemovalReason.ERASURE)
    return Reply({}, status=202)
