"""The last step of an exchange: creates the connection in one commit, after the access token was stored."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared import trace
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.connection import BankConnection
from shared.domain.errors import AlreadyExists, Conflict, ProviderError
from shared.domain.history_move import HistoryMove
from shared.domain.item import ItemHeld
from shared.domain.overlap import LinkedAccount, relinked
from shared.domain.plaid_token import PlaidToken
from shared.domain.sync_state import SyncState
from shared.log import log
from shared.ports import Clock, Connections, Institutions, ItemFacts
from shared.usecases.item_ownership import ItemOwnership
from shared.usecases.linking.connection_cap import ConnectionCap, too_many_connections
from shared.usecases.linking.exchange_intent import ClaimedIntent, in_progress
from shared.usecases.linking.find_duplicate import Siblings, not_replaceable
from shared.usecases.mark_duplicates import settle_after_commit

MAX_TRIES = 10  # of the commit, against other calls of the same user
TRY_AGAIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateConnection:
    """Creates connections, or removes items that must not become connections."""

    connections: Connections
    institutions: Institutions
    ownership: ItemOwnership
    cap: ConnectionCap
    clock: Clock
    sleep: Callable[[float], None]

    def create(
        self,
        claimed: ClaimedIntent,
        token: PlaidToken,
        facts: ItemFacts,
        siblings: Siblings | None,
        *,
        allow_duplicate: bool,
        replaces: str | None = None,
    ) -> dict[str, Any]:
        """Creates the connection for a stored token, with everything that belongs to it, in one commit.

        If another connection to the institution was created since `siblings` were read, the commit is refused, and they
        are read again. If it replaces another connection, the move of that connection's notes begins with the commit.

        Returns:
            The answer to the exchange.

        Raises:
            AlreadyExists: Some of these accounts are connected already; the item is removed.
            InvalidArgument: The connection to be replaced has none of these accounts; the item is removed.
            ResourceExhausted: The user has as many connections as allowed; the item is removed.
            Unavailable: Another call of the user was faster each time, or the store did not answer.
        """
        for tried in range(MAX_TRIES):
            siblings = self._current_siblings(siblings, claimed.intent.app_user_id, facts.institution_id)
            self._refuse_wrong_replacement(claimed, token, facts, siblings, replaces)
            if not allow_duplicate:
                self._refuse_duplicate(claimed, token, facts, siblings, replaces)
            if self.cap.is_reached_by(siblings.owned.holdings.values()):
                claimed.write(claimed.intent.surplus(now=self.clock.now()))
                self.remove_item(claimed, token)
                raise too_many_connections()
            try:
                return self._commit(claimed, facts, siblings, replaces)
            except Conflict:
                siblings = None
                answer = claimed.reread().answer
                if answer is not None:  # the commit succeeded, and only the store's answer was lost
                    return answer
            self.sleep(TRY_AGAIN_SECONDS * (tried + 1))
        raise in_progress()

    def _current_siblings(self, known: Siblings | None, app_user_id: str, institution_id: str | None) -> Siblings:
        """The user's current connections, read again unless the commit itself verifies the known ones."""
        # If there were none, the commit's guard verifies that there still are none. Existing ones may have been
        # removed.
        if known is not None and not known.owned.holdings and known.institution_id == institution_id:
            return known
        return Siblings.read(app_user_id, institution_id, connections=self.connections)

    def _refuse_wrong_replacement(
        self, claimed: ClaimedIntent, token: PlaidToken, facts: ItemFacts, siblings: Siblings, replaces: str | None
    ) -> None:
        """If the connection was removed since the call began, there is nothing left to replace."""
        if replaces is None or replaces not in siblings.owned.holdings:
            return
        if not siblings.can_replace(tuple(map(LinkedAccount.of, facts.accounts)), replaces):
            claimed.write(claimed.intent.not_replaced(now=self.clock.now()))
            self.remove_item(claimed, token)
            raise not_replaceable()

    def _refuse_duplicate(
        self, claimed: ClaimedIntent, token: PlaidToken, facts: ItemFacts, siblings: Siblings, replaces: str | None
    ) -> None:
        try:
            siblings.refuse_overlap(tuple(map(LinkedAccount.of, facts.accounts)), replaces=replaces)
        except AlreadyExists as duplicate:
            # The answer is stored first: only the call that still owns the intent may remove its item.
            now = self.clock.now()
            claimed.write(claimed.intent.duplicate_of(duplicate.connection_id, accounts=duplicate.accounts, now=now))
            self.remove_item(claimed, token)
            raise

    def _commit(
        self, claimed: ClaimedIntent, facts: ItemFacts, siblings: Siblings, replaces: str | None
    ) -> dict[str, Any]:
        intent, now = claimed.intent, self.clock.now()
        assert intent.access_token is not None  # noqa: S101 (for the type checker: the caller stored it)
        move = _move(claimed, facts, siblings, replaces=replaces, now=now)
        source = move.from_connection_id if move is not None else None
        connection = BankConnection(
            connection_id=intent.connection_id,
            app_user_id=claimed.intent.app_user_id,
            institution_id=facts.institution_id,
            institution_name=facts.institution_name or self._known_name(facts.institution_id),
            item_id=facts.item_id,
            region=intent.access_token.region,
            account_ids=tuple(a["account_id"] for a in facts.accounts),
            consent_expiration_time=facts.consent_expiration_time,
            update_type=facts.update_type,
            auth_method=facts.auth_method,
            replaces=source,
            created_at=now,
            updated_at=now,
        )
        answer = connection.answer()
        owned = siblings.owned.with_connection(connection, facts.accounts)
        accounts = owned.accounts_of(connection.connection_id)
        self.connections.create(
            connection,
            token=intent.access_token,
            accounts=accounts,
            state=SyncState.new(
                connection_id=connection.connection_id,
                app_user_id=claimed.intent.app_user_id,
                account_ids=connection.account_ids,
                source=connection.institution_id,
                trace=trace.carried(),
                moves_history=move is not None,
                now=now,
            ),
            settles=(intent.connected(answer), claimed.version),
            audit=AuditEntry(
                app_user_id=claimed.intent.app_user_id,
                connection_id=connection.connection_id,
                action=AuditAction.CONNECTION_CREATED,
                actor=Actor.USER,
                details={"institution_id": connection.institution_id or "unknown"}
                | ({"replaces": source} if source is not None else {}),
                at=now,
            ),
            guards=siblings.guards,
            held=claimed.holder_version,
            marks=owned.marks(),
            move=move,
        )
        log.info("connection.created", connection_id=connection.connection_id, institution_id=connection.institution_id)
        if any(account["duplicate_of"] for account in accounts):
            settle_after_commit(claimed.intent.app_user_id, connections=self.connections)
        return answer

    def _known_name(self, institution_id: str | None) -> str | None:
        known = self.institutions.find(institution_id) if institution_id else None
        return known.name if known else None

    def remove_item(self, claimed: ClaimedIntent, token: PlaidToken) -> None:
        """Removes a new item that must not be connected; if that fails, its token stays in the intent for the sweep."""
        try:
            self.ownership.remove(token, claimed.holder())
        except ProviderError as error:
            log.warning("exchange.item_stays", item_id=claimed.intent.item_id, error_code=error.error_code)
            return
        except ItemHeld:
            log.info("exchange.item_in_use", connection_id=claimed.intent.duplicate, item_id=claimed.intent.item_id)
        else:
            self.ownership.release(claimed.holder())
        claimed.write(claimed.intent.removed())


def _move(
    claimed: ClaimedIntent, facts: ItemFacts, siblings: Siblings, *, replaces: str | None, now: datetime
) -> HistoryMove | None:
    """The move of notes to the new connection: from the one that its user chose, or else from its only dead one.

    If Plaid named no accounts, the move decides when it starts.
    """
    holdings = siblings.owned.holdings
    asked = replaces is not None and replaces in holdings
    source = (
        replaces
        if asked
        else relinked(siblings.institution_id, tuple(map(LinkedAccount.of, facts.accounts)), holdings.values())
    )
    may_follow = not facts.accounts and any(one.relinkable for one in holdings.values())
    if source is None and not may_follow:
        return None
    return HistoryMove.new(
        connection_id=claimed.intent.connection_id,
        from_connection_id=source,
        app_user_id=claimed.intent.app_user_id,
        asked=asked,
        now=now,
        trace=trace.carried(),
    )
