"""Ownership of the exchange of a public token: one call at a time, and never a call whose intent was taken over.

A call claims the intent: a new one, or one that an earlier call released or left behind when it died. While another
call owns the intent, this call waits a little. Every write compares the version that was read, so the next write of a
call that lost its intent fails.
"""

import hashlib
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from shared.domain.connection import SealedToken
from shared.domain.errors import BankError, Conflict, InvalidArgument, Unavailable
from shared.domain.exchange import Intent
from shared.domain.item import ItemHolder
from shared.domain.region import Region
from shared.log import log
from shared.ports import Clock, Intents, Version

WAITS = (0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0)  # seconds: how long a second call waits for the first


def intent_id_of(public_token: str) -> str:
    """The id of the exchange of a public token, from which the token cannot be derived."""
    return hashlib.sha256(public_token.encode()).hexdigest()


def unknown_token() -> InvalidArgument:
    """The error for a public token that can never become a connection."""
    return InvalidArgument("this public token is unknown, used or expired", code="public_token_invalid")


def in_progress() -> Unavailable:
    """The error while another call owns the exchange of the token."""
    return Unavailable("this token is being exchanged", code="exchange_in_progress", retry_after_seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimIntent:
    """Claims the exchange of a public token for one call."""

    intents: Intents
    clock: Clock
    sleep: Callable[[float], None]

    def __call__(
        self, public_token: str, *, app_user_id: str, region: Region, named: Region | None = None
    ) -> "ClaimedIntent":
        """Claims the intent of a public token: it is either owned by this call, or answered already.

        Args:
            public_token: The public token.
            app_user_id: The user who calls.
            region: The token's key pair, as far as this call can tell.
            named: The key pair of the session that the call names. Without one, the pair of the first call stays.

        Raises:
            InvalidArgument: The intent belongs to another user.
            Unavailable: Another call owns the intent, and did not end while this one waited.
        """
        fresh = Intent.new(
            intent_id=intent_id_of(public_token),
            app_user_id=app_user_id,
            connection_id=uuid.uuid4().hex,
            attempt=uuid.uuid4().hex,
            region=region,
            now=self.clock.now(),
        )
        intent, version, new = self.intents.begin(fresh)
        if new:
            return ClaimedIntent(self.intents, self.clock, intent, version, fresh.attempt, first=True)
        for wait in (*WAITS, None):
            if intent.app_user_id != app_user_id:
                raise unknown_token()
            claimed = ClaimedIntent(self.intents, self.clock, intent, version, fresh.attempt, first=False)
            if intent.answer is not None:
                return claimed
            if intent.is_free(self.clock.now()):
                claimed.write(intent.taken_over(attempt=fresh.attempt, named=named, now=self.clock.now()))
                return claimed
            if wait is None:
                break
            self.sleep(wait)
            found = self.intents.find(intent.intent_id)
            if found is not None:
                intent, version = found
                continue
            # The other call failed and deleted its intent: this call is the first again.
            intent, version, new = self.intents.begin(fresh)
            if new:
                return ClaimedIntent(self.intents, self.clock, intent, version, fresh.attempt, first=True)
        raise in_progress()


@dataclass(slots=True)
class ClaimedIntent:
    """An intent as this call last read or wrote it.

    Attributes:
        first: Whether no earlier call began the exchange.
        holder_version: The version of the item's holder, if this call made the intent the holder.
    """

    intents: Intents
    clock: Clock
    intent: Intent
    version: Version
    attempt: str
    first: bool
    holder_version: Version | None = None

    def write(self, changed: Intent) -> None:
        """Stores the next state of the intent.

        Raises:
            Unavailable: Another call has taken the intent over.
        """
        try:
            self.version = self.intents.update(changed, expected=self.version)
        except Conflict:
            raise in_progress() from None
        self.intent = changed

    def store_new_token(self, token: SealedToken, *, item_id: str) -> bool:
        """Stores the token that Plaid returned. If only the store's answer is lost, that is no failure.

        Returns:
            Whether this call may continue; if not, the token is stored, and another call continues with it.

        Raises:
            Unavailable: The token was not stored, or that is unknown.
            Conflict: The token cannot be stored in this intent any more, or its item belongs to another connection.
        """
        try:
            self._store(self.intent, self.version, token, item_id)
        except (Conflict, BankError) as failure:
            found = self.intents.find(self.intent.intent_id)
            if found is None:
                raise
            current, version = found
            if isinstance(failure, Conflict) and version == self.version:
                raise  # the intent is unchanged, so the item has another holder
            if current.item_id == item_id:
                self.intent, self.version = found
                return current.attempt == self.attempt and current.answer is None
            if current.answer is not None or current.connection_id != self.intent.connection_id:
                raise
            # The call that took over cannot use the public token: it was exchanged for this access token already.
            self._store(replace(current, attempt=self.attempt), version, token, item_id)
        return True

    def _store(self, intent: Intent, version: Version, token: SealedToken, item_id: str) -> None:
        stored = intent.exchanged(token, item_id=item_id)
        self.version, self.holder_version = self.intents.store_token(
            stored, expected=version, holder=stored.holder(), held=self.holder_version
        )
        self.intent = stored

    def holder(self, item_id: str | None = None) -> ItemHolder:
        """This exchange as the holder of the item whose token it received."""
        return self.intent.holder(item_id)

    def reread(self) -> Intent:
        """Reads the intent again.

        Raises:
            Unavailable: Another call has taken the intent over.
        """
        found = self.intents.find(self.intent.intent_id)
        if found is None or found[0].attempt != self.attempt:
            raise in_progress()
        self.intent, self.version = found
        return self.intent

    def release(self) -> None:
        """Releases the intent, so that the next call can continue at once."""
        try:
            self.write(self.intent.released())
        except Exception as error:  # noqa: BLE001 (it must not mask the reason why the exchange failed)
            code = error.code if isinstance(error, BankError) else "internal"
            log.warning("exchange.not_released", connection_id=self.intent.connection_id, code=code)

    def drop(self) -> None:
        """Gives up an exchange that Plaid did not do; the intent stays if an earlier call may have used the token."""
        if self.first:
            self.forget()
        else:
            self.release()

    def used_up(self) -> None:
        """Handles a public token that Plaid refuses. If an earlier attempt may have used it, the sweep acts at once."""
        if self.first:
            self.forget()
        else:
            self.write(self.intent.used_up(now=self.clock.now()))

    def forget(self) -> None:
        """Deletes the intent, because there is no item to remove at Plaid.

        Raises:
            Unavailable: Another call has taken the intent over.
        """
        try:
            self.intents.forget(self.intent.intent_id, expected=self.version)
        except Conflict:
            self._forget_erased()
            raise in_progress() from None

    def _forget_erased(self) -> None:
        """Deletes the intent if an erasure waits for this call's end: it would otherwise be reported as lost."""
        found = self.intents.find(self.intent.intent_id)
        if found is not None and found[0].is_erased and found[0].attempt == self.attempt:
            with suppress(Conflict):
                self.intents.forget(self.intent.intent_id, expected=found[1])

    def forget_if_possible(self) -> None:
        """Deletes the intent; after a failure the sweep handles it."""
        with suppress(BankError):
            self.forget()
