"""Whether what came of Link may be exchanged by this caller: the link token must have been issued to them.

Without that, one user's app could be handed the public token of another user's session.
"""

from shared.domain.errors import InvalidArgument
from shared.ports import Clock, Intents, Links
from shared.usecases.linking.exchange_intent import intent_id_of


def check_link_token(
    link_token: str | None, public_token: str, *, app_user_id: str, links: Links, intents: Intents, clock: Clock
) -> None:
    """Lets pass what the caller's own link token led to; and, without one, everything: it is optional.

    An exchange that this user has begun in time is let pass later, too: the same call may be sent again.

    Raises:
        InvalidArgument: The link token is unknown, expired, or another user's.
        Unavailable: The store did not answer.
    """
    if link_token is None:
        return
    session = links.session(link_token)
    if session is not None and session.app_user_id == app_user_id:
        if clock.now() < session.usable_until:
            return
        begun = intents.find(intent_id_of(public_token))
        if begun is not None and begun[0].app_user_id == app_user_id:
            return
    raise InvalidArgument(
        "this link token is unknown, expired, or was not issued to you: open Link with a new one",
        code="link_token_not_yours",
    )
