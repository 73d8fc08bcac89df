"""Plaid is called with a connection's access token, which may be replaced by a new one at any moment.

A call that was under way with the old one is refused as if the token had never been. That is nobody's fault: what is
stored now says so.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import TypeVar

from shared.domain.connection import SealedToken
from shared.domain.errors import ProviderError, Unavailable
from shared.domain.secret import Secret
from shared.ports import Credentials, Vault

Answer = TypeVar("Answer")
MAX_TRIES = 3


class TokenRefusal(Enum):
    """What is behind Plaid's not knowing a token."""

    CURRENT = auto()  # it is the very token that is stored: Plaid means it, or our keys are wrong
    REPLACED = auto()  # it was replaced meanwhile
    ROTATING = auto()  # it is being replaced: the new one is not stored yet
    REMOVED = auto()  # the connection is being removed


def refusal_reason(used: SealedToken, connection_id: str, *, credentials: Credentials) -> TokenRefusal:
    """Looks at what is stored now, after Plaid refused a token.

    Raises:
        Unavailable: The store did not answer.
    """
    found = credentials.load(connection_id)
    if found is None:
        return TokenRefusal.REMOVED
    kept, _ = found
    if kept.token != used:
        return TokenRefusal.REPLACED
    return TokenRefusal.CURRENT if kept.rotating_since is None else TokenRefusal.ROTATING


def call_with_token(
    connection_id: str, call: Callable[[Secret], Answer], *, credentials: Credentials, vault: Vault
) -> Answer | None:
    """Calls Plaid with the connection's access token; with the new one, if it was replaced meanwhile.

    Returns:
        Its answer; None if the connection has no token: it is being removed.

    Raises:
        ProviderError: What the call raised.
        Unavailable: The token is being replaced at this moment: try again.
    """
    for _ in range(MAX_TRIES):
        found = credentials.load(connection_id)
        if found is None:
            return None
        kept, _ = found
        token = vault.open(kept.token, app_user_id=kept.app_user_id, connection_id=connection_id)
        try:
            return call(token)
        except ProviderError as error:
            if not error.is_about_token:
                raise
            match refusal_reason(kept.token, connection_id, credentials=credentials):
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
