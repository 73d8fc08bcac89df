"""Every sealed token is moved to the newest version of the key, so that older versions can be retired.

In steps: each reads some tokens that another version has sealed, and stores each of them anew by compare-and-set. What
is done does not come again, so the steps may be broken off anywhere, repeated, and run beside each other and beside
everything else. A token that does not open is reported and stepped over: it must not stand in the way of the others.
"""

from dataclasses import dataclass

from shared.domain.errors import Conflict, ErrorClass, VaultError
from shared.log import log
from shared.ports import Seals, StoredSeal, Vault

STEP = 100
MOST_UNOPENED = 10_000  # in one call of the daily round: they are stepped over, and no part of a share
A_DAYS = 1000  # at most so many in one call of the daily round, which has minutes: the next day sees to the rest


@dataclass(frozen=True, slots=True)
class Reencrypted:
    """What came of it.

    Attributes:
        key_id: The newest key version.
        moved: How many tokens were moved to it.
        unopened: How many do not open; the log says which, and why.
        busy: How many somebody else wrote in that moment: they are looked at the next time.
        done: Whether all were looked at.
    """

    key_id: str
    moved: int
    unopened: int
    busy: int
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reencryption:
    """Moves tokens to the newest key."""

    seals: Seals
    vault: Vault

    def __call__(self, *, limit: int | None = A_DAYS) -> Reencrypted:
        """Moves so many at most; None: all there are.

        Raises:
            VaultError: The key's keeper does not answer, or refuses to seal. What was moved stays moved.
            Unavailable: The store does not answer.
        """
        key_id = self.vault.newest_key()
        moved = unopened = busy = 0
        after: StoredSeal | None = None
        while limit is None or (moved + busy < limit and unopened < MOST_UNOPENED):
            size = STEP if limit is None else min(STEP, limit - moved - busy)
            found = self.seals.older(key_id, after=after, limit=size)
            for stored in found:
                opened, kept = self._move(stored)
                moved, unopened, busy = moved + (opened and kept), unopened + (not opened), busy + (not kept)
            if len(found) < size:
                return self._told(Reencrypted(key_id, moved, unopened, busy, done=True))
            after = found[-1]
        return self._told(Reencrypted(key_id, moved, unopened, busy, done=False))

    def _move(self, stored: StoredSeal) -> tuple[bool, bool]:
        """Whether the token opened, and whether its place was unchanged."""
        owner, connection_id = stored.app_user_id, stored.connection_id
        try:
            token = self.vault.open(stored.sealed, app_user_id=owner, connection_id=connection_id)
        except VaultError as error:
            if error.error_class is not ErrorClass.CONFIGURATION:
                raise
            log.error("reencryption.unopened", place=stored.place, error_code=error.error_code)
            return False, True
        generation = stored.sealed.generation + 1
        sealed = self.vault.seal(token, app_user_id=owner, connection_id=connection_id, generation=generation)
        try:
            self.seals.replace(stored, sealed)
        except Conflict:
            return True, False
        return True, True

    def _told(self, came: Reencrypted) -> Reencrypted:
        if came.moved or came.unopened:
            about = {"moved": came.moved, "unopened": came.unopened, "busy": came.busy, "done": came.done}
            log.info("reencryption.stepped", key_id=came.key_id, **about)
        return came
