"""Link in the browser: Plaid's script, and the page it shows.

Source: plaid.com/docs/link/web. The script is served under the path it has at Plaid's CDN.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

_FILES = {
    "link-initialize.js": "text/javascript",
    "link.html": "text/html",
    "link.js": "text/javascript",
}
_FOLDER = Path(__file__).parent / "linkpage"


async def serve(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _FILES:
        return Response(status_code=404)
    return FileResponse(_FOLDER / name, media_type=_FILES[name], headers={"Cache-Control": "no-store"})


ROUTES = [Route("/link/v2/stable/{name}", serve, methods=["GET"])]
