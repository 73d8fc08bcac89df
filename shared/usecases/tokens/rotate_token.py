"""Rotates an access token in two phases, so that an interrupted rotation is detected and resumed, or reported.

    token marked as rotating -> Plaid called -> the new token stored, the mark removed (store_rotated_token.py)

Only between Plaid's answer and the second store, which is one outside call, does a token exist that is not stored. If
the process dies there, the mark stays, and the next delivery checks at Plaid whether the stored token still works. If
it does, the rotation never happened, and starts again; if not, the token is lost, and the user has to link the bank
again.
"""

from dataclasses import dataclass, replace

from shared.domain.audit import Actor, AuditAction
from shared.domain.credentials import LOST, StoredAccessToken, unless_our_keys
from shared.domain.errors import Conflict, ErrorClass, ProviderError
from shared.domain.item import ItemHeld
from shared.domain.plaid_token import PlaidToken
from shared.domain.progress import ErrorSummary
from shared.domain.status import StatusEvent, token_was_lost
from shared.log import log
from shared.ports import Clock, Credentials, Plaid, PutCredentials, Syncs, Vault, Version
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.apply_status_event import StatusEvents, report
from shared.usecases.item_ownership import ItemOwnership
from shared.usecases.tokens.store_rotated_token import RotatedTokenStore, rotation_busy, rotation_entry

MAX_TRIES = 20  # of a compare-and-set against a run that commits a few times a second


@dataclass(frozen=True, slots=True)
class _Rotation:
    """A rotation whose mark is stored. `resumed`: an earlier delivery was interrupted."""

    begun: StoredAccessToken
    version: Version
    token: PlaidToken
    resumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRotation:
    """Rotates access tokens."""

    credentials: Credentials
    syncs: Syncs
    plaid: Plaid
    ownership: ItemOwnership
    vault: Vault
    rotated_tokens: RotatedTokenStore
    status_events: StatusEvents
    clock: Clock

    def __call__(self, connection_id: str) -> None:
        """Processes one delivery of a task: rotates the token if that is due, or resumes an interrupted rotation.

        Raises:
            ProviderError, VaultError: Plaid or the vault did not answer: deliver again.
            Unavailable: Another delivery is rotating the token, or the store or the connection is busy: deliver again.
        """
        with log.bound(connection_id=connection_id):
            rotation = retry_on_conflict(lambda: self._begin(connection_id), tries=MAX_TRIES, busy=rotation_busy())
            if rotation is None:
                return
            try:
                new = self.plaid.invalidate(rotation.token)
            except ProviderError as error:
                self._refused(rotation, error)
            else:
                self.rotated_tokens.store(rotation.begun, new, expected=rotation.version)

    def _begin(self, connection_id: str) -> _Rotation | None:
        """The first phase: marks the token as rotating; None if no rotation is due.

        Raises:
            Conflict: The credentials changed since they were read.
        """
        found = self.credentials.load(connection_id)
        if found is None or found[0].due_at is None:
            return None
        stored, version = found
        if stored.is_under_way(self.clock.now()):
            raise rotation_busy()
        interrupted = stored.rotating_since is not None
        token = self.vault.open(stored.token, app_user_id=stored.app_user_id, connection_id=connection_id)
        if interrupted and not self._works(token):
            self._lose(stored, version)
            return None
        try:
            self.ownership.claim(stored.holder())
        except ItemHeld:
            # Only this connection would get the new token, and the other connection's token would stop working.
            log.warning("rotation.item_in_use", item_id=stored.item_id)
            self.credentials.save(stored.deferred(now=self.clock.now()), expected=version)
            return None
        self.rotated_tokens.seal(stored, token)  # if the vault cannot seal, fail while the old token still works
        begun = stored.begun(now=self.clock.now())
        return _Rotation(begun, self.credentials.save(begun, expected=version), token, resumed=interrupted)

    def _is_lost(self, connection_id: str) -> bool:
        """Whether an earlier rotation lost the token. If the connection is being removed, its removal reports that."""
        connection = self.status_events.connections.find(connection_id)
        return connection is None or token_was_lost(connection)

    def _works(self, token: PlaidToken) -> bool:
        """Whether Plaid still knows the stored token, after a rotation was interrupted."""
        try:
            self.plaid.item(token)
        except ProviderError as error:
            if error.is_about_token:
                log.warning("rotation.token_unknown", error_code=error.error_code, request_id=error.request_id)
                return False
            if error.error_class not in (ErrorClass.USER, ErrorClass.TERMINAL):
                raise
        log.warning("rotation.again")
        return True

    def _refused(self, rotation: _Rotation, error: ProviderError) -> None:
        """Handles a refused rotation. If the old token may be invalid nevertheless, the mark stays until that is known.

        Raises:
            ProviderError: The mark stayed.
        """
        about = {"error_type": error.error_type, "error_code": error.error_code, "request_id": error.request_id}
        if error.may_have_happened or (rotation.resumed and error.is_about_token):
            log.warning("rotation.unanswered", **about)
            raise error
        is_lost = error.is_about_token and self._is_lost(rotation.begun.connection_id)
        if unless_our_keys(error, is_certain=is_lost).error_class is ErrorClass.TERMINAL:
            log.warning("rotation.given_up", **about)
            after = rotation.begun.given_up()
        else:
            # If Plaid does not know the token at the first try, the next sync decides: wrong API keys look the same.
            report = log.warning if error.error_class in (ErrorClass.TRANSIENT, ErrorClass.USER) else log.error
            report("rotation.refused", **about)
            after = rotation.begun.refused(now=self.clock.now())
        try:
            self.credentials.save(after, expected=rotation.version)
        except Conflict:
            log.info("rotation.not_released")  # being removed; or the sweep finds the mark after its grace period

    def _lose(self, stored: StoredAccessToken, version: Version) -> None:
        """Records that the stored token is invalid, and that the new one was lost with the process that received it.

        The stored token is kept: should Plaid accept it again, the next sync repairs the connection.

        Raises:
            Conflict: Another writer was faster: decide again.
        """
        log.error("rotation.token_lost", item_id=stored.item_id, since=stored.rotating_since)
        connection_id, after = stored.connection_id, stored.given_up()
        entry = rotation_entry(stored, AuditAction.TOKEN_LOST, now=self.clock.now())
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
