"""POST /api/v1/bank/webhook: Receive a webhook from Plaid.

The signature is verified, and the webhook is recorded once and acknowledged at once; a task does the work.
"""

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
from shared.serving.sizes import MANY_INSTANCES
from shared.settings import PLAID_SECRETS
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


@https_fn.on_request(max_instances=MANY_INSTANCES, secrets=PLAID_SECRETS, service_account=service_accounts.WEBHOOK)
@public_endpoint
def plaid_webhook(request: Request) -> Response:
    """Returns 200 for a webhook that Plaid signed, 401 if the signature cannot be verified, 503 to ask for a retry."""
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
    """The fields of a body; empty if it is no JSON object, since a refusal would make Plaid retry it for hours."""
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
