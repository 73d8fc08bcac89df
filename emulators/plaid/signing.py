"""The keys that sign webhooks.

Source: plaid.com/docs/api/webhooks/webhook-verification. A JWT with header {alg: ES256, kid, typ: JWT} and claims
{iat, request_body_sha256}. `iat` is wall time, because the receiver compares it with its own clock.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from emulators.plaid.errors import PlaidError
from emulators.plaid.ids import IdSource
from emulators.plaid.settings import US

PUBLISHED = "6c5516e1-92dc-479e-a8ff-5a51992e0001"


@dataclass
class Key:
    kid: str
    private: ec.EllipticCurvePrivateKey
    created_at: int
    expired_at: int | None = None
    team: str = US


class KeyRing:
    """All signing keys so far; the last one of each team signs.

    The Sandbox also has the key that the tests of Plaid's clients read. It signs nothing here.
    """

    def __init__(self, ids: IdSource, wall_time: Callable[[], float]) -> None:
        self._ids, self._wall_time = ids, wall_time
        self._keys: dict[str, Key] = {}
        self._add(PUBLISHED)
        self._current = self._new()
        self._others: dict[str, Key] = {}  # the current key of each other team

    @property
    def current(self) -> str:
        return self._current.kid

    def rotate(self) -> str:
        """Retires the current keys and creates new ones."""
        for key in (self._current, *self._others.values()):
            key.expired_at = int(self._wall_time())
        self._current = self._new()
        self._others.clear()
        return self._current.kid

    def jwk(self, kid: str, team: str = US) -> dict[str, Any]:
        """The public key as /webhook_verification_key/get returns it to its own team."""
        key = self._keys.get(kid)
        if key is None or key.team != team:
            raise PlaidError("INVALID_WEBHOOK_VERIFICATION_KEY_ID")
        numbers = key.private.public_key().public_numbers()
        return {
            "alg": "ES256",
            "created_at": key.created_at,
            "crv": "P-256",
            "expired_at": key.expired_at,
            "kid": kid,
            "kty": "EC",
            "use": "sig",
            "x": _base64url(numbers.x.to_bytes(32, "big")),
            "y": _base64url(numbers.y.to_bytes(32, "big")),
        }

    def sign(
        self, body: bytes, *, age: int = 0, kid: str | None = None, wrong_key: bool = False, team: str = US
    ) -> str:
        """The JWT for a body. Options make it invalid: an old `iat`, an unknown `kid`, or another key's signature."""
        current = self.current_of(team)
        header = {"alg": "ES256", "kid": kid or current.kid, "typ": "JWT"}
        claims = {"iat": int(self._wall_time()) - age, "request_body_sha256": sha256(body).hexdigest()}
        signed = f"{_segment(header)}.{_segment(claims)}"
        key = ec.generate_private_key(ec.SECP256R1()) if wrong_key else current.private
        r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def export(self) -> list[dict[str, Any]]:
        """All keys, the current one last, for the state file."""
        return [
            {
                "kid": key.kid,
                "number": str(key.private.private_numbers().private_value),
                "created_at": key.created_at,
                "expired_at": key.expired_at,
                "team": key.team,
            }
            for key in self._keys.values()
        ]

    def load(self, exported: list[dict[str, Any]]) -> None:
        """Replaces the keys by exported ones."""
        self._keys = {
            key["kid"]: Key(
                key["kid"],
                ec.derive_private_key(int(key["number"]), ec.SECP256R1()),
                key["created_at"],
                key["expired_at"],
                key.get("team", US),
            )
            for key in exported
        }
        self._current = [key for key in self._keys.values() if key.team == US][-1]
        self._others = {key.team: key for key in self._keys.values() if key.team != US and key.expired_at is None}

    def current_of(self, team: str) -> Key:
        """The key that signs for a team; another team's first key is made when it is needed."""
        if team == US:
            return self._current
        if team not in self._others:
            self._others[team] = self._new()
            self._others[team].team = team
        return self._others[team]

    def _new(self) -> Key:
        return self._add(self._ids.uuid())

    def _add(self, kid: str) -> Key:
        key = Key(kid, ec.generate_private_key(ec.SECP256R1()), int(self._wall_time()))
        self._keys[key.kid] = key
        return key


def _segment(value: dict[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
