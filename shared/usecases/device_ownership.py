"""One owner per device: a message for a user never goes to a device that another user has taken over.

Apps write their devices' tokens into `users/{uid}`, and no rule can tell whose device a token is of. The user who
stored a token last owns its device: that is who uses the app there now. See docs/decisions/0008.
"""

from dataclasses import dataclass

from shared.log import log
from shared.ports import Clock, Pushes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOwnership:
    """Says which devices belong to a user."""

    pushes: Pushes
    clock: Clock

    def keep_owned(self, tokens: tuple[str, ...], *, app_user_id: str) -> tuple[str, ...]:
        """The tokens whose devices belong to the user, of those that the user stores.

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
