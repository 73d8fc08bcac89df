"""Whether what came of Link may be exchanged by this caller: the link token must have been issued to them.

Without that, one user's app could be handed the public token of another user's session.
"""

from dataclasses import dataclass

from shared.domain.errors import InvalidArgument
from shared.ports import Clock, Intents, Links
from shared.usecases.linking.exchange_intent import intent_id_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLinkToken:
    """Refuses a link token that was not issued to the caller."""

    links: Links
    intents: Intents
    clock: Clock

    def __call__(self, link_token: str | None, public_token: str, *, app_user_id: str) -> None:
        """Accepts the caller's own link token, and a call without one, since the link token is optional.

        A retry of an exchange that this user began before the link token expired is accepted after its expiry, too.

        Raises:
            InvalidArgument: The link token is unknown, expired, or another user's.
            Unavailable: The store did not answer.
        """
        if link_token is None:
            return
        session = self.links.session(link_token)
        if session is not None and session.app_user_id == app_user_id:
            if self.clock.now() < session.usable_until:
                return
            begun = self.intents.find(intent_id_of(public_token))
            if begun is not None and begun[0].app_user_id == app_user_id:
                return
        raise InvalidArgument(
            "this link token is unknown, expired, or was not issued to you: open Link with a new one",
            code="link_token_not_yours",
        )
