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


class Refused(Enum):
    """What is behind Plaid's not knowing a token."""

    MEANT = auto()  # it is the very token that is stored: Plaid means it, or our keys are wrong
    MOVED = auto()  # it was replaced meanwhile
    MOVING = auto()  # it is being replaced: the new one is not stored yet
    GONE = auto()  # the connection is being removed


def why_refused(used: SealedToken, connection_id: str, *, credentials: Credentials) -> Refused:
    """Looks at what is stored now, after Plaid refused a token.

    Raises:
        Unavailable: The store did not answer.
    """
    found = credentials.load(connection_id)
    if found is None:
        return Refused.GONE
    kept, _ = found
    if kept.token != used:
        return Refused.MOVED
    return Refused.MEANT if kept.rotating_since is None else Refused.MOVING


def with_token(
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
            match why_refused(kept.token, connection_id, credentials=credentials):
                case Refused.MEANT:
                    raise
                case Refused.GONE:
                    return None
                case Refused.MOVING:
                    break
                case Refused.MOVED:
                    continue
    raise Unavailable(
        "the connection's access token is being replaced",
        code="connection_busy",
        retry_after_seconds=5,
        connection_id=connection_id,
    )
