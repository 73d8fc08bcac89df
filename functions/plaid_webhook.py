"""POST /api/v1/bank/webhook: Plaid tells of news. Verified, recorded once, answered at once; the work is queued."""

import json
from typing import Any

from firebase_functions import https_fn
from flask import Request, Response

from shared import service_accounts
from shared.domain.errors import MethodNotAllowed, NotFound
from shared.serving import container, items_container
from shared.serving.guards import public_endpoint
from shared.serving.http import Route, json_response
from shared.serving.request_body import read_body
from shared.webhook_address import QUERY_FIELD, has_secret

ROUTE = Route(
    "POST",
    "/api/v1/bank/webhook",
    public=True,
    errors=(
        "body_too_large",
        "method_not_allowed",
        "path_not_found",
        "limits_busy",
        "connection_busy",
        "webhook_not_verified",
        "webhook_key_unavailable",
        "webhook_keys_busy",
        "bank_unavailable",
        "backend_misconfigured",
        "store_unavailable",
        "queue_unavailable",
    ),
)


@https_fn.on_request(secrets=["PLAID_SECRET"], service_account=service_accounts.WEBHOOK)
@public_endpoint
def plaid_webhook(request: Request) -> Response:
    """200: Plaid has signed it. 401: not Plaid's, as far as we can tell. 503: send it again."""
    if request.path not in (ROUTE.path, "/"):
        raise NotFound("no such path", code="path_not_found")
    if request.method != "POST":
        raise MethodNotAllowed(allowed="POST")
    raw = read_body(request)
    signed = request.headers.get("Plaid-Verification", "")
    ours = has_secret(request.args.get(QUERY_FIELD), container.settings())
    verified = container.webhooks().verify(signed, raw, to_our_address=ours)
    items_container.receive_webhook()(_fields(raw), delivery_id=verified.delivery_id, signed_at=verified.signed_at)
    return json_response({})


def _fields(raw: bytes) -> dict[str, Any]:
    """The fields of a body, none where it has none: a refusal would make Plaid send the same again for hours."""
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
