"""Exchanges a public token for a connection, exactly once, without ever losing an access token.

    intent stored -> exchange at Plaid -> sealed token stored in the intent -> everything else -> one commit

A token can be lost only between Plaid's answer and the first store, which is one outside call. If that call fails and
the process survives, the token is stored by a retry, or the item is removed (`store_new_token`). If the process dies,
the intent remains, and the sweep finds it. A retried request finds the intent: answered (it gets the first answer),
owned by another call (it waits a little), or interrupted (it resumes with the sealed token).
"""

import re
from dataclasses import dataclass, field
from typing import Any

from shared.domain.errors import AlreadyExists, ErrorKind, NotStorable, PermissionDenied, ProviderError
from shared.domain.exchange import ANSWER_KEPT
from shared.domain.item import ItemHeld
from shared.domain.overlap import LinkedAccount
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import Region
from shared.log import log
from shared.ports import Clock, Connections, ItemFacts, Plaid, Vault
from shared.usecases.item_ownership import ItemOwnership
from shared.usecases.linking.choose_region import ChooseRegion
from shared.usecases.linking.connection_cap import ConnectionCap, too_many_connections
from shared.usecases.linking.create_connection import CreateConnection
from shared.usecases.linking.exchange_intent import ClaimedIntent, ClaimIntent, unknown_token
from shared.usecases.linking.existing_connection import ExistingConnection
from shared.usecases.linking.find_duplicate import (
    Siblings,
    already_connected,
    not_replaceable,
    refuse_unknown_replacement,
)
from shared.usecases.linking.may_connect import MayConnect
from shared.usecases.linking.store_new_token import StoreNewToken

# A server in front of Plaid could refuse any other text, which would look like a token that may have been used.
PUBLIC_TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,512}")


@dataclass(frozen=True, slots=True)
class LinkedItem:
    """An item as the app sends it after Link."""

    public_token: str = field(repr=False)
    institution_id: str | None = None
    accounts: tuple[LinkedAccount, ...] = ()
    allow_duplicate: bool = False
    replaces: str | None = None
    link_token: str | None = field(default=None, repr=False)
    region: Region | None = None  # the key pair of the session, if its link token is known


@dataclass(frozen=True, slots=True)
class Exchanged:
    """The answer to an exchange; `first` is False if the connection existed before."""

    answer: dict[str, Any]
    first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangePublicToken:
    """Exchanges public tokens."""

    choose_region: ChooseRegion
    plaid: Plaid
    vault: Vault
    connections: Connections
    cap: ConnectionCap
    claim_intent: ClaimIntent
    may_connect: MayConnect
    ownership: ItemOwnership
    store_new_token: StoreNewToken
    create_connection: CreateConnection
    existing_connection: ExistingConnection
    clock: Clock

    def __call__(self, linked: LinkedItem, *, app_user_id: str, refused: PermissionDenied | None = None) -> Exchanged:
        """Creates the connection, or returns the existing one that this public token created, or that has the item.

        Args:
            linked: What Link returned.
            app_user_id: The user who linked it.
            refused: Why this user may not create connections; None if the user may.

        Raises:
            AlreadyExists: The same accounts are connected already; nothing was added.
            ResourceExhausted: The user has as many connections as allowed; nothing was added.
            InvalidArgument: Plaid does not know the token (any more), or the token or its item belongs to another user,
                or the connection to be replaced has none of the accounts, or the key pair is unknown without a link
                token.
            NotFound: The connection to be replaced does not exist, or is not the user's.
            FailedPrecondition: The item belongs to a connection that cannot be repaired.
            PermissionDenied: This user may not create connections, and has none to this item.
            Unavailable: The same token is being exchanged right now, or an outside service is down: try again.
            ServiceError: Plaid refused, or the vault did not answer.
        """
        if not PUBLIC_TOKEN.fullmatch(linked.public_token):
            raise unknown_token()
        region = linked.region or self.choose_region(linked.public_token, app_user_id=app_user_id)
        claimed = self.claim_intent(linked.public_token, app_user_id=app_user_id, region=region, named=linked.region)
        if claimed.intent.answer is not None:
            return self._answered_before(claimed)
        try:
            return self._made(claimed, linked, refused)
        except ItemHeld as held:
            return Exchanged(answer=self.existing_connection.resolve(claimed, held.holder), first=False)

    def _made(self, claimed: ClaimedIntent, linked: LinkedItem, refused: PermissionDenied | None) -> Exchanged:
        self.may_connect.refuse_before_exchange(refused, claimed)
        resumed = claimed.intent.access_token is not None
        siblings = None if resumed else self._siblings(claimed, linked)
        token = None if resumed else self._exchanged(claimed, linked)
        try:
            token = token or self._opened(claimed)
            claimed.holder_version = self.ownership.claim(claimed.holder(), held=claimed.holder_version)
            self.may_connect.refuse_new_item(refused, claimed, token)
            facts = self._facts(token, claimed, resumed=resumed, needs_accounts=linked.replaces is not None)
            answer = self.create_connection.create(
                claimed,
                token,
                facts,
                siblings,
                allow_duplicate=linked.allow_duplicate,
                replaces=linked.replaces,
            )
        except (ItemHeld, PermissionDenied):
            raise
        except Exception:  # the token is stored: release the intent, so that the client can retry at once
            if claimed.intent.answer is None:
                claimed.release()
            raise
        return Exchanged(answer=answer, first=True)

    def _siblings(self, claimed: ClaimedIntent, linked: LinkedItem) -> Siblings | None:
        """The user's other connections, if Link's metadata names the institution and the accounts.

        Refuses every exchange that can be refused without a call to Plaid.

        Raises:
            AlreadyExists: One of these connections has some of the accounts.
            NotFound: The connection to be replaced does not exist, or is not the user's.
            InvalidArgument: The connection to be replaced has none of the accounts.
            ResourceExhausted: The user has as many connections as allowed, and the item is probably new.
        """
        siblings, app_user_id = None, claimed.intent.app_user_id
        try:
            if linked.replaces is not None:
                refuse_unknown_replacement(self.connections.find(linked.replaces), app_user_id)
            # If an earlier call may have used the token, only Plaid can tell which item it was for.
            if claimed.first and linked.accounts and linked.institution_id is not None:
                siblings = self._siblings_at(linked.institution_id, app_user_id)
            if siblings is not None:
                if siblings.have_item_of(linked.accounts):
                    return siblings
                if linked.replaces is not None:
                    siblings.refuse_hinted_replacement(linked.accounts, linked.replaces)
                if not linked.allow_duplicate:
                    self._refuse_overlap(siblings, linked, app_user_id)
            known = siblings.owned.holdings.values() if siblings else None
            self.cap.refuse_exchange(app_user_id, known=known)
        except Exception:  # Plaid was not called: the intent must not look like a lost token
            claimed.drop()
            raise
        return siblings

    def _refuse_overlap(self, siblings: Siblings, linked: LinkedItem, app_user_id: str) -> None:
        """Refuses accounts that are connected already, unless this is update mode: then the exchange decides.

        Update mode can give an item only accounts that are new to it, but that another connection of the user has.
        """
        try:
            siblings.refuse_overlap(linked.accounts, replaces=linked.replaces)
        except AlreadyExists:
            if not self._may_be_update_mode(linked, app_user_id):
                raise

    def _may_be_update_mode(self, linked: LinkedItem, app_user_id: str) -> bool:
        """Whether Link may have run for an existing item: its link token tells, or else metadata without account ids.

        An exchange uses the public token up, so that a duplicate cannot be connected anyway, or replace a connection.
        """
        if linked.link_token is not None:
            return self.cap.is_for_update_mode(linked.link_token)
        return any(one.account_id is None for one in linked.accounts) and self.cap.may_be_updating(app_user_id)

    def _siblings_at(self, institution_id: str, app_user_id: str) -> Siblings | None:
        """The connections at an institution; None if the store refuses the id: the exchange then compares accounts."""
        try:
            return Siblings.read(app_user_id, institution_id, connections=self.connections)
        except NotStorable:
            return None

    def _exchanged(self, claimed: ClaimedIntent, linked: LinkedItem) -> PlaidToken:
        """Exchanges the token at Plaid. A token can only be lost here: between Plaid's answer and the first store."""
        try:
            # Prepared before the exchange, so that no outside call comes between the exchange and the store.
            seal = self.vault.sealer(app_user_id=claimed.intent.app_user_id, connection_id=claimed.intent.connection_id)
        except Exception:  # Plaid was not called
            claimed.drop()
            raise
        try:
            item = self.plaid.exchange(PlaidToken(linked.public_token, claimed.intent.region))
        except ProviderError as error:
            if error.kind is ErrorKind.PUBLIC_TOKEN_INVALID:
                claimed.used_up()
                raise unknown_token() from error
            if _refused(error):
                claimed.drop()
            else:
                claimed.release()
            raise
        except Exception:  # Plaid may have used the token
            claimed.release()
            raise
        self.store_new_token(item, claimed=claimed, seal=seal)
        return item.access_token

    def _opened(self, claimed: ClaimedIntent) -> PlaidToken:
        sealed = claimed.intent.access_token
        assert sealed is not None  # noqa: S101 (for the type checker: callers checked it)
        return self.vault.open(
            sealed, app_user_id=claimed.intent.app_user_id, connection_id=claimed.intent.connection_id
        )

    def _facts(self, token: PlaidToken, claimed: ClaimedIntent, *, resumed: bool, needs_accounts: bool) -> ItemFacts:
        """What Plaid reports about the new item; if Plaid does not answer, the set-up adds the missing facts.

        Raises:
            InvalidArgument: The item is gone.
            ProviderError: Plaid did not answer, and an earlier attempt may have removed the item, or its accounts
                decide whether it can replace another connection.
        """
        for ask in (self.plaid.accounts,) if needs_accounts else (self.plaid.accounts, self.plaid.item):
            try:
                return ask(token)
            except ProviderError as error:
                if error.kind is ErrorKind.ITEM_GONE:
                    raise unknown_token() from error
                log.warning("exchange.facts_unavailable", error_code=error.error_code, request_id=error.request_id)
                unavailable = error
        if resumed or needs_accounts:
            raise unavailable
        return ItemFacts(
            item_id=claimed.intent.item_id or "",
            institution_id=None,
            institution_name=None,
            webhook_url=None,
            consent_expiration_time=None,
        )

    def _answered_before(self, claimed: ClaimedIntent) -> Exchanged:
        """Repeats the answer to an exchange that was answered before."""
        intent = claimed.intent
        if intent.is_surplus and self.clock.now() - intent.created_at < ANSWER_KEPT:
            raise too_many_connections()
        if intent.failed_to_replace and self.clock.now() - intent.created_at < ANSWER_KEPT:
            raise not_replaceable()
        if intent.came_to_nothing or self.clock.now() - intent.created_at >= ANSWER_KEPT:
            raise unknown_token()
        if intent.belongs_to_existing_connection:
            return Exchanged(answer=self.existing_connection.answer(claimed), first=False)
        if intent.duplicate is None:
            return Exchanged(answer=intent.answer or {}, first=False)
        if intent.access_token is not None:
            self.create_connection.remove_item(claimed, self._opened(claimed))
        raise already_connected(intent.duplicate, intent.duplicate_accounts)


def _refused(error: ProviderError) -> bool:
    """Whether Plaid certainly did not use the public token: it answered, and not with an internal error."""
    return error.request_id is not None and not error.may_have_happened
