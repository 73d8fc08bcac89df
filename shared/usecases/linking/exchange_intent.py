"""Who is at the exchange of a public token: one call at a time, and never a call whose exchange was taken over.

A call takes the intent: new, or left by an attempt that gave up or died. While somebody else is at it, it waits a
little. Every write compares the version that was read, so that whoever was taken over finds out with the next one.
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
from shared.log import log
from shared.ports import Clock, Intents, Version

WAITS = (0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0)  # seconds: how long a second call waits for the first


def intent_id_of(public_token: str) -> str:
    """Names the exchange of a public token, without naming the token."""
    return hashlib.sha256(public_token.encode()).hexdigest()


def unknown_token() -> InvalidArgument:
    """What callers are told of a public token that nothing can come of."""
    return InvalidArgument("this public token is unknown, used or expired", code="public_token_invalid")


def in_progress() -> Unavailable:
    """What callers are told while another call is at their token."""
    return Unavailable("this token is being exchanged", code="exchange_in_progress", retry_after_seconds=2)


def take_intent(
    public_token: str, *, app_user_id: str, intents: Intents, clock: Clock, sleep: Callable[[float], None]
) -> "HeldIntent":
    """The intent of a public token: ours to go on with, or answered.

    Raises:
        InvalidArgument: It is somebody else's.
        Unavailable: Another call is at it, and did not end while this one waited.
    """
    fresh = Intent.new(
        intent_id=intent_id_of(public_token),
        app_user_id=app_user_id,
        connection_id=uuid.uuid4().hex,
        attempt=uuid.uuid4().hex,
        now=clock.now(),
    )
    intent, version, new = intents.begin(fresh)
    if new:
        return HeldIntent(intents, clock, intent, version, fresh.attempt, first=True)
    for wait in (*WAITS, None):
        if intent.app_user_id != app_user_id:
            raise unknown_token()
        held = HeldIntent(intents, clock, intent, version, fresh.attempt, first=False)
        if intent.answer is not None:
            return held
        if intent.is_free(clock.now()):
            held.write(intent.taken_over(attempt=fresh.attempt, now=clock.now()))
            return held
        if wait is None:
            break
        sleep(wait)
        found = intents.find(intent.intent_id)
        if found is not None:
            intent, version = found
            continue
        # Nothing came of the other call: as if it had never been.
        intent, version, new = intents.begin(fresh)
        if new:
            return HeldIntent(intents, clock, intent, version, fresh.attempt, first=True)
    raise in_progress()


@dataclass(slots=True)
class HeldIntent:
    """An intent as this call read or wrote it last.

    Attributes:
        first: No call before this one has begun the exchange.
        held: The version of the item's holder, if this call has made the intent the holder.
    """

    intents: Intents
    clock: Clock
    intent: Intent
    version: Version
    attempt: str
    first: bool
    held: Version | None = None

    def write(self, changed: Intent) -> None:
        """Moves it on.

        Raises:
            Unavailable: Another call has taken it over.
        """
        try:
            self.version = self.intents.update(changed, expected=self.version)
        except Conflict:
            raise in_progress() from None
        self.intent = changed

    def store_new_token(self, token: SealedToken, *, item_id: str) -> bool:
        """Stores what Plaid answered. A lost answer of the store is no failure, if it did store.

        Returns:
            Whether this call may go on; if not, it is stored all the same, and another call goes on with it.

        Raises:
            Unavailable: It was not stored, or nobody knows.
            Conflict: It cannot be stored here any more, or its item belongs to another connection.
        """
        try:
            self._store(self.intent, self.version, token, item_id)
        except (Conflict, BankError) as failure:
            found = self.intents.find(self.intent.intent_id)
            if found is None:
                raise
            there, version = found
            if isinstance(failure, Conflict) and version == self.version:
                raise  # the intent is unchanged, so it is the item that has another holder
            if there.item_id == item_id:
                self.intent, self.version = found
                return there.attempt == self.attempt and there.answer is None
            if there.answer is not None or there.connection_id != self.intent.connection_id:
                raise
            # Whoever has taken over can do nothing with the public token: this is the token it stood for.
            self._store(replace(there, attempt=self.attempt), version, token, item_id)
        return True

    def _store(self, intent: Intent, version: Version, token: SealedToken, item_id: str) -> None:
        stored = intent.exchanged(token, item_id=item_id)
        self.version, self.held = self.intents.store_token(
            stored, expected=version, holder=stored.holder(), held=self.held
        )
        self.intent = stored

    def holder(self, item_id: str | None = None) -> ItemHolder:
        """This exchange as the holder of the item whose token it has got."""
        return self.intent.holder(item_id)

    def reread(self) -> Intent:
        """As it is in the store now.

        Raises:
            Unavailable: Another call has taken it over.
        """
        found = self.intents.find(self.intent.intent_id)
        if found is None or found[0].attempt != self.attempt:
            raise in_progress()
        self.intent, self.version = found
        return self.intent

    def release(self) -> None:
        """Nobody is at it any more: the next call may go on at once."""
        try:
            self.write(self.intent.released())
        except Exception as error:  # noqa: BLE001 (it must not hide why the exchange failed)
            code = error.code if isinstance(error, BankError) else "internal"
            log.warning("exchange.not_released", connection_id=self.intent.connection_id, code=code)

    def drop(self) -> None:
        """Nothing was asked of Plaid, or refused. If an attempt before may have used the token, its trace stays."""
        if self.first:
            self.forget()
        else:
            self.release()

    def used_up(self) -> None:
        """Plaid does not take the public token. If an attempt before may have used it, the sweep need not wait."""
        if self.first:
            self.forget()
        else:
            self.write(self.intent.used_up(now=self.clock.now()))

    def forget(self) -> None:
        """There is no item at Plaid that anybody would have to look for.

        Raises:
            Unavailable: Another call has taken it over.
        """
        try:
            self.intents.forget(self.intent.intent_id, expected=self.version)
        except Conflict:
            raise in_progress() from None

    def forget_if_possible(self) -> None:
        """The same, where a failure is none of the caller's."""
        with suppress(BankError):
            self.forget()
