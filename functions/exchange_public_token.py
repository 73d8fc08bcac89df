"""POST /api/v1/bank/set_access_token: Exchange a public token and create a connection."""

from http import HTTPStatus
from typing import Any

from firebase_functions import https_fn

from shared import request_context, service_accounts
from shared.domain.errors import BankError
from shared.serving import container, linking_container
from shared.serving.declared_errors import PLAID_ERRORS
from shared.serving.exchange_input import Input as Input
from shared.serving.guards import authenticated_endpoint, internal_error
from shared.serving.http import Reply, Route
from shared.serving.rate_limits import limited
from shared.settings import PLAID_SECRETS
from shared.usecases.linking.exchange_public_token import Exchanged

ROUTE = Route(
    "POST",
    "/api/v1/bank/set_access_token",
    errors=(
        "anonymous_not_allowed",
        "email_not_verified",
        "too_many_connections",
        "relink_required",
        "connection_busy",
        "public_token_invalid",
        "public_token_not_yours",
        "link_token_not_yours",
        "link_token_required",
        "duplicate_connection",
        "connection_not_replaceable",
        "connection_not_found",
        "exchange_in_progress",
        "exchange_not_started",
        *PLAID_ERRORS,
    ),
)


@https_fn.on_request(secrets=PLAID_SECRETS, timeout_sec=120, service_account=service_accounts.LINK)
@authenticated_endpoint(ROUTE, Input)
def exchange_public_token(uid: str, given: Input) -> Reply:
    """Returns 201 with the new connection, or 200 with the existing one; for `items`, 200 with `results`."""
    exchange = linking_container.exchange_items()
    caller = request_context.user.get()

    def count() -> None:
        limited(uid, "exchange", container.settings().exchanges_per_minute)

    if given.items is None:
        done = exchange.one(given.single().linked(), app_user_id=uid, caller=caller, count=count)
        return Reply(done.answer, status=201 if done.first else 200)
    linked = [item.linked() for item in given.items]
    results = exchange.each(linked, app_user_id=uid, caller=caller, count=count, unexpected=internal_error)
    return Reply({"results": [_result(uid, result) for result in results]})


def _result(uid: str, result: Exchanged | BankError) -> dict[str, Any]:
    """The result of one of several items. Each refused item counts as one refused call."""
    if isinstance(result, Exchanged):
        return result.answer
    if result.http < HTTPStatus.INTERNAL_SERVER_ERROR:
        container.refused_calls().add(uid, now=container.clock().now())
    return {"error": result.form()}
