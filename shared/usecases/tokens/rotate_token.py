"""An access token is replaced by a new one, in two phases, so that a crash anywhere leaves one that works.

    token marked as being replaced -> Plaid called -> the new token stored, the mark taken away

Only between Plaid's answer and the second store does a token exist that nobody could find again: one outside call. A
process that dies there leaves the mark, and whoever finds it asks Plaid whether the stored token works still: if so,
the replacement never happened, and begins again; if not, the token is lost, and the user has to link anew.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count

from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.connection import Action, ItemStatus, SealedToken
from shared.domain.credentials import LOST_CODE, STORING_TAKES, StoredAccessToken
from shared.domain.errors import BankError, Conflict, ErrorClass, ProviderError, Unavailable
from shared.domain.item import ItemHeld
from shared.domain.progress import ErrorSummary
from shared.domain.secret import Secret
from shared.domain.status import StatusEvent
from shared.log import log
from shared.ports import Clock, Credentials, Plaid, PutCredentials, Syncs, Vault, Version
from shared.usecases.apply_status_event import StatusEvents, report
from shared.usecases.item_ownership import ItemOwnership

MAX_TRIES = 20  # of a compare-and-set against a run that commits a few times a second
MIN_STORES = 3  # tries, of a process that was asleep for long
FIRST_WAIT, LONGEST_WAIT = 0.2, 20.0  # seconds, between two tries of storing the new token


@dataclass(frozen=True, slots=True)
class _Mark:
    """A replacement that was begun. `again`: another was broken off before it."""

    kept: StoredAccessToken
    version: Version
    token: Secret
    again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRotation:
    """Replaces access tokens."""

    credentials: Credentials
    syncs: Syncs
    plaid: Plaid
    ownership: ItemOwnership
    vault: Vault
    status_events: StatusEvents
    clock: Clock
    sleep: Callable[[float], None]

    def __call__(self, connection_id: str) -> None:
        """One delivery of a task: replaces the token, if that is wanted; goes on where another broke off.

        Raises:
            ProviderError: Plaid did not answer, or the vault: deliver again.
            Unavailable: Another delivery is at it, or the store or the connection is busy: deliver again.
        """
        with log.bound(connection_id=connection_id):
            mark = self._mark(connection_id)
            if mark is None:
                return
            try:
                new = self.plaid.invalidate(mark.token)
            except ProviderError as error:
                self._refused(mark, error)
            else:
                self._keep(mark, new)

    def _mark(self, connection_id: str) -> _Mark | None:
        """The first phase; None if nothing is to be done."""
        for _ in range(MAX_TRIES):
            found = self.credentials.load(connection_id)
            if found is None or found[0].due_at is None:
                return None
            kept, version = found
            if kept.is_under_way(self.clock.now()):
                raise _busy()
            broken_off = kept.rotating_since is not None
            token = self._opened(kept)
            try:
                if broken_off and not self._works(token):
                    self._lose(kept, version)
                    return None
                try:
                    self.ownership.claim(kept.holder())
                except ItemHeld:
                    # The new token would be this connection's alone, and the other one's would be dead.
                    log.warning("rotation.item_in_use", item_id=kept.item_id)
                    self.credentials.save(kept.deferred(now=self.clock.now()), expected=version)
                    return None
                self._seal(kept, token)  # a vault that cannot seal is found out while the old token lives
                begun = kept.begun(now=self.clock.now())
                return _Mark(begun, self.credentials.save(begun, expected=version), token, again=broken_off)
            except Conflict:
                continue
        raise _busy()

    def _works(self, token: Secret) -> bool:
        """Whether Plaid knows the stored token still, after a replacement was broken off."""
        try:
            self.plaid.item(token)
        except ProviderError as error:
            if error.is_about_token:
                log.warning("rotation.token_unknown", error_code=error.error_code, request_id=error.request_id)
                return False
            if error.fault not in (ErrorClass.USER, ErrorClass.TERMINAL):
                raise
        log.warning("rotation.again")
        return True

    def _refused(self, mark: _Mark, error: ProviderError) -> None:
        """No new token. Where the old one may be dead all the same, the mark stays, until that can be told.

        Raises:
            ProviderError: It stayed.
        """
        about = {"error_type": error.error_type, "error_code": error.error_code, "request_id": error.request_id}
        if error.may_have_happened or (mark.again and error.is_about_token):
            log.warning("rotation.unanswered", **about)
            raise error
        if error.fault is ErrorClass.TERMINAL and not error.may_be_our_keys:
            log.warning("rotation.given_up", **about)
            after = mark.kept.given_up()
        else:
            # An unknown token at the first try is the sync's to judge: wrong keys of ours look just like it.
            (log.warning if error.fault is ErrorClass.TRANSIENT else log.error)("rotation.refused", **about)
            after = mark.kept.refused(now=self.clock.now())
        try:
            self.credentials.save(after, expected=mark.version)
        except Conflict:
            log.info("rotation.not_released")  # being removed; or the mark is found when it is old enough

    def _keep(self, mark: _Mark, new: Secret) -> None:
        """The second phase: as long as this process lives, the new token is not given up.

        Raises:
            Unavailable: It could be stored nowhere. Its item was removed at Plaid, so that none is left that nobody
                can remove; if that failed, too, it was reported.
        """
        sealed: SealedToken | None = None
        expected: Version | None = mark.version
        wait, until = FIRST_WAIT, self.clock.now() + STORING_TAKES
        for tries in count(1):
            try:
                sealed = sealed or self._seal(mark.kept, new)
                self._store(mark.kept, sealed, new, expected=expected)
            except Conflict:
                pass
            except BankError as error:
                log.warning("rotation.not_stored", code=error.code)
            except Exception:  # noqa: BLE001 (whatever it is: nobody else has this token)
                log.exception("rotation.not_stored")
            else:
                log.info("rotation.done")
                return
            if tries >= MIN_STORES and self.clock.now() > until:
                self._drop(mark.kept, new)
                raise _busy()
            expected = None
            self.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    def _store(self, kept: StoredAccessToken, sealed: SealedToken, new: Secret, *, expected: Version | None) -> None:
        """Stores the new token; where nothing is expected, wherever it belongs by now.

        Raises:
            Conflict: The credentials changed.
        """
        if expected is None:
            found = self.credentials.load(kept.connection_id)
            if found is None:
                self._bury(kept, sealed, new)
                return
            if found[0].token == sealed:
                return  # it was stored, and only the answer was lost
            expected = found[1]
        entry = self._entry(kept, AuditAction.TOKEN_ROTATED, by=kept.wanted_by)
        self.credentials.save(kept.replaced(sealed, now=self.clock.now()), expected=expected, audit=[entry])

    def _bury(self, kept: StoredAccessToken, sealed: SealedToken, new: Secret) -> None:
        """The connection is being removed, or was: its item is to go with the new token, since the old one is dead."""
        try:
            self.credentials.bury(kept.connection_id, sealed, now=self.clock.now())
        except Conflict:
            self._drop(kept, new)
        else:
            log.warning("rotation.buried")

    def _drop(self, kept: StoredAccessToken, new: Secret) -> None:
        """The last resort; an item of which the store does not say that it is nobody else's stays."""
        try:
            self.ownership.remove(new, kept.holder())
        except ItemHeld:
            log.warning("rotation.item_in_use", item_id=kept.item_id)
        except ProviderError as error:
            about = {"error_code": error.error_code, "request_id": error.request_id}
            log.error("rotation.orphan", item_id=kept.item_id, **about)
        except Unavailable as error:
            log.error("rotation.orphan", item_id=kept.item_id, code=error.code)
        else:
            if self._is_gone(kept):
                self.ownership.release_if_possible(kept.holder())
            log.error("rotation.item_removed", item_id=kept.item_id)

    def _is_gone(self, kept: StoredAccessToken) -> bool:
        """Whether the connection's removal is over, so that nothing else releases the item."""
        try:
            return self.credentials.load(kept.connection_id) is None
        except Unavailable:
            return False

    def _lose(self, kept: StoredAccessToken, version: Version) -> None:
        """The stored token is dead, and the new one went down with the process that had it.

        What is stored stays: should Plaid take it again after all, the next sync heals the connection.

        Raises:
            Conflict: Something changed: look again.
        """
        log.error("rotation.token_lost", item_id=kept.item_id, since=kept.rotating_since)
        connection_id, after = kept.connection_id, kept.given_up()
        entry = self._entry(kept, AuditAction.TOKEN_LOST)
        loaded = self.syncs.load(connection_id)
        change = self.status_events.apply(connection_id, StatusEvent.UNUSABLE, actor=Actor.BACKEND, error=LOST)
        if loaded is None or change is None:  # it is being removed
            self.credentials.save(after, expected=version, audit=[entry])
            return
        change = replace(change, audit=(entry, *change.audit))
        writes = (*change.writes(), PutCredentials(after, version))
        state = loaded.state.halt(now=self.clock.now(), error=ErrorSummary.of(LOST))
        self.syncs.save(state, expected=loaded.version, writes=writes)
        report(writes)

    def _entry(self, kept: StoredAccessToken, action: AuditAction, *, by: Actor | None = None) -> AuditEntry:
        return AuditEntry(
            app_user_id=kept.app_user_id,
            connection_id=kept.connection_id,
            action=action,
            actor=by or Actor.BACKEND,
            details={"item_id": kept.item_id},
            at=self.clock.now(),
        )

    def _opened(self, kept: StoredAccessToken) -> Secret:
        return self.vault.open(kept.token, app_user_id=kept.app_user_id, connection_id=kept.connection_id)

    def _seal(self, kept: StoredAccessToken, token: Secret) -> SealedToken:
        return self.vault.seal(
            token,
            app_user_id=kept.app_user_id,
            connection_id=kept.connection_id,
            generation=kept.token.generation + 1,
        )


LOST = ProviderError(
    "this connection cannot be used any more: link the bank again",
    fault=ErrorClass.TERMINAL,
    error_type="BACKEND",
    error_code=LOST_CODE,
    item_status=ItemStatus.ERROR,
    action=Action.RELINK,
)


def _busy() -> Unavailable:
    return Unavailable("the access token is being replaced", code="connection_busy", retry_after_seconds=30)
