"""Seals access tokens with Google's Tink (https://developers.google.com/tink): AEAD, bound to owner and connection.

The associated data is the owner and the connection, so a ciphertext copied to another document does not open there.
Locally the keyset comes from a setting; `python -m shared.adapters.vault` prints a new one.
"""

import base64
import functools
import io
import sys
from collections.abc import Callable

import tink
from tink import aead, cleartext_keyset_handle

from shared.domain.connection import SealedToken
from shared.domain.errors import Fault, ProviderError
from shared.domain.secret import Secret
from shared.settings import Settings


class LocalVault:
    """The port `Vault` with a keyset that is not protected: for the emulators only."""

    def __init__(self, keyset: str) -> None:
        aead.register()
        self._handle = cleartext_keyset_handle.read(tink.JsonKeysetReader(keyset))
        self._aead = self._handle.primitive(aead.Aead)

    def seal(self, token: Secret, *, app_user_id: str, connection_id: str) -> SealedToken:
        """Encrypts."""
        sealed = self._aead.encrypt(token.reveal().encode(), _context(app_user_id, connection_id))
        key_id = str(self._handle.keyset_info().primary_key_id)
        return SealedToken(ciphertext=base64.b64encode(sealed).decode(), key_id=key_id)

    def sealer(self, *, app_user_id: str, connection_id: str) -> Callable[[Secret], SealedToken]:
        """The key is here already."""
        return functools.partial(self.seal, app_user_id=app_user_id, connection_id=connection_id)

    def open(self, sealed: SealedToken, *, app_user_id: str, connection_id: str) -> Secret:
        """Decrypts.

        Raises:
            ProviderError: It cannot be opened: an operator's matter, never the user's.
        """
        try:
            opened = self._aead.decrypt(
                base64.b64decode(sealed.ciphertext, validate=True), _context(app_user_id, connection_id)
            )
        except (tink.TinkError, ValueError):
            raise _closed("SEAL_BROKEN") from None
        return Secret(opened.decode())


def vault_for(settings: Settings) -> LocalVault:
    """The vault of this project.

    Raises:
        ProviderError: There is no key: nothing is sealed or opened without one.
    """
    if settings.is_local and settings.vault_keyset is not None:
        return LocalVault(settings.vault_keyset.get_secret_value())
    raise _closed("NO_VAULT_KEY")


def new_keyset() -> str:
    """A fresh keyset in JSON."""
    aead.register()
    text = io.StringIO()
    handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
    cleartext_keyset_handle.write(tink.JsonKeysetWriter(text), handle)
    return text.getvalue()


def _context(app_user_id: str, connection_id: str) -> bytes:
    return f"bank-access-token:1:{len(app_user_id)}:{app_user_id}:{connection_id}".encode()


def _closed(code: str) -> ProviderError:
    return ProviderError(
        "the backend is not set up for this; it has been recorded",
        fault=Fault.CONFIGURATION,
        error_type="VAULT",
        error_code=code,
    )


if __name__ == "__main__":
    sys.stdout.write(new_keyset())
