"""Any path under /api/ that is nobody's: the contract's error, and never the web app's page."""

from firebase_functions import https_fn
from flask import Request, Response

from shared import accounts
from shared.domain.errors import NotFound
from shared.entry import guarded_request, open_to_apps


@https_fn.on_request(service_account=accounts.NOBODY)
@open_to_apps
@guarded_request
def api_not_found(_request: Request) -> Response:
    """404, whatever the method."""
    raise NotFound("no such path", code="path_not_found")
