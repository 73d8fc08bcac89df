"""Cross-origin requests: browser apps of allowed origins (setting CORS_ORIGINS) may read the responses.

No cookies are involved: the ID token is the only credential. https://developer.mozilla.org/docs/Web/HTTP/Guides/CORS
"""

import functools
import re
from collections.abc import Callable

from flask import Request, Response

from shared.serving import container
from shared.serving.http import REQUEST_ID

_ALLOWED_HEADERS = "authorization, content-type, x-firebase-appcheck"
_HEADER_NAMES = re.compile(r"[A-Za-z0-9-]+(?: ?, ?[A-Za-z0-9-]+){0,30}")


def add_cors_headers(request: Request, response: Response) -> Response:
    """Lets browser apps of allowed origins read the response; answers preflights with what they may send."""
    origin = request.headers.get("Origin")
    allowed = container.settings().cors_origins
    response.headers.add("Vary", "Origin")
    if origin and ("*" in allowed or origin in allowed):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = f"{REQUEST_ID}, Retry-After"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE, OPTIONS"
            requested = request.headers.get("Access-Control-Request-Headers", "")
            response.headers["Access-Control-Allow-Headers"] = (
                requested if _HEADER_NAMES.fullmatch(requested) else _ALLOWED_HEADERS
            )
            response.headers["Access-Control-Max-Age"] = "3600"
    return response


def preflight_response(request: Request) -> Response:
    """The response to an OPTIONS request."""
    return add_cors_headers(request, Response(status=204))


def allow_cross_origin(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Adds CORS headers to an HTTP function that is not an API route."""

    @functools.wraps(handler)
    def with_cors(request: Request) -> Response:
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return preflight_response(request)
        return add_cors_headers(request, handler(request))

    return with_cors
