"""A local Cloud KMS with the REST API for symmetric keys: versions, their states, and every kind of failure.

https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/encrypt and …/decrypt. Keys
are real (AES-256-GCM with the associated data); a bearer token decides who may call.
"""

from __future__ import annotations

import base64
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import google_crc32c
import requests
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY = "projects/bank-prod/locations/us-central1/keyRings/bank/cryptoKeys/tokens"
TOKEN = "a-service-account"
HTTP = {"INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "PERMISSION_DENIED": 403, "NOT_FOUND": 404}


class _Refused(Exception):
    """An error answer of KMS."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class TwinKms:
    """One CryptoKey.

    Attributes:
        url: The address of the server.
        versions: The keys; the newest is the primary.
        retired: Versions that are disabled or destroyed.
        faults: The failures of the next calls: an HTTP status, `drop` (no answer), or `damage` (a wrong checksum).
        calls: The methods that were called.
    """

    url: str = ""
    versions: list[bytes] = field(default_factory=lambda: [AESGCM.generate_key(256)])
    retired: dict[int, str] = field(default_factory=dict)
    faults: list[int | str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def rotate(self) -> None:
        """Add a new primary version."""
        self.versions.append(AESGCM.generate_key(256))

    def answer(self, path: str, body: dict[str, str], authorization: str) -> dict[str, Any]:
        """The answer as KMS would give it."""
        if authorization != f"Bearer {TOKEN}":
            raise _Refused("PERMISSION_DENIED", "Permission denied on resource (or it may not exist).")
        found = re.fullmatch(r"/v1/(projects/.+/cryptoKeys/[^/:]+):(encrypt|decrypt)", path)
        if found is None or found[1] != KEY:
            raise _Refused("NOT_FOUND", f"{path} not found.")
        self.calls.append(found[2])
        given = {name: _checked(body, name) for name in ("plaintext", "ciphertext", "additionalAuthenticatedData")}
        if found[2] == "encrypt":
            return self._encrypt(given["plaintext"], given["additionalAuthenticatedData"])
        return self._decrypt(given["ciphertext"], given["additionalAuthenticatedData"])

    def _encrypt(self, plaintext: bytes, associated: bytes) -> dict[str, Any]:
        version, nonce = len(self.versions), os.urandom(12)
        key = self._usable(version)
        sealed = bytes([version]) + nonce + AESGCM(key).encrypt(nonce, plaintext, associated)
        return {
            "name": f"{KEY}/cryptoKeyVersions/{version}",
            **_field("ciphertext", sealed),
            "verifiedPlaintextCrc32c": True,
            "verifiedAdditionalAuthenticatedDataCrc32c": True,
            "protectionLevel": "SOFTWARE",
        }

    def _decrypt(self, sealed: bytes, associated: bytes) -> dict[str, Any]:
        if len(sealed) < 13 or not 0 < sealed[0] <= len(self.versions):
            raise _Refused("INVALID_ARGUMENT", "Decryption failed: verify that 'name' refers to the correct CryptoKey.")
        key = self._usable(sealed[0])
        try:
            plaintext = AESGCM(key).decrypt(sealed[1:13], sealed[13:], associated)
        except InvalidTag:
            raise _Refused("INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.") from None
        return {**_field("plaintext", plaintext), "usedPrimary": sealed[0] == len(self.versions)}

    def _usable(self, version: int) -> bytes:
        if state := self.retired.get(version):
            name = f"{KEY}/cryptoKeyVersions/{version}"
            raise _Refused("FAILED_PRECONDITION", f"{name} is not enabled, current state is: {state}.")
        return self.versions[version - 1]


def _checked(body: dict[str, str], name: str) -> bytes:
    value = base64.b64decode(body.get(name, ""), validate=True)
    if name in body and int(body[f"{name}Crc32c"]) != google_crc32c.value(value):
        raise _Refused("INVALID_ARGUMENT", f"The checksum in field {name}_crc32c did not match.")
    return value


def _field(name: str, value: bytes) -> dict[str, str]:
    return {name: base64.b64encode(value).decode(), f"{name}Crc32c": str(google_crc32c.value(value))}


def session(token: str = TOKEN) -> requests.Session:
    """Requests of a service account."""
    made = requests.Session()
    made.trust_env = False
    made.headers["Authorization"] = f"Bearer {token}"
    return made


@contextmanager
def twin_kms() -> Iterator[TwinKms]:
    """A running local KMS."""
    twin = TwinKms()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            fault = twin.faults.pop(0) if twin.faults else None
            answer: dict[str, Any]
            if fault == "drop":
                self.close_connection = True
                return
            try:
                if isinstance(fault, int):
                    status, answer = fault, {"error": {"code": fault, "status": "UNAVAILABLE", "message": "later"}}
                else:
                    answer = twin.answer(self.path, json.loads(raw), self.headers["Authorization"])
                    status = 200
            except _Refused as refused:
                status = HTTP[refused.status]
                answer = {"error": {"code": status, "status": refused.status, "message": str(refused)}}
            if fault == "damage":
                answer |= {name: "1" for name in answer if name.endswith("Crc32c") and isinstance(answer[name], str)}
            if fault == "not_arrived":
                answer["verifiedPlaintextCrc32c"] = False
            text = b"<html>" if fault == "html" else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        twin.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield twin
        server.shutdown()
        thread.join()
