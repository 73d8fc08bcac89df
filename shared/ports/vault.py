"""The vault of access tokens, and the seals that are to be moved to its newest key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shared.domain.connection import SealedToken
from shared.domain.secret import Secret
from shared.ports.clock import Version


class Vault(Protocol):
    """Seals access tokens, bound to owner and connection. Fails closed."""

    def seal(self, token: Secret, *, app_user_id: str, connection_id: str, generation: int = 1) -> SealedToken:
        """A sealed token; `generation` is one more than that of the sealed token whose place it takes.

        Raises:
            VaultError: There is no key, or the key service does not answer.
        """

    def sealer(self, *, app_user_id: str, connection_id: str, generation: int = 1) -> Callable[[Secret], SealedToken]:
        """A seal made ready: what has to be asked outside is asked now, so that sealing itself asks nobody.

        Raises:
            VaultError: There is no key, or the key service does not answer.
        """

    def open(self, sealed: SealedToken, *, app_user_id: str, connection_id: str) -> Secret:
        """The token.

        Raises:
            VaultError: It does not open here, so an operator must act; or the key service does not answer.
        """

    def newest_key(self) -> str:
        """The id of the key version that seals now.

        Raises:
            VaultError: There is no key, or the key service does not answer.
        """


@dataclass(frozen=True, slots=True)
class StoredSeal:
    """A sealed token where it lies; `place` names the document."""

    place: str
    app_user_id: str
    connection_id: str
    sealed: SealedToken
    version: Version


class Seals(Protocol):
    """Sealed access tokens, wherever they lie."""

    def older(self, newest: str, *, after: StoredSeal | None, limit: int) -> list[StoredSeal]:
        """Those that another key version than the newest has sealed, in an order of their own, beginning after one."""

    def replace(self, stored: StoredSeal, sealed: SealedToken) -> None:
        """Puts another one into its place.

        Raises:
            Conflict: The place changed, or is gone.
        """
