"""Identifiers and tokens in Plaid's formats.

Sources: plaid.com/docs/api (tokens are `<kind>-<environment>-<uuid>`), plaid.com/docs/quickstart/glossary
(identifiers are case-sensitive, opaque, about 37 characters).
"""

import random
import re
import secrets
import uuid
from hashlib import blake2b

ENVIRONMENT = "sandbox"
ID_SIZE = 37
ALPHABET = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789"
_LETTERS = bytes(ALPHABET[i % len(ALPHABET)] for i in range(256))
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class IdSource:
    """Generates identifiers; with a seed, the same ones in every run."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed) if seed is not None else random.SystemRandom()
        self._secret = secrets.token_bytes(32) if seed is None else str(seed).encode()

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def token(self, kind: str) -> str:
        """`access`, `public` or `link`."""
        return f"{kind}-{ENVIRONMENT}-{self.uuid()}"

    def opaque(self) -> str:
        """A Plaid identifier, such as an item_id."""
        return derive(self._random.getrandbits(128).to_bytes(16, "big"))

    def request_id(self) -> str:
        return f"{self._random.getrandbits(60):015x}"

    def secret_key(self, purpose: str) -> bytes:
        """A key of 32 bytes; always the same one for a purpose."""
        return blake2b(self._secret, digest_size=32, person=purpose.encode()).digest()

    def between(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def chance(self, rate: float) -> bool:
        return self._random.random() < rate


def derive(*parts: str | int | bytes) -> str:
    """The identifier derived from some parts, such as an item and a row number; always the same one."""
    data = b"\0".join(part if isinstance(part, bytes) else str(part).encode() for part in parts)
    return letters(blake2b(data, digest_size=ID_SIZE).digest()).decode()


def letters(digest: bytes) -> bytes:
    """Maps each byte to a letter or digit of the alphabet."""
    return digest.translate(_LETTERS)


def well_formed(kind: str, token: str) -> bool:
    return re.fullmatch(rf"{kind}-{ENVIRONMENT}-{_UUID}", token) is not None
