"""One owner per device: a message for a user never goes to a device that another user has taken over.

Apps write their devices' tokens into `users/{uid}`, and no rule can tell whose device a token is of. The user who
stored a token last owns its device: that is who uses the app there now. See docs/decisions/0008.
"""

from shared.log import log
from shared.ports import Clock, Pushes


def own_devices(tokens: tuple[str, ...], *, app_user_id: str, pushes: Pushes, clock: Clock) -> tuple[str, ...]:
    """The tokens, of those that a user stores, whose devices belong to them. Each token is taken from all other users.

    Raises:
        Unavailable: The store did not answer.
    """
    if not tokens:
        return ()
    mine = []
    for token, holders in pushes.holders(tokens).items():
        owner = holders.latest
        if owner is None:
            continue  # nobody stores it any more
        others = holders.listed.keys() - {owner}
        if others or owner != holders.owner:
            pushes.hand_over(token, to=owner, others=others, now=clock.now())
        if others:
            log.info("push.device_moved", users=len(others))
        if owner == app_user_id:
            mine.append(token)
    return tuple(mine)
