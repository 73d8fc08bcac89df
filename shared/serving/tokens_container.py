"""Typed factories of the use cases of access tokens, built on `container.py`."""

from typing import TYPE_CHECKING

from shared.serving import container

if TYPE_CHECKING:
    from shared.usecases.tokens.call_with_token import AccessTokens
    from shared.usecases.tokens.reencrypt_tokens import Reencryption
    from shared.usecases.tokens.request_rotation import RotationRequests
    from shared.usecases.tokens.rotate_token import TokenRotation
    from shared.usecases.tokens.store_rotated_token import RotatedTokenStore


def access_tokens() -> "AccessTokens":
    """Calls Plaid with the access tokens of connections."""
    from shared.usecases.tokens.call_with_token import AccessTokens

    return AccessTokens(credentials=container.credentials(), vault=container.vault())


def token_rotation() -> "TokenRotation":
    """Rotates access tokens."""
    from shared.usecases.tokens.rotate_token import TokenRotation

    return TokenRotation(
        credentials=container.credentials(),
        syncs=container.syncs(),
        plaid=container.plaid(),
        ownership=container.item_ownership(),
        vault=container.vault(),
        rotated_tokens=_rotated_tokens(),
        status_events=container.status_events(),
        clock=container.clock(),
    )


def _rotated_tokens() -> "RotatedTokenStore":
    from shared.usecases.tokens.store_rotated_token import RotatedTokenStore

    return RotatedTokenStore(
        credentials=container.credentials(),
        ownership=container.item_ownership(),
        vault=container.vault(),
        clock=container.clock(),
        sleep=container.sleep,
    )


def rotation_requests() -> "RotationRequests":
    """Requests rotations of access tokens."""
    from shared.usecases.tokens.request_rotation import RotationRequests

    return RotationRequests(
        connections=container.connections(),
        credentials=container.credentials(),
        tasks=container.tasks(),
        clock=container.clock(),
    )


def reencryption() -> "Reencryption":
    """Re-encrypts sealed tokens with the newest key."""
    from shared.usecases.tokens.reencrypt_tokens import Reencryption

    return Reencryption(seals=container.seals(), vault=container.vault())
