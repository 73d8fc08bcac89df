"""Calls Plaid with a connection's access token, which a rotation may replace at any moment.

Calls that still use the old token fail as if it had never existed. That is no error of the connection or of its user;
a comparison with the stored token tells why Plaid refused the call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeVar

from shared.domain.connection import SealedToken
from shared.domain.errors import ProviderError, Unavailable
from shared.domain.plaid_token import PlaidToken
from shared.ports import Credentials, Vault

Answer = TypeVar("Answer")
MAX_TRIES = 3


class TokenRefusal(Enum):
    """Why Plaid does not know a token."""

    CURRENT = auto()  # it is the stored token: Plaid really does not know it, or our API keys are wrong
    REPLACED = auto()  # a rotation replaced it meanwhile
    ROTATING = auto()  # a rotation is replacing it: the new token is not stored yet
    REMOVED = auto()  # the connection is being removed


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTokens:
    """Calls Plaid with the access tokens of connections."""

    credentials: Credentials
    vault: Vault

    def call(self, connection_id: str, call: Callable[[PlaidToken], Answer]) -> Answer | None:
        """Calls Plaid with the connection's access token; with the new one, if it was rotated meanwhile.

        Args:
            connection_id: The connection.
            call: The call of Plaid. It runs again with the new token if Plaid refused the old one.

        Returns:
            The answer of the call; None if the connection has no token, because it is being removed.

        Raises:
            ProviderError: The call raised it.
            VaultError: The access token cannot be opened.
            Unavailable: The token is being rotated at this moment: try again.
        """
        for _ in range(MAX_TRIES):
            found = self.credentials.load(connection_id)
            if found is None:
                return None
            stored, _ = found
            token = self.vault.open(stored.token, app_user_id=stored.app_user_id, connection_id=connection_id)
            try:
                return call(token)
            except ProviderError as error:
                if not error.is_about_token:
                    raise
                match self.refusal_reason(stored.token, connection_id):
                    case TokenRefusal.CURRENT:
                        raise
                    case TokenRefusal.REMOVED:
                        return None
                    case TokenRefusal.ROTATING:
                        break
                    case TokenRefusal.REPLACED:
                        continue
        raise Unavailable(
            "the connection's access token is being replaced",
            code="connection_busy",
            retry_after_seconds=5,
            connection_id=connection_id,
        )

    def refusal_reason(self, used: SealedToken, connection_id: str) -> TokenRefusal:
        """Compares a token that Plaid refused with the stored one.

        Raises:
            Unavailable: The store did not answer.
        """
        found = self.credentials.load(connection_id)
        if found is None:
            return TokenRefusal.REMOVED
        stored, _ = found
        if stored.token != used:
            return TokenRefusal.REPLACED
        return TokenRefusal.CURRENT if stored.rotating_since is None else TokenRefusal.ROTATING
