"""Removes what a connection left behind: our data, then its item at Plaid, then the tombstone.

Every step may be the last one before the process dies, and every one may come twice: the next delivery of the task,
or the schedule, finds the tombstone and goes on.
"""

from dataclasses import dataclass
from datetime import timedelta

from shared.domain.credentials import may_be_our_keys, unless_our_keys
from shared.domain.errors import Conflict, ErrorClass, ProviderError, ServiceError, Unavailable, VaultError
from shared.domain.item import ItemHeld
from shared.domain.removal import TRIES_IN_A_ROW, Removal, RemovalOutcome
from shared.log import log
from shared.ports import Clock, ConnectionData, Erasures, Removals, Tasks, Vault, Version
from shared.usecases.enqueue import enqueue_erasure
from shared.usecases.item_ownership import ItemOwnership

MAX_TRIES = 20  # of a compare-and-set against the schedule, a rotation, and other audit entries of the user


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRemover:
    """Goes on with removals, wherever they broke off."""

    removals: Removals
    connection_data: ConnectionData
    erasures: Erasures
    tasks: Tasks
    ownership: ItemOwnership
    vault: Vault
    clock: Clock

    def __call__(self, connection_id: str) -> None:
        """Goes on with one removal, to its end if Plaid answers.

        Raises:
            ProviderError: Plaid did not answer, a first time: deliver again in seconds. Later it is the schedule's.
            Unavailable: The store did not answer, or the removal is busy: deliver again.
        """
        parted: dict[str, RemovalOutcome] = {}
        with log.bound(connection_id=connection_id):
            for _ in range(MAX_TRIES):
                found = self.removals.find(connection_id)
                if found is None:
                    return
                try:
                    self._go_on(*found, parted)
                except Conflict:
                    continue
                return
        raise Unavailable("the removal is busy", code="connection_busy", retry_after_seconds=1)

    def _go_on(self, removal: Removal, version: Version, parted: dict[str, RemovalOutcome]) -> None:
        """All that is left to do; `parted` remembers by which tokens an item was removed already."""
        removal, version = self.removals.take_credentials(removal, expected=version)
        if not removal.purged:
            self.connection_data.purge(removal)
            removal = removal.emptied()
            version = self.removals.update(removal, expected=version)
            log.info("removal.purged", reason=removal.reason)
        key = removal.access_token.ciphertext if removal.access_token else ""
        if key not in parted:
            parting = self._part_in_time(removal, version)
            if parting is None:
                return
            parted[key] = parting
        entry = removal.finished(parted[key], now=self.clock.now())
        self.removals.finish(removal, expected=version, audit=entry)
        log.info("removal.done", reason=removal.reason, item=parted[key])
        if self.erasures.find(removal.app_user_id) is not None:
            enqueue_erasure(self.tasks, removal.app_user_id, turn=removal.connection_id)  # it may be the last one

    def _part_in_time(self, removal: Removal, version: Version) -> RemovalOutcome | None:
        """Removes the item at Plaid; None if that, or whether it is done, is for later."""
        now = self.clock.now()
        try:
            parting = self._part(removal)
        except VaultError as error:
            self._postpone(removal, version, error)
            return None
        except ProviderError as error:
            if not may_be_our_keys(error):
                self._postpone(removal, version, error)
                return None
            # Done with at once, and wrong keys would leave each item with no token at all.
            removal, parting = removal.doubted(now=now), RemovalOutcome.UNKNOWN
            if not removal.is_lost(now):
                self._postpone(removal, version, unless_our_keys(error))
                return None
            doubted = True
        else:
            doubted = removal.token_settles_at is not None
        if parting is RemovalOutcome.UNKNOWN and removal.is_unsettled(now):
            self.removals.update(removal.waiting(), expected=version)
            return None
        if parting is RemovalOutcome.UNKNOWN and doubted:
            log.error("removal.token_lost", item_id=removal.item_id)
            return RemovalOutcome.LOST
        return parting

    def _part(self, removal: Removal) -> RemovalOutcome:
        """Removes the item at Plaid.

        Raises:
            ProviderError: It is still there, for all we know.
            Unavailable: Whose it is cannot be told now.
        """
        if removal.access_token is None:
            return RemovalOutcome.NO_TOKEN
        token = self.vault.open(
            removal.access_token, app_user_id=removal.app_user_id, connection_id=removal.connection_id
        )
        try:
            return RemovalOutcome.REMOVED if self.ownership.remove(token, removal.holder()) else RemovalOutcome.UNKNOWN
        except ItemHeld as elsewhere:
            if elsewhere.holder.intent_id is not None:  # an exchange, which gives it back or becomes a connection
                raise Unavailable("the item is busy", code="connection_busy", retry_after_seconds=1) from None
            log.warning("removal.item_in_use", item_id=removal.item_id)
            return RemovalOutcome.IN_USE

    def _postpone(self, removal: Removal, version: Version, error: ServiceError) -> None:
        """The item stays for now: in seconds the first times, then with growing delays; it is never given up."""
        report = log.error if error.error_class is ErrorClass.CONFIGURATION else log.warning
        report("removal.postponed", error_code=error.error_code, request_id=error.request_id, attempts=removal.attempts)
        at_least = timedelta(seconds=error.retry_after_seconds or 0)
        later = removal.postponed(now=self.clock.now(), at_least=at_least)
        self.removals.update(later, expected=version)
        if error.error_class is ErrorClass.TRANSIENT and later.attempts < TRIES_IN_A_ROW:
            raise error
