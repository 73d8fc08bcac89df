"""Answers that fail on the wire: reset connections, partial bodies, a proxy's HTML."""

# ruff: noqa: E501 - a page of HTML

import contextlib
import socket
import struct
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from emulators.plaid.faults import ErrorClass

TRANSPORT = "plaid.transport"
_HANG = 3600.0
_HTML = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n"


class Broken(Exception):
    """Raised to in-process clients, which have no connection to reset."""


class BrokenResponse(Response):
    """Sends only `sent` of the announced body, then closes the connection."""

    def __init__(self, whole: Response, sent: bytes, *, begin: bool) -> None:
        super().__init__(whole.body, whole.status_code, media_type=whole.media_type)
        self._sent, self._begin = sent, begin

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        if self._begin:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self._sent, "more_body": True})
        transport: Any = scope[TRANSPORT]
        if transport is None:
            raise Broken
        if not self._begin:
            linger = struct.pack("ii", 1, 0)
            with contextlib.suppress(OSError):
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        else:
            transport.close()


def delay(fault: ErrorClass) -> float:
    """The delay of the answer under this fault."""
    return fault.seconds or (_HANG if fault.kind == "hang" else 0)


def spoiled(answer: Response, fault: ErrorClass) -> Response:
    """The answer as changed by the fault."""
    match fault.kind:
        case "html_502":
            return Response(_HTML, 502, media_type="text/html")
        case "reset" | "hang":
            return BrokenResponse(answer, b"", begin=False)
        case "half_body":
            whole = (
                answer
                if answer.body
                else Response(b'{"accounts": [], "item": {"item_id": "', media_type="application/json")
            )
            return BrokenResponse(whole, bytes(whole.body[: len(whole.body) // 2]), begin=True)
        case _:
            return answer
