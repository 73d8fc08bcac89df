"""Ensures one owner per device: a user's message never goes to a device that another user has taken over.

Apps write their devices' tokens into `users/{uid}`, and no security rule can verify whose device that is. The user who
stored a token last owns its device, because that user is signed in there now. See docs/decisions/0008.
"""

from dataclasses import dataclass

from shared.log import log
from shared.ports import Clock, Pushes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOwnership:
    """Finds the devices that belong to a user."""

    pushes: Pushes
    clock: Clock

    def keep_owned(self, tokens: tuple[str, ...], *, app_user_id: str) -> tuple[str, ...]:
        """Filters the tokens that the user stores: keeps those whose devices belong to the user.

        Each token is removed from the documents of all users but its owner.

        Raises:
            Unavailable: The store did not answer.
        """
        if not tokens:
            return ()
        owned = []
        for token, holders in self.pushes.holders(tokens).items():
            owner = holders.latest
            if owner is None:
                continue  # no user stores it any more
            others = holders.listed.keys() - {owner}
            if others or owner != holders.owner:
                self.pushes.hand_over(token, to=owner, others=others, now=self.clock.now())
            if others:
                log.info("push.device_moved", users=len(others))
            if owner == app_user_id:
                owned.append(token)
        return tuple(owned)
