"""Signs the audit log's checkpoints with Google's Tink: Ed25519 (https://developers.google.com/tink/digital-signature).

The keyset comes from a setting, in production through Secret Manager; only the functions that sign or verify the log
receive it. `python -m shared.adapters.vault.audit_signer` prints a new one. To change the key, add one to the keyset
and make it primary: signatures of older keys stay valid as long as those keys are in it.
"""

import base64
import io
import sys

import tink
from tink import cleartext_keyset_handle, signature

from shared.domain.audit_chain import Checkpoint
from shared.domain.errors import ErrorKind, VaultError
from shared.settings import Settings


class TinkSigner:
    """The port `Signer`."""

    def __init__(self, keyset: str) -> None:
        signature.register()
        handle = cleartext_keyset_handle.read(tink.JsonKeysetReader(keyset))
        self._key_id = str(handle.keyset_info().primary_key_id)
        self._sign = handle.primitive(signature.PublicKeySign)
        self._verify = handle.public_keyset_handle().primitive(signature.PublicKeyVerify)

    def sign(self, checkpoint: Checkpoint) -> Checkpoint:
        """Signs a checkpoint with the primary key."""
        signed = base64.b64encode(self._sign.sign(checkpoint.message())).decode()
        return checkpoint.model_copy(update={"key_id": self._key_id, "signature": signed})

    def is_signed(self, checkpoint: Checkpoint) -> bool:
        """Whether a key of the keyset signed the checkpoint."""
        try:
            self._verify.verify(base64.b64decode(checkpoint.signature, validate=True), checkpoint.message())
        except (tink.TinkError, ValueError):
            return False
        return True


def signer_for(settings: Settings) -> TinkSigner:
    """The signer of this project.

    Raises:
        VaultError: AUDIT_KEYSET is missing or unreadable.
    """
    try:
        if settings.audit_keyset is not None:
            return TinkSigner(settings.audit_keyset.get_secret_value())
    except (tink.TinkError, ValueError):
        pass
    raise VaultError(
        "the backend is not configured for this; the error has been logged",
        kind=ErrorKind.CONFIGURATION,
        error_code="NO_AUDIT_KEY",
    )


def new_keyset() -> str:
    """A new keyset in JSON."""
    signature.register()
    text = io.StringIO()
    handle = tink.new_keyset_handle(signature.signature_key_templates.ED25519)
    cleartext_keyset_handle.write(tink.JsonKeysetWriter(text), handle)
    return text.getvalue()


if __name__ == "__main__":
    sys.stdout.write(new_keyset())
