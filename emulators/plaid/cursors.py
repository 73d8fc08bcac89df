"""The cursors of /transactions/sync, as clients see them."""

import base64
import hmac
import struct
from hashlib import blake2b, sha256

from emulators.plaid.errors import PlaidError
from emulators.plaid.synclog import Cursor


class CursorFormat:
    """Writes and reads cursors: opaque base64, bound to an Item and to an account filter."""

    _SHAPE = struct.Struct(">8sIII")

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    def write(self, cursor: Cursor, item_id: str, account_id: str | None) -> str:
        body = self._SHAPE.pack(_owner(item_id, account_id), *cursor)
        return base64.b64encode(body + self._seal(body)).decode()

    def read(self, text: str, item_id: str, account_id: str | None) -> Cursor:
        """Raises INVALID_FIELD for a cursor that is broken, or of another Item or account filter."""
        try:
            data = base64.b64decode(text, validate=True)
        except ValueError:
            data = b""
        body, seal = data[: self._SHAPE.size], data[self._SHAPE.size :]
        if not hmac.compare_digest(seal, self._seal(body)):
            raise PlaidError("INVALID_FIELD", "cursor is not a valid cursor")
        owner, *numbers = self._SHAPE.unpack(body)
        if owner != _owner(item_id, account_id):
            raise PlaidError("INVALID_FIELD", "cursor not associated with access_token")
        return Cursor(*numbers)

    def _seal(self, body: bytes) -> bytes:
        return hmac.digest(self.secret, body, sha256)[:12]


def _owner(item_id: str, account_id: str | None) -> bytes:
    return blake2b(f"{item_id}\0{account_id or ''}".encode(), digest_size=8).digest()
