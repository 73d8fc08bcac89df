"""A local Firebase that serves what token verification needs: certificates, App Check's keys, users.

Sources: https://firebase.google.com/docs/auth/admin/verify-id-tokens#verify_id_tokens_using_a_third-party_jwt_library,
https://firebase.google.com/docs/app-check/custom-resource-backend#other, and
https://cloud.google.com/identity-platform/docs/reference/rest/v1/projects.accounts/lookup
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import firebase_admin
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from shared.adapters.google.firebase_auth import FirebaseCallers

PROJECT = "bank-prod"
NUMBER = "123456789"
APP = f"1:{NUMBER}:web:abc"


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """A key by its id, created once."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate(name: str) -> str:
    """The key's self-signed certificate."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(subject, subject, key(name).public_key(), 1, now - timedelta(1), now + timedelta(1))
    return made.sign(key(name), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@dataclass
class TwinFirebase:
    """Firebase's own addresses.

    Attributes:
        url: The address of the server.
        users: The user records, by uid.
        kids: The ids of the served keys, of both kinds.
        down: Whether every request fails.
        asked: The requested paths.
    """

    url: str = ""
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    kids: list[str] = field(default_factory=lambda: ["k1"])
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, body: dict[str, Any]) -> Any:
        """The answer as Google would give it."""
        if path == "/certs":
            return {kid: certificate(kid) for kid in self.kids}
        if path == "/jwks":
            algorithm = jwt.algorithms.RSAAlgorithm
            keys = [(kid, json.loads(algorithm.to_jwk(key(kid).public_key()))) for kid in self.kids]
            return {"keys": [jwk | {"kid": kid, "use": "sig", "alg": "RS256"} for kid, jwk in keys]}
        if path == f"/v1/projects/{PROJECT}/accounts:lookup":
            return {"users": [{"localId": u} | self.users[u] for u in body["localId"] if u in self.users]}
        raise AssertionError(path)


def id_token(
    kid: str = "k1", *, signed_by: str | None = None, header: dict[str, Any] | None = None, **claims: Any
) -> str:
    """An ID token as Firebase issues them; claims that are None are left out."""
    now = int(time.time())
    whole = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": "alice",
        "user_id": "alice",
        "iat": now - 60,
        "auth_time": now - 60,
        "exp": now + 3540,
    } | claims
    return _signed(whole, kid, signed_by or kid, header or {})


def app_token(
    kid: str = "k1", *, signed_by: str | None = None, header: dict[str, Any] | None = None, **claims: Any
) -> str:
    """An App Check token."""
    now = int(time.time())
    whole = {
        "iss": f"https://firebaseappcheck.googleapis.com/{NUMBER}",
        "aud": [f"projects/{NUMBER}", f"projects/{PROJECT}"],
        "sub": APP,
        "iat": now - 60,
        "exp": now + 3540,
    } | claims
    return _signed(whole, kid, signed_by or kid, header or {})


def _signed(claims: dict[str, Any], kid: str, signer: str, header: dict[str, Any]) -> str:
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, key(signer), "RS256", headers={"kid": kid} | header)


@contextmanager
def twin_firebase() -> Iterator[TwinFirebase]:
    """A running local Firebase."""
    twin = TwinFirebase(users={"alice": {"validSince": "0", "disabled": False}})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            twin.asked.append(self.path)
            answer = {} if twin.down else twin.answer(self.path, json.loads(raw or b"{}"))
            text = json.dumps(answer).encode()
            self.send_response(503 if twin.down else 200)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Content-Type", "application/json")
            if self.path == "/certs":  # Google publishes a new key long before it signs with it
                self.send_header("Cache-Control", "public, max-age=3600, must-revalidate, no-transform")
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET  # noqa: N815 (the library's name)

        def log_message(self, *_args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        twin.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield twin
        server.shutdown()
        thread.join()


@contextmanager
def callers_of(project: str) -> Iterator[FirebaseCallers]:
    """The adapter under test; its Firebase app, which has a unique name per process, is deleted with it."""
    made = FirebaseCallers(project=project)
    try:
        yield made
    finally:
        if made._app is not None:
            firebase_admin.delete_app(made._app)
