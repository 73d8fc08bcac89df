"""POST /api/v1/bank/connections/{connection_id}/balances: Read the balances of one connection."""

from datetime import datetime
from typing import Annotated

from firebase_functions import https_fn
from pydantic import Field

from shared import service_accounts
from shared.serving import container, items_container
from shared.serving.declared_errors import PLAID_ERRORS
from shared.serving.guards import authenticated_endpoint
from shared.serving.http import Reply, Route, StrictInput
from shared.serving.rate_limits import limited
from shared.settings import PLAID_SECRETS

ROUTE = Route(
    "POST",
    "/api/v1/bank/connections/{connection_id}/balances",
    errors=("balances_too_soon", "connection_not_found", "relink_required", "connection_busy", *PLAID_ERRORS),
)


class Input(StrictInput):
    """The connection whose balances the user wants to see."""

    connection_id: Annotated[str, Field(min_length=1, max_length=128)]


@https_fn.on_request(secrets=PLAID_SECRETS, service_account=service_accounts.LINK)
@authenticated_endpoint(ROUTE, Input)
def refresh_balances(uid: str, given: Input) -> Reply:
    """Returns 200 with `accounts`, their `source` (`live`, `cached`), and `as_of`."""
    limited(uid, "balances", container.settings().balance_refreshes_per_minute)
    found = items_container.refresh_balances()(given.connection_id, app_user_id=uid)
    accounts = [{name: _as_json(value) for name, value in one.items()} for one in found.accounts]
    return Reply({"accounts": accounts, "source": found.source, "as_of": _as_json(found.as_of)})


def _as_json(value: object) -> object:
    """A stored value as JSON; times are in UTC."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
