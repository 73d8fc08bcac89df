"""Checks that a link token was issued to the caller who exchanges its public token.

Without this check, an attacker could give one user's app the public token of another user's session.
"""

from dataclasses import dataclass

from shared.domain.errors import InvalidArgument
from shared.domain.region import Region
from shared.ports import Clock, Intents, Links
from shared.usecases.linking.exchange_intent import intent_id_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLinkToken:
    """Refuses a link token that was not issued to the caller."""

    links: Links
    intents: Intents
    clock: Clock

    def __call__(self, link_token: str | None, public_token: str, *, app_user_id: str) -> Region | None:
        """Accepts the caller's own link token. The link token is optional, so a call without one is accepted, too.

        After the link token has expired, only retries of an exchange that this user began before are accepted.

        Returns:
            The key pair of the session; None without a link token.

        Raises:
            InvalidArgument: The link token is unknown, expired, or another user's.
            Unavailable: The store did not answer.
        """
        if link_token is None:
            return None
        session = self.links.session(link_token)
        if session is not None and session.app_user_id == app_user_id:
            if self.clock.now() < session.usable_until:
                return session.region
            begun = self.intents.find(intent_id_of(public_token))
            if begun is not None and begun[0].app_user_id == app_user_id:
                return session.region
        raise InvalidArgument(
            "this link token is unknown, expired, or was not issued to you: open Link with a new one",
            code="link_token_not_yours",
        )
