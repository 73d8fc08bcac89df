"""The second phase of a rotation: stores the new access token, which only this process knows yet.

As long as this process lives, it stores the new token, or removes the item at Plaid: no item is left whose token is
lost.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from shared.domain import grace_periods
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.connection import SealedToken
from shared.domain.credentials import StoredAccessToken
from shared.domain.errors import BankError, Conflict, ProviderError, Unavailable
from shared.domain.item import ItemHeld
from shared.domain.plaid_token import PlaidToken
from shared.log import log
from shared.ports import Clock, Credentials, Vault, Version
from shared.usecases.item_ownership import ItemOwnership

MIN_STORES = 3  # tries at least, even if the process was suspended for long
FIRST_WAIT, LONGEST_WAIT = 0.2, 20.0  # seconds between tries to store the new token


@dataclass(frozen=True, slots=True, kw_only=True)
class RotatedTokenStore:
    """Stores new access tokens of existing connections."""

    credentials: Credentials
    ownership: ItemOwnership
    vault: Vault
    clock: Clock
    sleep: Callable[[float], None]

    def seal(self, stored: StoredAccessToken, token: PlaidToken) -> SealedToken:
        """Seals a token as the successor of the stored one.

        Raises:
            VaultError: The vault cannot seal.
        """
        return self.vault.seal(
            token,
            app_user_id=stored.app_user_id,
            connection_id=stored.connection_id,
            generation=stored.token.generation + 1,
        )

    def store(self, begun: StoredAccessToken, new: PlaidToken, *, expected: Version) -> None:
        """Stores the new token, and retries until that succeeds or its time is up.

        Args:
            begun: The token that was replaced, as it was stored before Plaid was called.
            new: The new token from Plaid.
            expected: The version of `begun`.

        Raises:
            Unavailable: The token could not be stored. Its item was removed at Plaid, since it could not be removed
                later; if that failed, too, it was logged as an error.
        """
        sealed: SealedToken | None = None
        version: Version | None = expected
        wait, until = FIRST_WAIT, self.clock.now() + grace_periods.STORING_TOKEN
        for tries in count(1):
            try:
                sealed = sealed or self.seal(begun, new)
                self._save(begun, sealed, new, expected=version)
            except Conflict:
                pass
            except BankError as error:
                log.warning("rotation.not_stored", code=error.code)
            except Exception:  # noqa: BLE001 (retry after any error: only this process has the token)
                log.exception("rotation.not_stored")
            else:
                log.info("rotation.done")
                return
            if tries >= MIN_STORES and self.clock.now() > until:
                self._remove_item(begun, new)
                raise rotation_busy()
            version = None
            self.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    def _save(
        self, begun: StoredAccessToken, sealed: SealedToken, new: PlaidToken, *, expected: Version | None
    ) -> None:
        """Saves the new token; without an expected version, in the credentials or the tombstone that exists now.

        Raises:
            Conflict: The credentials changed.
        """
        if expected is None:
            found = self.credentials.load(begun.connection_id)
            if found is None:
                self._bury(begun, sealed, new)
                return
            if found[0].token == sealed:
                return  # an earlier try stored it, and only the answer was lost
            expected = found[1]
        entry = rotation_entry(begun, AuditAction.TOKEN_ROTATED, by=begun.wanted_by, now=self.clock.now())
        self.credentials.save(begun.replaced(sealed, now=self.clock.now()), expected=expected, audit=[entry])

    def _bury(self, begun: StoredAccessToken, sealed: SealedToken, new: PlaidToken) -> None:
        """Puts the token into the tombstone of a removed connection: only the new token can remove the item."""
        try:
            self.credentials.bury(begun.connection_id, sealed, now=self.clock.now())
        except Conflict:
            self._remove_item(begun, new)
        else:
            log.warning("rotation.buried")

    def _remove_item(self, begun: StoredAccessToken, new: PlaidToken) -> None:
        """The last resort: removes the item, but only if the store confirms that no other connection uses it."""
        try:
            self.ownership.remove(new, begun.holder())
        except ItemHeld:
            log.warning("rotation.item_in_use", item_id=begun.item_id)
        except ProviderError as error:
            about = {"error_code": error.error_code, "request_id": error.request_id}
            log.error("rotation.orphan", item_id=begun.item_id, **about)
        except Unavailable as error:
            log.error("rotation.orphan", item_id=begun.item_id, code=error.code)
        else:
            if self._is_removed(begun):
                self.ownership.release_if_possible(begun.holder())
            log.error("rotation.item_removed", item_id=begun.item_id)

    def _is_removed(self, begun: StoredAccessToken) -> bool:
        """Whether the connection's removal is complete, so that nothing else releases the item."""
        try:
            return self.credentials.load(begun.connection_id) is None
        except Unavailable:
            return False


def rotation_entry(
    stored: StoredAccessToken, action: AuditAction, *, now: datetime, by: Actor | None = None
) -> AuditEntry:
    """The audit entry of a rotation that succeeded, or whose token was lost."""
    return AuditEntry(
        app_user_id=stored.app_user_id,
        connection_id=stored.connection_id,
        action=action,
        actor=by or Actor.BACKEND,
        details={"item_id": stored.item_id},
        at=now,
    )


def rotation_busy() -> Unavailable:
    """The error while a rotation is in progress, or cannot be completed now."""
    return Unavailable("the access token is being replaced", code="connection_busy", retry_after_seconds=30)
