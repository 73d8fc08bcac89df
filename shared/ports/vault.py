"""The vault that encrypts access tokens, and the sealed tokens to re-encrypt with its newest key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shared.domain.connection import SealedToken
from shared.domain.plaid_token import PlaidToken
from shared.ports.clock import Version


class Vault(Protocol):
    """Seals (encrypts) access tokens, bound to their owner and connection. Fails closed."""

    def seal(self, token: PlaidToken, *, app_user_id: str, connection_id: str, generation: int = 1) -> SealedToken:
        """Seals a token; `generation` is one more than that of the sealed token that it replaces.

        Raises:
            VaultError: There is no key, or the key service does not answer.
        """

    def sealer(
        self, *, app_user_id: str, connection_id: str, generation: int = 1
    ) -> Callable[[PlaidToken], SealedToken]:
        """Prepares a seal: calls the key service now, so that the returned function makes no outside call.

        Raises:
            VaultError: There is no key, or the key service does not answer.
        """

    def open(self, sealed: SealedToken, *, app_user_id: str, connection_id: str) -> PlaidToken:
        """Opens (decrypts) a sealed token.

        Raises:
            VaultError: The token cannot be opened, so an operator must act; or the key service does not answer.
        """

    def newest_key(self) -> str:
        """The id of the key version that seals now.

        Raises:
            VaultError: There is no key, or the key service does not answer.
        """


@dataclass(frozen=True, slots=True)
class StoredSeal:
    """A sealed token as it is stored; `place` names its document."""

    place: str
    app_user_id: str
    connection_id: str
    sealed: SealedToken
    version: Version


class Seals(Protocol):
    """Sealed access tokens in all collections that store them."""

    def older(self, newest: str, *, after: StoredSeal | None, limit: int) -> list[StoredSeal]:
        """Tokens that another key version than the newest has sealed, in a stable order, starting after `after`."""

    def replace(self, stored: StoredSeal, sealed: SealedToken) -> None:
        """Replaces a stored seal.

        Raises:
            Conflict: The document changed or was deleted.
        """
