"""Link succeeded: its public token becomes a connection, exactly once, and no access token is ever lost.

    intent stored -> exchange at Plaid -> sealed token stored in the intent -> everything else -> one commit

Only between Plaid's answer and the first store does a token exist that nobody could find again: one outside call.
A failure that the process survives there stores the token after all, or removes the item again (`store_new_token`); a
process that dies there leaves the intent, which the sweep finds. A retried request finds the intent: done (the first
answer), under way (it waits a little), or broken off (it goes on from the sealed token).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shared import trace
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.connection import BankConnection
from shared.domain.errors import AlreadyExists, Conflict, ErrorKind, NotStorable, PermissionDenied, ProviderError
from shared.domain.exchange import ANSWER_KEPT
from shared.domain.item import ItemHeld
from shared.domain.overlap import LinkedAccount
from shared.domain.secret import Secret
from shared.domain.sync_state import SyncState
from shared.log import log
from shared.ports import Clock, Connections, Institutions, Intents, ItemFacts, Plaid, Vault
from shared.usecases.item_ownership import ItemOwnership
from shared.usecases.linking.connection_cap import ConnectionCap, too_many_connections
from shared.usecases.linking.exchange_intent import HeldIntent, in_progress, take_intent, unknown_token
from shared.usecases.linking.existing_connection import ExistingConnection
from shared.usecases.linking.find_duplicate import Siblings, already_connected
from shared.usecases.linking.may_connect import refuse_before_exchange, refuse_new_item
from shared.usecases.linking.store_new_token import store_new_token
from shared.usecases.mark_duplicates import settle_after_commit

MAX_TRIES = 10  # of the last commit, against others of the same user
TRY_AGAIN_SECONDS = 0.1
# Anything else could be refused by a server in front of Plaid, and would look like a token that may have been used.
PUBLIC_TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,512}")


@dataclass(frozen=True, slots=True)
class LinkedItem:
    """What the app hands over after Link."""

    public_token: str = field(repr=False)
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
    """Exchanges public tokens for one user; `elsewhere` answers where another connection has the item already."""

    app_user_id: str
    plaid: Plaid
    vault: Vault
    connections: Connections
    intents: Intents
    ownership: ItemOwnership
    elsewhere: ExistingConnection
    institutions: Institutions
    cap: ConnectionCap
    clock: Clock
    sleep: Callable[[float], None]
    refused: PermissionDenied | None = None  # why this user may not make connections

    def __call__(self, linked: LinkedItem) -> Exchanged:
        """Makes the connection, or finds the one this public token made already, or that has the item already.

        Raises:
            AlreadyExists: The same accounts are connected already; nothing was added.
            ResourceExhausted: The user has as many connections as allowed; nothing was added.
            InvalidArgument: Plaid does not know the token (any more), or the token or its item is another user's.
            FailedPrecondition: The item belongs to a connection that cannot be repaired.
            PermissionDenied: This user may not make connections, and has none to this item.
            Unavailable: The same token is being exchanged right now, or something outside is down: try again.
            ProviderError: Plaid refused.
        """
        if not PUBLIC_TOKEN.fullmatch(linked.public_token):
            raise unknown_token()
        held = take_intent(
            linked.public_token,
            app_user_id=self.app_user_id,
            intents=self.intents,
            clock=self.clock,
            sleep=self.sleep,
        )
        if held.intent.answer is not None:
            return self._answered_before(held)
        try:
            return self._made(held, linked)
        except ItemHeld as elsewhere:
            return Exchanged(answer=self.elsewhere(held, elsewhere.holder), first=False)

    def _made(self, held: HeldIntent, linked: LinkedItem) -> Exchanged:
        refuse_before_exchange(self.refused, held, connections=self.connections)
        resumed = held.intent.access_token is not None
        siblings = None if resumed else self._siblings(held, linked)
        token = None if resumed else self._exchanged(held, linked)
        try:
            token = token or self._opened(held)
            held.held = self.ownership.claim(held.holder(), held=held.held)
            refuse_new_item(self.refused, held, token, ownership=self.ownership)
            facts = self._facts(token, held, resumed=resumed)
            return self._connected(held, token, facts, linked, siblings)
        except (ItemHeld, PermissionDenied):
            raise
        except Exception:  # whatever fails from the stored token on, the same call can be sent again at once
            if held.intent.answer is None:
                held.release()
            raise

    def _siblings(self, held: HeldIntent, linked: LinkedItem) -> Siblings | None:
        """The user's other connections, if Link says where and what; refuses what needs no call to Plaid to be refused.

        Raises:
            AlreadyExists: One of them has some of these accounts.
            ResourceExhausted: The user has as many as allowed, and nothing says that the item is one of theirs.
        """
        siblings = None
        try:
            # A token that may be used already: only Plaid can tell what came of it.
            if held.first and linked.accounts and linked.institution_id is not None:
                siblings = self._siblings_at(linked.institution_id)
            if siblings is not None:
                if siblings.have_item_of(linked.accounts):
                    return siblings
                if not linked.allow_duplicate and not self._may_be_update_mode(linked):
                    siblings.refuse_overlap(linked.accounts)
            known = siblings.owned.holdings.values() if siblings else None
            self.cap.refuse_exchange(self.app_user_id, known=known)
        except Exception:  # Plaid has not been called: nothing may be left that looks like a lost token
            held.drop()
            raise
        return siblings

    def _may_be_update_mode(self, linked: LinkedItem) -> bool:
        """Whether hints without account ids may be of an item that the user has: then the exchange decides."""
        return any(one.account_id is None for one in linked.accounts) and self.cap.may_be_updating(self.app_user_id)

    def _siblings_at(self, institution_id: str) -> Siblings | None:
        """None where the store refuses the hint: then the accounts are compared after the exchange."""
        try:
            return Siblings.of(self.app_user_id, institution_id, connections=self.connections)
        except NotStorable:
            return None

    def _exchanged(self, held: HeldIntent, linked: LinkedItem) -> Secret:
        """The one window: from Plaid's answer to the first store."""
        try:
            # Made ready before: between the two calls there is no third.
            seal = self.vault.sealer(app_user_id=self.app_user_id, connection_id=held.intent.connection_id)
        except Exception:  # as above
            held.drop()
            raise
        try:
            item = self.plaid.exchange(linked.public_token)
        except ProviderError as error:
            if error.kind is ErrorKind.PUBLIC_TOKEN_INVALID:
                held.used_up()
                raise unknown_token() from error
            if _refused(error):
                held.drop()
            else:
                held.release()
            raise
        except Exception:  # Plaid may have used the token
            held.release()
            raise
        store_new_token(item, held=held, seal=seal, ownership=self.ownership, sleep=self.sleep)
        return item.access_token

    def _opened(self, held: HeldIntent) -> Secret:
        sealed = held.intent.access_token
        assert sealed is not None  # noqa: S101 (for the type checker: callers have looked)
        return self.vault.open(sealed, app_user_id=self.app_user_id, connection_id=held.intent.connection_id)

    def _facts(self, token: Secret, held: HeldIntent, *, resumed: bool) -> ItemFacts:
        """What Plaid says about the new item; if it does not answer at once, what is missing is filled in soon.

        Raises:
            InvalidArgument: The item is gone.
            ProviderError: It may be gone (an attempt before this one may have removed it), and Plaid does not say.
        """
        for ask in (self.plaid.accounts, self.plaid.item):
            try:
                return ask(token)
            except ProviderError as error:
                if error.kind is ErrorKind.ITEM_GONE:
                    raise unknown_token() from error
                log.warning("exchange.facts_unavailable", error_code=error.error_code, request_id=error.request_id)
                unavailable = error
        if resumed:
            raise unavailable
        return ItemFacts(
            item_id=held.intent.item_id or "",
            institution_id=None,
            institution_name=None,
            webhook_url=None,
            consent_expiration_time=None,
        )

    def _connected(
        self, held: HeldIntent, token: Secret, facts: ItemFacts, linked: LinkedItem, siblings: Siblings | None
    ) -> Exchanged:
        """The token is safe: writes everything in one commit.

        The commit is refused if another connection to the institution was made since `siblings` were read; then they
        are read again.
        """
        for tried in range(MAX_TRIES):
            # Where there were none, the guard says whether there still are none; those that there were may be gone.
            if siblings is None or siblings.owned.holdings or siblings.institution_id != facts.institution_id:
                siblings = Siblings.of(self.app_user_id, facts.institution_id, connections=self.connections)
            try:
                if not linked.allow_duplicate:
                    siblings.refuse_overlap(tuple(map(LinkedAccount.of, facts.accounts)))
            except AlreadyExists as duplicate:
                # Answered first: only whoever still holds the intent may remove its item.
                now = self.clock.now()
                held.write(held.intent.duplicate_of(duplicate.connection_id, accounts=duplicate.accounts, now=now))
                self._remove_item(held, token)
                raise
            if self.cap.is_reached_by(siblings.owned.holdings.values()):
                held.write(held.intent.surplus(now=self.clock.now()))
                self._remove_item(held, token)
                raise too_many_connections()
            try:
                return self._create(held, facts, siblings)
            except Conflict:
                siblings = None
                if (answer := held.reread().answer) is not None:  # it was written, and only the answer was lost
                    return Exchanged(answer=answer, first=True)
            self.sleep(TRY_AGAIN_SECONDS * (tried + 1))
        raise in_progress()

    def _create(self, held: HeldIntent, facts: ItemFacts, siblings: Siblings) -> Exchanged:
        intent, now = held.intent, self.clock.now()
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
        answer = connection.answer()
        assert intent.access_token is not None  # noqa: S101 (the type checker's: it was stored before we came here)
        owned = siblings.owned.with_connection(connection, facts.accounts)
        accounts = owned.accounts_of(connection.connection_id)
        self.connections.create(
            connection,
            token=intent.access_token,
            accounts=accounts,
            state=SyncState.new(
                connection_id=connection.connection_id,
                app_user_id=self.app_user_id,
                account_ids=connection.account_ids,
                source=connection.institution_id,
                trace=trace.carried(),
                now=now,
            ),
            settles=(intent.connected(answer), held.version),
            audit=AuditEntry(
                app_user_id=self.app_user_id,
                connection_id=connection.connection_id,
                action=AuditAction.CONNECTION_CREATED,
                actor=Actor.USER,
                details={"institution_id": connection.institution_id or "unknown"},
                at=now,
            ),
            guards=siblings.guards,
            held=held.held,
            marks=owned.marks(),
        )
        log.info("connection.created", connection_id=connection.connection_id, institution_id=connection.institution_id)
        if any(account["duplicate_of"] for account in accounts):
            settle_after_commit(self.app_user_id, connections=self.connections)
        return Exchanged(answer=answer, first=True)

    def _known_name(self, institution_id: str | None) -> str | None:
        known = self.institutions.find(institution_id) if institution_id else None
        return known.name if known else None

    def _answered_before(self, held: HeldIntent) -> Exchanged:
        """The answer that was given before."""
        intent = held.intent
        if intent.is_surplus and self.clock.now() - intent.created_at < ANSWER_KEPT:
            raise too_many_connections()
        if intent.came_to_nothing or self.clock.now() - intent.created_at >= ANSWER_KEPT:
            raise unknown_token()
        if intent.is_held_elsewhere:
            return Exchanged(answer=self.elsewhere.answer(held), first=False)
        if intent.duplicate is None:
            return Exchanged(answer=intent.answer or {}, first=False)
        if intent.access_token is not None:
            self._remove_item(held, self._opened(held))
        raise already_connected(intent.duplicate, intent.duplicate_accounts)

    def _remove_item(self, held: HeldIntent, token: Secret) -> None:
        """Removes a new item that is not to be connected; until then its token stays with the intent for the sweep."""
        try:
            self.ownership.remove(token, held.holder())
        except ProviderError as error:
            log.warning("exchange.item_stays", item_id=held.intent.item_id, error_code=error.error_code)
            return
        except ItemHeld:
            log.info("exchange.item_in_use", connection_id=held.intent.duplicate, item_id=held.intent.item_id)
        else:
            self.ownership.release(held.holder())
        held.write(held.intent.removed())


def _refused(error: ProviderError) -> bool:
    """Whether Plaid has certainly not used the public token: it answered, and not with a breakdown of its own."""
    return error.request_id is not None and not error.may_have_happened
