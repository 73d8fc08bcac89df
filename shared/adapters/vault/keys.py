"""Keys that wrap data keys, and hints for operators when the vault fails.

Production uses Cloud KMS (shared/adapters/google/kms.py). The emulators use the unprotected keyset below: `LocalKeys`
is chosen only for projects named demo-…, which do not exist.
"""

import io
import json
from typing import Any, Protocol

import tink
from tink import aead, cleartext_keyset_handle

from shared.domain.errors import ErrorKind, VaultError
from shared.log import log

HINTS = {
    "NO_VAULT_KEY": "set VAULT_KEY to a Cloud KMS key that this service account may encrypt and decrypt with",
    "LOCAL_KEY_REFUSED": "VAULT_KEYSET is for projects named demo-… only: set VAULT_KEY",
    "VAULT_KEY_UNREADABLE": "VAULT_KEYSET is not a Tink keyset: run `python -m shared.adapters.vault.envelope` for one",
    "SEAL_DAMAGED": "the stored token was truncated or altered: restore a backup, or ask the user to link again",
    "SEAL_MISPLACED": "the stored token was sealed for another user or connection: it was copied to this document",
    "SEAL_OUTDATED": "the stored token was sealed for an earlier version of this record: an old token was restored",
    "SEAL_BROKEN": "the key cannot open the token: the token was forged, or sealed with another key",
    "KEY_UNKNOWN": "the token was sealed with another key: check VAULT_KEY",
    "KEY_RETIRED": "the key version is disabled or destroyed: enable it, run `reencrypt`, then retire it",
}
"""What is wrong and what the operator can do, by error code."""


class Keys(Protocol):
    """Wraps data keys. Every method may raise VaultError: an operator must act, not the user."""

    def wrap(self, data_key: bytes, context: bytes) -> tuple[bytes, str]:
        """Encrypts a data key for a context with the newest key version; returns it and the id of that version."""

    def unwrap(self, wrapped: bytes, context: bytes, *, key_id: str) -> bytes:
        """Decrypts a data key, only with the context and the key version that it was wrapped with."""

    def newest(self) -> str:
        """The id of the version that currently wraps."""


class LocalKeys:
    """An unencrypted Tink keyset."""

    def __init__(self, keyset: str) -> None:
        aead.register()
        try:
            handle = cleartext_keyset_handle.read(tink.JsonKeysetReader(keyset))
            self._aead = handle.primitive(aead.Aead)
        except (tink.TinkError, ValueError):
            raise vault_error("VAULT_KEY_UNREADABLE") from None
        info = handle.keyset_info()
        self._newest = str(info.primary_key_id)
        self._known = {str(key.key_id) for key in info.key_info}
        self._enabled = {str(key.key_id) for key in info.key_info if key.status == 1}  # KeyStatusType.ENABLED

    def wrap(self, data_key: bytes, context: bytes) -> tuple[bytes, str]:
        """Wraps locally, without a call."""
        return self._aead.encrypt(data_key, context), self._newest

    def unwrap(self, wrapped: bytes, context: bytes, *, key_id: str) -> bytes:
        """Unwraps locally, without a call."""
        if key_id not in self._known:
            raise vault_error("KEY_UNKNOWN", key_id=key_id)
        if key_id not in self._enabled:
            raise vault_error("KEY_RETIRED", key_id=key_id)
        try:
            data_key: bytes = self._aead.decrypt(wrapped, context)
        except tink.TinkError:
            raise vault_error("SEAL_BROKEN", key_id=key_id) from None
        return data_key

    def newest(self) -> str:
        """The keyset's primary key."""
        return self._newest


def new_keyset(*, after: str | None = None) -> str:
    """A new keyset in JSON; with `after`, that keyset with a new primary key."""
    aead.register()
    text = io.StringIO()
    handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
    cleartext_keyset_handle.write(tink.JsonKeysetWriter(text), handle)
    if after is None:
        return text.getvalue()
    old, new = json.loads(after), json.loads(text.getvalue())
    return json.dumps(new | {"key": [*old["key"], *new["key"]]})


def vault_error(code: str, **about: Any) -> VaultError:
    """The error for an unusable vault. The reason is logged for operators and hidden from callers."""
    log.error("vault.closed", error_code=code, hint=HINTS[code], **about)
    return VaultError(
        "the backend is not configured for this; the error has been logged",
        kind=ErrorKind.CONFIGURATION,
        error_code=code,
    )
