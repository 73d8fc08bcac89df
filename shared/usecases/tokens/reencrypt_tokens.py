"""Re-encrypts every sealed token with the newest version of the key, so that older versions can be retired.

Each step reads some tokens that another version sealed, and seals each again by compare-and-set. A moved token is not
read again, so steps can be interrupted, repeated, and run concurrently with anything else. A token that does not open
is logged and skipped, so that it does not block the others.
"""

from dataclasses import dataclass

from shared.domain.errors import Conflict, ErrorClass, VaultError
from shared.log import log
from shared.ports import Seals, StoredSeal, Vault

STEP = 100
MAX_UNOPENED = 10_000  # in one call of the daily check: they are skipped, and not counted against the limit
DAILY_LIMIT = 1000  # tokens in one call of the daily check, which has only minutes; the next day continues


@dataclass(frozen=True, slots=True)
class ReencryptionResult:
    """The result of one call.

    Attributes:
        key_id: The newest key version.
        moved: How many tokens were moved to it.
        unopened: How many could not be opened; the log names them, with the reason.
        busy: How many another writer changed meanwhile: the next call retries them.
        done: Whether all tokens were read.
    """

    key_id: str
    moved: int
    unopened: int
    busy: int
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reencryption:
    """Re-encrypts tokens with the newest key."""

    seals: Seals
    vault: Vault

    def __call__(self, *, limit: int | None = DAILY_LIMIT) -> ReencryptionResult:
        """Moves up to `limit` tokens to the newest key; None moves all.

        Raises:
            VaultError: The key service does not answer, or refuses to seal. Tokens that were moved before stay moved.
            Unavailable: The store does not answer.
        """
        key_id = self.vault.newest_key()
        moved = unopened = busy = 0
        after: StoredSeal | None = None
        done = False
        while not done and (limit is None or (moved + busy < limit and unopened < MAX_UNOPENED)):
            size = STEP if limit is None else min(STEP, limit - moved - busy)
            found = self.seals.older(key_id, after=after, limit=size)
            for stored in found:
                opened, unchanged = self._move(stored)
                moved, unopened, busy = moved + (opened and unchanged), unopened + (not opened), busy + (not unchanged)
            done = len(found) < size
            after = found[-1] if found else None
        if moved or unopened:
            log.info("reencryption.stepped", key_id=key_id, moved=moved, unopened=unopened, busy=busy, done=done)
        return ReencryptionResult(key_id, moved, unopened, busy, done=done)

    def _move(self, stored: StoredSeal) -> tuple[bool, bool]:
        """Whether the token opened, and whether its document was unchanged."""
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
