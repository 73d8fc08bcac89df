"""Link succeeded: its public token becomes a connection, exactly once, and no access token is ever lost.

    intent stored -> exchange at Plaid -> sealed token stored in the intent -> everything else -> one commit

Only between Plaid's answer and the first store does a token exist that nobody could find again: one outside call.
A failure that the process survives there removes the item again; a process that dies there leaves the intent. A
retried request finds the intent: done (the first answer), under way (it waits a little), or broken off (it goes on
from the sealed token).
"""

import hashlib
import uuid
from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from shared.domain.account import same_accounts
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import AlreadyExists, BankError, Conflict, InvalidArgument, ProviderError, Unavailable
from shared.domain.exchange import Intent
from shared.domain.secret import Secret
from shared.domain.sync_state import SyncState
from shared.log import log
from shared.ports import Bank, Clock, Connections, Institutions, Intents, ItemFacts, NewItem, Vault, Version

ANSWER_KEPT = timedelta(hours=24)
BROKEN_OFF_AFTER = timedelta(seconds=150)  # longer than the function may run
MAX_TRIES = 10  # of the last commit, against others of the same user to the same bank
WAITS = (0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0)  # seconds: how long a second call waits for the first


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """An account as Link's metadata names it: good for finding duplicates, never stored."""

    name: str
    mask: str | None


@dataclass(frozen=True, slots=True)
class LinkedItem:
    """What the app hands over after Link."""

    public_token: str
    institution_id: str | None = None
    accounts: tuple[LinkedAccount, ...] = ()
    allow_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Exchanged:
    """The answer; `first` is False where it was given before."""

    answer: dict[str, Any]
    first: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """Exchanges public tokens for one user."""

    app_user_id: str
    bank: Bank
    vault: Vault
    connections: Connections
    intents: Intents
    institutions: Institutions
    clock: Clock
    sleep: Callable[[float], None]

    def __call__(self, linked: LinkedItem) -> Exchanged:
        """Makes the connection, or finds the one this public token made already.

        Raises:
            AlreadyExists: The same accounts are connected already; nothing was added.
            InvalidArgument: Plaid does not know the token (any more), or it is somebody else's.
            Unavailable: The same token is being exchanged right now, or something outside is down: try again.
            ProviderError: Plaid refused.
        """
        intent, version, new = self._take_intent(linked.public_token)
        if intent.answer is not None:
            return self._settled(intent, version)
        if intent.access_token is None:
            try:
                named = [(a.name, a.mask) for a in linked.accounts]
                self._refuse_duplicate(intent, linked, linked.institution_id, named)
            except AlreadyExists:
                self._drop(intent, version, first=new)
                raise
            intent, version, token = self._exchange(intent, version, linked.public_token, first=new)
            return self._connected(intent, version, token, linked)
        return self._connected(intent, version, None, linked)

    def _connected(self, intent: Intent, version: Version, token: Secret | None, linked: LinkedItem) -> Exchanged:
        """From the stored token on; what fails can be tried again at once."""
        try:
            return self._connect(intent, version, token or self._opened(intent), linked)
        except BankError as error:
            if not isinstance(error, AlreadyExists):
                self._release(intent, version)
            raise

    def _opened(self, intent: Intent) -> Secret:
        assert intent.access_token is not None  # noqa: S101 (for the type checker: callers have looked)
        return self.vault.open(intent.access_token, app_user_id=self.app_user_id, connection_id=intent.connection_id)

    def _take_intent(self, public_token: str) -> tuple[Intent, Version, bool]:
        """Ours to work on, or answered already; and whether nobody has worked on it before."""
        now = self.clock.now()
        fresh = Intent(
            intent_id=hashlib.sha256(public_token.encode()).hexdigest(),
            app_user_id=self.app_user_id,
            connection_id=uuid.uuid4().hex,
            created_at=now,
            attempt=uuid.uuid4().hex,
        )
        intent, version, new = self.intents.begin(fresh)
        if new:
            return intent, version, True
        for wait in (*WAITS, None):
            if intent.app_user_id != self.app_user_id:
                raise _unknown_token()
            age = self.clock.now() - intent.created_at
            if intent.answer is not None and age < ANSWER_KEPT:
                return intent, version, False
            if not intent.attempt or age > BROKEN_OFF_AFTER:
                return *self._take_over(intent, version, fresh), False
            if wait is None:
                break
            self.sleep(wait)
            found = self.intents.find(intent.intent_id)
            if found is None:
                return self._take_intent(public_token)
            intent, version = found
        raise _in_progress()

    def _take_over(self, intent: Intent, version: Version, fresh: Intent) -> tuple[Intent, Version]:
        """Goes on where an earlier attempt broke off."""
        mine = replace(intent, attempt=fresh.attempt, created_at=fresh.created_at, answer=None)
        try:
            return mine, self.intents.update(mine, expected=version)
        except Conflict:
            raise _in_progress() from None

    def _exchange(
        self, intent: Intent, version: Version, public_token: str, *, first: bool
    ) -> tuple[Intent, Version, Secret]:
        """The one window: from Plaid's answer to the first store."""
        try:
            item = self.bank.exchange(public_token)
        except ProviderError as error:
            if error.error_code == "INVALID_PUBLIC_TOKEN":
                self._drop(intent, version, first=first)
                raise _unknown_token() from error
            self._release(intent, version)
            raise
        try:
            sealed = self.vault.seal(
                item.access_token, app_user_id=self.app_user_id, connection_id=intent.connection_id
            )
            stored = replace(intent, access_token=sealed, item_id=item.item_id)
            return stored, self.intents.update(stored, expected=version), item.access_token
        except Exception as error:
            if (landed := self._landed(intent)) is not None:
                return *landed, item.access_token
            self._undo(item)
            if isinstance(error, BankError):
                raise
            if isinstance(error, Conflict):
                raise _in_progress() from None
            raise

    def _landed(self, intent: Intent) -> tuple[Intent, Version] | None:
        """The intent with our token in it, if it was stored and only the answer was lost."""
        try:
            found = self.intents.find(intent.intent_id)
        except BankError:
            return None
        stored = found is not None and found[0].attempt == intent.attempt and found[0].access_token is not None
        return found if stored else None

    def _undo(self, item: NewItem) -> None:
        try:
            self.bank.remove(item.access_token)
        except ProviderError as error:
            log.error("exchange.orphan", item_id=item.item_id, error_code=error.error_code, request_id=error.request_id)

    def _connect(self, intent: Intent, version: Version, token: Secret, linked: LinkedItem) -> Exchanged:
        """The token is safe: learn what can be learnt at once, and write everything in one commit.

        The commit is refused if another connection to the institution was made since the duplicates were looked for;
        then they are looked for again.
        """
        facts = self._facts(token, intent)
        for _ in range(MAX_TRIES):
            guard = self._guard(facts.institution_id)
            persistent = {a["persistent_account_id"] for a in facts.accounts if a["persistent_account_id"]}
            try:
                named = [(a["name"], a["mask"]) for a in facts.accounts]
                self._refuse_duplicate(intent, linked, facts.institution_id, named, persistent)
            except AlreadyExists as duplicate:
                # Settled first: only whoever still holds the intent may remove its item.
                settled = replace(intent, answer={"duplicate_of": duplicate.connection_id})
                version = self._update(settled, version)
                self._remove_duplicate(settled, version, token)
                raise
            try:
                return self._create(intent, version, facts, guard)
            except Conflict:
                found = self.intents.find(intent.intent_id)
                if found is None or found[0].attempt != intent.attempt:
                    raise _in_progress() from None
                if found[0].answer is not None:  # it was written, and only the answer was lost
                    return Exchanged(answer=found[0].answer, first=True)
        raise _in_progress()

    def _guard(self, institution_id: str | None) -> Version | None:
        if institution_id is None:
            return None
        return self.connections.guard(self.app_user_id, institution_id=institution_id)

    def _create(self, intent: Intent, version: Version, facts: ItemFacts, guard: Version | None) -> Exchanged:
        now = self.clock.now()
        connection = BankConnection(
            connection_id=intent.connection_id,
            app_user_id=self.app_user_id,
            institution_id=facts.institution_id,
            institution_name=facts.institution_name or self._known_name(facts.institution_id),
            item_id=facts.item_id,
            account_ids=tuple(a["account_id"] for a in facts.accounts),
            consent_expiration_time=facts.consent_expiration_time,
            created_at=now,
            updated_at=now,
        )
        answer = connection.model_dump(
            mode="json", include={"connection_id", "institution_id", "institution_name", "status", "account_ids"}
        )
        assert intent.access_token is not None  # noqa: S101 (the type checker's: it was stored before we came here)
        self.connections.create(
            connection,
            token=intent.access_token,
            accounts=facts.accounts,
            state=SyncState.new(
                connection_id=connection.connection_id,
                app_user_id=self.app_user_id,
                account_ids=connection.account_ids,
                now=now,
            ),
            settles=(replace(intent, access_token=None, answer=answer), version),
            audit=AuditEntry(
                app_user_id=self.app_user_id,
                connection_id=connection.connection_id,
                action=AuditAction.CONNECTION_CREATED,
                actor=Actor.USER,
                details={"institution_id": connection.institution_id or "unknown"},
                at=now,
            ),
            guard=guard,
        )
        log.info("connection.created", connection_id=connection.connection_id, institution_id=connection.institution_id)
        return Exchanged(answer=answer, first=True)

    def _facts(self, token: Secret, intent: Intent) -> ItemFacts:
        """What Plaid says about the new item; if it does not answer at once, what is missing is filled in soon.

        Raises:
            InvalidArgument: The item is gone: an earlier attempt removed it when it could not be stored.
        """
        for ask in (self.bank.accounts, self.bank.item):
            try:
                return ask(token)
            except ProviderError as error:
                if error.error_code == "ITEM_NOT_FOUND":
                    raise _unknown_token() from error
                log.warning("exchange.facts_unavailable", error_code=error.error_code, request_id=error.request_id)
        return ItemFacts(
            item_id=intent.item_id or "",
            institution_id=None,
            institution_name=None,
            webhook_url=None,
            consent_expiration_time=None,
        )

    def _known_name(self, institution_id: str | None) -> str | None:
        known = self.institutions.find(institution_id) if institution_id else None
        return known.name if known else None

    def _settled(self, intent: Intent, version: Version) -> Exchanged:
        """The answer that was given before."""
        answer = intent.answer or {}
        if "duplicate_of" not in answer:
            return Exchanged(answer=answer, first=False)
        if intent.access_token is not None:
            self._remove_duplicate(intent, version, self._opened(intent))
        raise _duplicate(answer["duplicate_of"])

    def _remove_duplicate(self, intent: Intent, version: Version, token: Secret) -> None:
        """Removes the second item; until Plaid has done so, its token stays with the intent."""
        try:
            self.bank.remove(token)
        except ProviderError as error:
            log.warning("exchange.duplicate_stays", item_id=intent.item_id, error_code=error.error_code)
            return
        self._update(replace(intent, access_token=None), version)

    def _drop(self, intent: Intent, version: Version, *, first: bool) -> None:
        """Nothing comes of it. If an attempt before may have used the token and died, its trace stays."""
        if not first:
            self._release(intent, version)
            return
        try:
            self.intents.forget(intent.intent_id, expected=version)
        except Conflict:
            raise _in_progress() from None

    def _update(self, intent: Intent, version: Version) -> Version:
        try:
            return self.intents.update(intent, expected=version)
        except Conflict:
            raise _in_progress() from None

    def _refuse_duplicate(
        self,
        intent: Intent,
        linked: LinkedItem,
        institution_id: str | None,
        accounts: list[tuple[str, str | None]],
        persistent_ids: Set[str] = frozenset(),
    ) -> None:
        """Refuses what is connected already. A connection that cannot be used any more does not stand in the way.

        Raises:
            AlreadyExists: With the existing connection's id.
        """
        if linked.allow_duplicate or institution_id is None or not accounts:
            return
        for connection in self.connections.of_user(self.app_user_id, institution_id=institution_id):
            if connection.status is ItemStatus.ERROR or connection.connection_id == intent.connection_id:
                continue
            known = self.connections.accounts_of(connection.connection_id)
            same = same_accounts(accounts, [(a["name"], a["mask"]) for a in known])
            if same or persistent_ids & {a["persistent_account_id"] for a in known if a["persistent_account_id"]}:
                raise _duplicate(connection.connection_id)

    def _release(self, intent: Intent, version: Version) -> None:
        """Nobody works on it any more: the next call may go on at once."""
        try:
            self.intents.update(replace(intent, attempt=""), expected=version)
        except Conflict:
            log.warning("exchange.taken_over", connection_id=intent.connection_id)


def _duplicate(connection_id: str | None) -> AlreadyExists:
    return AlreadyExists(
        "these accounts are connected already", code="duplicate_connection", connection_id=connection_id
    )


def _unknown_token() -> InvalidArgument:
    return InvalidArgument("this public token is unknown, used or expired", code="public_token_invalid")


def _in_progress() -> Unavailable:
    return Unavailable("this token is being exchanged", code="exchange_in_progress", retry_after_seconds=2)
