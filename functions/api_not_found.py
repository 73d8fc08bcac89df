"""Any unknown path under /api/: answers with the contract's error, so that Hosting never serves the web app there."""

from firebase_functions import https_fn
from flask import Request, Response

from shared import service_accounts
from shared.domain.errors import NotFound
from shared.serving.cors import allow_cross_origin
from shared.serving.guards import public_endpoint
from shared.serving.http import Route

ROUTE = Route("GET", "/api/{path}", public=True, errors=("path_not_found",))  # and every other method


@https_fn.on_request(service_account=service_accounts.NOBODY)
@allow_cross_origin
@public_endpoint
def api_not_found(_request: Request) -> Response:
    """Returns 404 for every method."""
    raise NotFound("no such path", code="path_not_found")
