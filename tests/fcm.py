"""A fake of Firebase Cloud Messaging's HTTP v1 API that answers as FCM does, with an answer per token.

Sources: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send and
https://firebase.google.com/docs/cloud-messaging/error-codes (the bodies).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


@dataclass(frozen=True)
class Answer:
    """FCM's answer about a token."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def error(
    http: int, status: str, message: str, code: str | None = None, fields: tuple[str, ...] = (), **headers: str
) -> Answer:
    """An error in Google's format."""
    details: list[dict[str, Any]] = [{"@type": FCM_ERROR, "errorCode": code}] if code else []
    if fields:
        violations = [{"field": name, "description": message} for name in fields]
        details.append({"@type": BAD_REQUEST, "fieldViolations": violations})
    body = {"error": {"code": http, "message": message, "status": status, **({"details": details} if details else {})}}
    return Answer(http, body, {name.replace("_", "-"): value for name, value in headers.items()})


INVALID = "Request contains an invalid argument."
SAID_IN_WORDS = "The registration token is not a valid FCM registration token"
ANSWERS = {
    "unregistered": error(404, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED"),
    "invalid": error(400, "INVALID_ARGUMENT", SAID_IN_WORDS, "INVALID_ARGUMENT"),
    "invalid-field": error(400, "INVALID_ARGUMENT", INVALID, "INVALID_ARGUMENT", ("message.token",)),
    "too-big": error(400, "INVALID_ARGUMENT", "Android message is too big", "INVALID_ARGUMENT"),
    "too-big-bare": error(400, "INVALID_ARGUMENT", INVALID),
    "bad-data": error(400, "INVALID_ARGUMENT", INVALID, "INVALID_ARGUMENT", ("message.data[0].value",)),
    "bad-both": error(400, "INVALID_ARGUMENT", INVALID, "INVALID_ARGUMENT", ("message.token", "message.data")),
    "no-project": error(404, "NOT_FOUND", "Requested entity was not found."),
    "other-sender": error(403, "PERMISSION_DENIED", "SenderId mismatch", "SENDER_ID_MISMATCH"),
    "no-right": error(403, "PERMISSION_DENIED", "Permission 'cloudmessaging.messages.create' denied"),
    "apns": error(401, "UNAUTHENTICATED", "Auth error from APNS or Web Push Service", "THIRD_PARTY_AUTH_ERROR"),
    "down": error(503, "UNAVAILABLE", "The service is currently unavailable.", "UNAVAILABLE"),
    "down-for-long": error(503, "UNAVAILABLE", "Later.", "UNAVAILABLE", Retry_After="3600"),
    "down-on-a-date": error(503, "UNAVAILABLE", "x", "UNAVAILABLE", Retry_After="Fri, 31 Dec 2038 23:59:59 GMT"),
    "broken": error(500, "INTERNAL", "Internal error encountered.", "INTERNAL"),
    "too-fast": error(429, "RESOURCE_EXHAUSTED", "Quota exceeded", "QUOTA_EXCEEDED", Retry_After="37"),
    "proxy": Answer(502, "<html>Error 502</html>"),
    "nonsense": Answer(400, {"error": "what"}),
    "not-json": Answer(200, "not json"),
}


@dataclass
class FcmServer:
    """The running fake server."""

    address: str
    received: list[dict[str, Any]] = field(default_factory=list)  # the bodies, as received
    paths: set[str] = field(default_factory=set)
    authorizations: set[str] = field(default_factory=set)

    def messages(self, token: str) -> list[dict[str, Any]]:
        """The messages that were sent to a token."""
        return [body["message"] for body in self.received if body["message"]["token"] == token]


@contextmanager
def fcm_server() -> Iterator[FcmServer]:
    """A local FCM. A token in ANSWERS (up to a colon) gets that answer; messages to any other token are delivered."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            running.received.append(body)
            running.paths.add(self.path)
            running.authorizations.add(self.headers["Authorization"])
            token = body["message"]["token"]
            if token == "cut-off":  # the connection ends without an answer
                return
            number = len(running.received)
            delivered = Answer(200, {"name": f"projects/some-project/messages/{number}"})
            answer = ANSWERS.get(token.partition(":")[0], delivered)
            raw = (answer.body if isinstance(answer.body, str) else json.dumps(answer.body)).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(raw)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = FcmServer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
