"""Seals access tokens with Google's Tink (https://developers.google.com/tink): envelope encryption, AES-256-GCM.

Each token has its own data key, wrapped by a key that never leaves Cloud KMS. Token and data key are both bound to the
owner, the connection and the generation of the record (the associated data). So a ciphertext cannot be opened if it is
copied to another document, or restored after it was replaced. The stored form, in base64:

    format, generation, digest of owner and connection, length | wrapped data key | sealed token | checksum

The header is not secret and protects nothing. It tells operators what is wrong (the checksum: damage; the digest: a
copy; the generation: a replay), which the encryption alone cannot. Forging it is useless, because only the associated
data decides. Locally, `python -m shared.adapters.vault.envelope` prints a keyset.
"""

import base64
import hashlib
import struct
import sys
from collections.abc import Callable

import tink
from tink import aead, secret_key_access

from shared.adapters.vault.keys import Keys, LocalKeys, new_keyset, vault_error
from shared.domain.connection import SealedToken
from shared.domain.plaid_token import PlaidToken
from shared.settings import Settings

_FORMAT = 2
_HEADER = struct.Struct(">BI16sH")
_CHECKSUM_BYTES = 8


class EnvelopeVault:
    """The port `Vault`, with any implementation of `Keys`."""

    def __init__(self, keys: Keys) -> None:
        aead.register()
        self._keys = keys

    def seal(self, token: PlaidToken, *, app_user_id: str, connection_id: str, generation: int = 1) -> SealedToken:
        """Seals a token, in one call to the key service."""
        return self.sealer(app_user_id=app_user_id, connection_id=connection_id, generation=generation)(token)

    def sealer(
        self, *, app_user_id: str, connection_id: str, generation: int = 1
    ) -> Callable[[PlaidToken], SealedToken]:
        """Prepares a seal, in one call to the key service; the returned function seals one token without a call."""
        context = _context(app_user_id, connection_id, generation)
        handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
        data_key = tink.proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
        wrapped, key_id = self._keys.wrap(data_key, context)
        header = _HEADER.pack(_FORMAT, generation, _digest(app_user_id, connection_id), len(wrapped))

        def seal(token: PlaidToken) -> SealedToken:
            sealed = handle.primitive(aead.Aead).encrypt(token.reveal().encode(), context)
            whole = header + wrapped + sealed
            text = base64.b64encode(whole + _checksum(whole)).decode()
            return SealedToken(ciphertext=text, key_id=key_id, generation=generation, region=token.region)

        return seal

    def open(self, sealed: SealedToken, *, app_user_id: str, connection_id: str) -> PlaidToken:
        """Opens a token, in one call to the key service; none if it was not sealed for this connection.

        Raises:
            VaultError: The token cannot be opened: an operator must act, not the user. `error_code` says why.
        """
        wrapped, body = _parts(sealed, app_user_id, connection_id)
        context = _context(app_user_id, connection_id, sealed.generation)
        data_key = self._keys.unwrap(wrapped, context, key_id=sealed.key_id)
        try:
            handle = tink.proto_keyset_format.parse(data_key, secret_key_access.TOKEN)
            return PlaidToken(handle.primitive(aead.Aead).decrypt(body, context).decode(), sealed.region)
        except (tink.TinkError, ValueError):
            raise vault_error("SEAL_BROKEN", connection_id=connection_id, key_id=sealed.key_id) from None

    def newest_key(self) -> str:
        """The newest key version, in one call to the key service."""
        return self._keys.newest()


def vault_for(settings: Settings) -> EnvelopeVault:
    """The vault of this project.

    Raises:
        VaultError: The key is missing, or must not be used in this project.
    """
    if settings.is_local:
        if settings.vault_keyset is None:
            raise vault_error("NO_VAULT_KEY")
        return EnvelopeVault(LocalKeys(settings.vault_keyset.get_secret_value()))
    if settings.vault_key is not None:
        from shared.adapters.google.kms import kms_keys

        return EnvelopeVault(kms_keys(settings.vault_key))
    raise vault_error("NO_VAULT_KEY" if settings.vault_keyset is None else "LOCAL_KEY_REFUSED")


def _parts(sealed: SealedToken, app_user_id: str, connection_id: str) -> tuple[bytes, bytes]:
    """The wrapped data key and the sealed token.

    Raises:
        VaultError: The token is damaged, or was sealed for another connection.
    """
    about = {"connection_id": connection_id, "key_id": sealed.key_id}
    try:
        raw = base64.b64decode(sealed.ciphertext, validate=True)
    except ValueError:
        raise vault_error("SEAL_DAMAGED", **about) from None
    whole, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
    if len(whole) < _HEADER.size or whole[0] != _FORMAT or checksum != _checksum(whole):
        raise vault_error("SEAL_DAMAGED", **about)
    _, generation, digest, length = _HEADER.unpack_from(whole)
    if digest != _digest(app_user_id, connection_id):
        raise vault_error("SEAL_MISPLACED", **about)
    if generation != sealed.generation:
        raise vault_error("SEAL_OUTDATED", **about)
    split = _HEADER.size + length
    return whole[_HEADER.size : split], whole[split:]


def _context(app_user_id: str, connection_id: str, generation: int) -> bytes:
    """The associated data; the length prefix makes it unique per connection."""
    return f"bank-access-token:{_FORMAT}:{generation}:{len(app_user_id)}:{app_user_id}:{connection_id}".encode()


def _digest(app_user_id: str, connection_id: str) -> bytes:
    return hashlib.sha256(_context(app_user_id, connection_id, 0)).digest()[:16]


def _checksum(whole: bytes) -> bytes:
    return hashlib.sha256(whole).digest()[:_CHECKSUM_BYTES]


if __name__ == "__main__":
    sys.stdout.write(new_keyset())
