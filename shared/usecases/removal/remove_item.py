"""Completes the removal of a connection: deletes its data, then its item at Plaid, then the tombstone.

Every step is idempotent. If the process dies after any of them, the next delivery of the task, or the scheduler, finds
the tombstone and resumes the removal.
"""

from dataclasses import dataclass
from datetime import timedelta

from shared.domain.credentials import may_be_our_keys, unless_our_keys
from shared.domain.errors import ErrorClass, ProviderError, ServiceError, Unavailable, VaultError
from shared.domain.item import ItemHeld
from shared.domain.removal import TRIES_IN_A_ROW, Removal, RemovalOutcome
from shared.log import log
from shared.ports import Clock, ConnectionData, Erasures, Removals, Tasks, Vault, Version
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.enqueue import enqueue_erasure
from shared.usecases.item_ownership import ItemOwnership

MAX_TRIES = 20  # of a compare-and-set against the scheduler, a rotation, and other audit entries of the user


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRemover:
    """Completes removals of connections."""

    removals: Removals
    connection_data: ConnectionData
    erasures: Erasures
    tasks: Tasks
    ownership: ItemOwnership
    vault: Vault
    clock: Clock

    def resume(self, connection_id: str) -> None:
        """Resumes one removal, and completes it if Plaid answers.

        Raises:
            ServiceError: Plaid or the vault did not answer, and few tries have failed: deliver again in seconds. Later,
                the scheduler retries.
            Unavailable: The store did not answer, or the removal is busy: deliver again.
        """
        outcomes: dict[str, RemovalOutcome] = {}
        tried: list[Removal] = []
        busy = Unavailable("the removal is busy", code="connection_busy", retry_after_seconds=1)
        with log.bound(connection_id=connection_id):
            retry_on_conflict(lambda: self._advance(connection_id, outcomes, tried), tries=MAX_TRIES, busy=busy)

    def _advance(self, connection_id: str, outcomes: dict[str, RemovalOutcome], tried: list[Removal]) -> None:
        """Runs all steps that are left. `outcomes` holds, by sealed token, the removals that succeeded already.

        `tried` holds the removals for which this delivery has become the holder of the item.

        Raises:
            Conflict: Another writer was faster.
        """
        found = self.removals.find(connection_id)
        if found is None:
            for removal in tried:  # another delivery was faster, and its last commit may have come before our claim
                self.ownership.release_if_possible(removal.holder())
            return
        removal, version = self.removals.take_credentials(found[0], expected=found[1])
        if not removal.purged:
            self.connection_data.purge(removal)
            removal = removal.emptied()
            version = self.removals.update(removal, expected=version)
            log.info("removal.purged", reason=removal.reason)
        key = removal.access_token.ciphertext if removal.access_token else ""
        if key not in outcomes:
            tried.append(removal)
            outcome = self._try_to_remove(removal, version)
            if outcome is None:
                return
            outcomes[key] = outcome
        entry = removal.finished(outcomes[key], now=self.clock.now())
        self.removals.finish(removal, expected=version, audit=entry)
        log.info("removal.done", reason=removal.reason, item=outcomes[key])
        if self.erasures.find(removal.app_user_id) is not None:
            # This may have been the last removal that the erasure waits for.
            enqueue_erasure(self.tasks, removal.app_user_id, turn=removal.connection_id)

    def _try_to_remove(self, removal: Removal, version: Version) -> RemovalOutcome | None:
        """Removes the item at Plaid; None if the removal was postponed, or its outcome is not known yet."""
        now = self.clock.now()
        try:
            outcome = self._remove(removal)
        except VaultError as error:
            self._postpone(removal, version, error)
            return None
        except ProviderError as error:
            if not may_be_our_keys(error):
                self._postpone(removal, version, error)
                return None
            # If this counted as removed at once, wrong API keys would leave every item at Plaid, without a token.
            removal, outcome = removal.doubted(now=now), RemovalOutcome.UNKNOWN
            if not removal.is_lost(now):
                self._postpone(removal, version, unless_our_keys(error))
                return None
            doubted = True
        else:
            doubted = removal.token_settles_at is not None
        if outcome is RemovalOutcome.UNKNOWN and removal.is_unsettled(now):
            self.removals.update(removal.waiting(), expected=version)
            return None
        if outcome is RemovalOutcome.UNKNOWN and doubted:
            log.error("removal.token_lost", item_id=removal.item_id)
            return RemovalOutcome.LOST
        return outcome

    def _remove(self, removal: Removal) -> RemovalOutcome:
        """Removes the item at Plaid.

        Raises:
            ProviderError: The item may still exist.
            VaultError: The token cannot be opened now.
            Unavailable: It is unknown now whether another connection uses the item.
        """
        if removal.access_token is None:
            return RemovalOutcome.NO_TOKEN
        token = self.vault.open(
            removal.access_token, app_user_id=removal.app_user_id, connection_id=removal.connection_id
        )
        try:
            return RemovalOutcome.REMOVED if self.ownership.remove(token, removal.holder()) else RemovalOutcome.UNKNOWN
        except ItemHeld as elsewhere:
            if elsewhere.holder.intent_id is not None:  # an exchange, which will remove the item or become a connection
                raise Unavailable("the item is busy", code="connection_busy", retry_after_seconds=1) from None
            log.warning("removal.item_in_use", item_id=removal.item_id)
            return RemovalOutcome.IN_USE

    def _postpone(self, removal: Removal, version: Version, error: ServiceError) -> None:
        """Postpones the item's removal: a few retries within seconds, then with growing delays, without an end."""
        report = log.error if error.error_class is ErrorClass.CONFIGURATION else log.warning
        report("removal.postponed", error_code=error.error_code, request_id=error.request_id, attempts=removal.attempts)
        at_least = timedelta(seconds=error.retry_after_seconds or 0)
        later = removal.postponed(now=self.clock.now(), at_least=at_least)
        self.removals.update(later, expected=version)
        if error.error_class is ErrorClass.TRANSIENT and later.attempts < TRIES_IN_A_ROW:
            raise error
