"""Chooses the key pair of an exchange whose Link session the app did not name.

A public token does not name its team at Plaid. Sending it with the other pair's keys would fail, and show the token to
a team that does not own it.
"""

from dataclasses import dataclass

from shared.domain.errors import InvalidArgument
from shared.domain.region import KeyPairs, Region
from shared.ports import Clock, Intents, Links
from shared.usecases.linking.exchange_intent import intent_id_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseRegion:
    """Finds the key pair that a public token belongs to, from the sessions that its user may have completed.

    Attributes:
        key_pairs: The pairs of this backend. With one pair, nothing is read.
        default: The pair for a user without sessions.
    """

    key_pairs: KeyPairs
    default: Region
    links: Links
    intents: Intents
    clock: Clock

    def __call__(self, public_token: str, *, app_user_id: str) -> Region:
        """The key pair of a public token.

        Raises:
            InvalidArgument: The user has sessions of both pairs, so the app must send the link token.
            Unavailable: The store did not answer.
        """
        if not self.key_pairs.has_eu:
            return Region.US
        regions = self.links.regions(app_user_id, now=self.clock.now())
        if len(regions) <= 1:
            return next(iter(regions), self.default)
        begun = self.intents.find(intent_id_of(public_token))
        if begun is not None and begun[0].app_user_id == app_user_id:
            return begun[0].region
        raise InvalidArgument(
            "send the link_token of the session: the user has opened Link in several regions",
            code="link_token_required",
        )
