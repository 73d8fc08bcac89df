"""Chooses the key pair of an exchange whose Link session the app did not name.

A public token does not name its team at Plaid. Sending it with the other pair's keys would fail, and show the token to
a team that does not own it.
"""

from dataclasses import dataclass

from shared.domain.errors import InvalidArgument
from shared.domain.hosted_link import PUBLIC_TOKEN_LIVES
from shared.domain.region import KeyPairs, Region
from shared.ports import Clock, Intents, Links
from shared.usecases.linking.exchange_intent import intent_id_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseRegion:
    """Finds the key pair that a public token belongs to, from the sessions that its user may have completed.

    Attributes:
        key_pairs: The pairs of this backend. With one pair, nothing is read.
        without_session: The pair for a user without sessions; None: such an exchange is refused. Only the Sandbox makes
            public tokens without a session (https://plaid.com/docs/api/sandbox/#sandboxpublic_tokencreate).
    """

    key_pairs: KeyPairs
    without_session: Region | None
    links: Links
    intents: Intents
    clock: Clock

    def __call__(self, public_token: str, *, app_user_id: str) -> Region:
        """The key pair of a public token.

        Raises:
            InvalidArgument: The user has sessions of both pairs, or none, so the app must send the link token.
            Unavailable: The store did not answer.
        """
        if not self.key_pairs.has_eu:
            return Region.US
        usable_after = self.clock.now() - PUBLIC_TOKEN_LIVES  # Link may end just before its link token does
        found = self.links.regions(app_user_id, usable_after=usable_after)
        region = next(iter(found), self.without_session)
        if len(found) <= 1 and region is not None:
            return region
        begun = self.intents.find(intent_id_of(public_token))
        if begun is not None and begun[0].app_user_id == app_user_id:
            return begun[0].region
        raise InvalidArgument(
            "send the link_token of the session: the public token does not tell in which region Link was opened",
            code="link_token_required",
        )
