"""Reads an item at Plaid, and commits the resulting status of its connection; see status_decisions.py."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from shared import trace
from shared.domain import status
from shared.domain.audit import Actor
from shared.domain.bank_contact import is_banks_fault
from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.credentials import may_be_our_keys, unless_our_keys
from shared.domain.errors import ErrorClass, ProviderError, ServiceError
from shared.domain.plaid_token import PlaidToken
from shared.domain.progress import ErrorSummary, SyncStatus
from shared.domain.status import StatusEvent
from shared.domain.sync_state import SyncState
from shared.domain.webhook import Webhook
from shared.log import log
from shared.ports import Connections, Credentials, ItemFacts, Plaid, SettleDelivery, SyncQueue, Syncs, Tasks, Vault
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.apply_status_event import StatusChange, StatusEvents, report
from shared.usecases.enqueue import enqueue, enqueue_judgement, enqueue_removal
from shared.usecases.items.status_decisions import (
    UNCLEAR,
    StatusDecision,
    from_daily_check,
    from_update_mode,
    from_webhook,
    missed_webhook,
    with_metadata,
)
from shared.usecases.linking.follow_institution import institution_change, report_change
from shared.usecases.mark_duplicates import settle_after_commit
from shared.usecases.tokens.call_with_token import AccessTokens

MAX_TRIES = 20  # of a compare-and-set against a run that commits a few times a second


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStatusRefresh:
    """Reads an item at Plaid, and commits the decision with a compare-and-set on the sync state.

    The item is read after the state, and the decision is committed only if the state has not changed since. So of two
    concurrent checks, the one with the older answer starts again.
    """

    connections: Connections
    credentials: Credentials
    syncs: Syncs
    plaid: Plaid
    vault: Vault
    queue: SyncQueue
    tasks: Tasks
    status_events: StatusEvents

    def by_webhook(self, connection_id: str, webhook: Webhook, *, delivery_id: str) -> None:
        """Handles an ITEM webhook, and settles its delivery in the same commit.

        Raises:
            ProviderError, VaultError: Plaid or the vault did not answer: nothing was changed, try again.
            Unavailable: The connection is busy: try again.
        """

        def decide(connection: BankConnection, facts: ItemFacts) -> StatusDecision:
            return from_webhook(connection, facts, webhook, now=self.status_events.clock.now())

        self._check(connection_id, decide, actor=Actor.PROVIDER, handled=(delivery_id,))

    def by_user(self, connection: BankConnection) -> BankConnection | None:
        """Checks a connection after the app reported that Link's update mode succeeded.

        Returns:
            The connection with the status that follows from Plaid's answer; None if it was removed.

        Raises:
            ProviderError, VaultError: Plaid or the vault did not answer: nothing was changed.
            Unavailable: The connection is busy: try again.
        """
        return self._check(connection.connection_id, lambda _, facts: from_update_mode(facts), actor=Actor.USER)

    def daily_check(self, connection_id: str) -> BankConnection | None:
        """Checks a connection for changes that no webhook reported.

        Returns:
            The connection after the check; None if it was removed.

        Raises:
            ProviderError, VaultError: Plaid or the vault did not answer: nothing was changed.
            Unavailable: The connection is busy: try again.
        """

        def decide(connection: BankConnection, facts: ItemFacts) -> StatusDecision:
            if missed_webhook(connection, facts):
                log.warning("webhook.missing", connection_id=connection_id)
            return from_daily_check(connection, facts, now=self.status_events.clock.now())

        return self._check(connection_id, decide, actor=Actor.BACKEND)

    def revoke(self, connection_id: str, error: ProviderError, *, delivery_id: str) -> None:
        """Records that the user revoked the consent, which is final; makes no call to Plaid.

        Args:
            connection_id: The connection.
            error: Plaid's report of the revocation.
            delivery_id: The webhook delivery to settle in the same commit.

        Raises:
            Unavailable: The connection is busy: try again.
        """
        self._commit(
            connection_id,
            lambda _: StatusDecision(event=StatusEvent.REVOKED, error=error),
            actor=Actor.PROVIDER,
            handled=(delivery_id,),
        )

    def _check(
        self,
        connection_id: str,
        decide: Callable[[BankConnection, ItemFacts], StatusDecision],
        *,
        actor: Actor,
        handled: tuple[str, ...] = (),
    ) -> BankConnection | None:
        def ask(connection: BankConnection) -> StatusDecision:
            facts = self._read_item(connection)
            if facts is None:
                return StatusDecision()
            decision = with_metadata(self._confirmed(connection, decide(connection, facts)), facts)
            # An update that failed because of the user's login says nothing about the bank.
            banks = facts.error is None or is_banks_fault(facts.error)
            updates = (facts.last_update, facts.last_failed_update) if banks else (None, None)
            return replace(decision, moved=institution_change(connection, facts), updates=updates)

        return self._commit(connection_id, ask, actor=actor, handled=handled)

    def _commit(
        self,
        connection_id: str,
        decide: Callable[[BankConnection], StatusDecision],
        *,
        actor: Actor,
        handled: tuple[str, ...],
    ) -> BankConnection | None:
        def step() -> tuple[BankConnection | None, Callable[[], None] | None]:
            loaded = self.syncs.load(connection_id)
            connection = self.connections.find(connection_id)
            if loaded is None or connection is None:
                return None, None
            decision = StatusDecision() if status.is_revoked(connection) else decide(connection)
            change = self._effect(connection, decision, actor=actor)
            after = change.connection
            state = self._state_after(loaded.state, connection, after, decision)
            writes = (*change.writes(), *(SettleDelivery(delivery_id) for delivery_id in handled))
            if state == loaded.state and not writes:
                return after, None
            self.syncs.save(state.touched(), expected=loaded.version, writes=writes)
            return after, partial(self._follow_up, connection, decision, change, before=loaded.state, state=state)

        after, follow_up = retry_on_conflict(step, tries=MAX_TRIES)
        if follow_up is not None:
            follow_up()
        return after

    def _follow_up(
        self,
        connection: BankConnection,
        decision: StatusDecision,
        change: StatusChange,
        *,
        before: SyncState,
        state: SyncState,
    ) -> None:
        """Logs and enqueues what follows from a commit."""
        report(change.writes())
        report_change(connection, decision.moved)
        if decision.moved:  # accounts are compared within an institution
            settle_after_commit(connection.app_user_id, connections=self.connections)
        if change.removal is not None:
            enqueue_removal(self.tasks, change.removal)
        if state.status is SyncStatus.PENDING and state.requested > before.requested:
            name = f"{connection.connection_id}-q{state.requested}"
            enqueue(self.queue, connection.connection_id, name=name, welcome=not state.is_set_up)
        if state.failed_since(before) and state.source is not None:
            enqueue_judgement(self.tasks, state.source, at=self.status_events.clock.now())

    def _read_item(self, connection: BankConnection) -> ItemFacts | None:
        """What Plaid reports about the item, even that it is gone.

        None without credentials, because it is being removed; and while Plaid still refuses a token that was lost.

        Raises:
            ProviderError: Plaid did not answer, or our API keys may be wrong.
            VaultError: The access token cannot be opened.
            Unavailable: The access token is being replaced.
        """
        try:
            return self._tokens().call(connection.connection_id, self.plaid.item)
        except ProviderError as refusal:
            if may_be_our_keys(refusal) and status.token_was_lost(connection):
                return None
            error = unless_our_keys(refusal)
            if error.error_class not in (ErrorClass.USER, ErrorClass.TERMINAL):
                raise error from None
            return ItemFacts(
                item_id=connection.item_id,
                institution_id=connection.institution_id,
                institution_name=connection.institution_name,
                webhook_url=None,
                consent_expiration_time=connection.consent_expiration_time,
                error=error,
            )

    def _confirmed(self, connection: BankConnection, decision: StatusDecision) -> StatusDecision:
        """Confirms a decision that a problem is resolved, with the calls that a sync makes.

        An item does not show every problem of its data: https://plaid.com/docs/api/items/#item-get-response-item-error.
        Trusting it alone would report the same problem again after each repair that did not help.

        Raises:
            Unavailable: The access token is being replaced.
        """
        if connection.error_code is None or not decision.claims_repair:
            return decision
        event: StatusEvent | None = None
        try:
            self._tokens().call(connection.connection_id, self._ask_for_data)
        except ServiceError as error:  # a vault that does not answer now is treated like an outage
            if isinstance(error, ProviderError):
                event = status.event_of(unless_our_keys(error))
            if event is StatusEvent.CONSENT_MISSING:
                return replace(decision, error=error)  # the login works: only the consent is still missing
            if event is not None:
                return replace(decision, event=event, error=error)
            if connection.status not in (ItemStatus.BAD, ItemStatus.ERROR):
                return UNCLEAR  # the item cannot show a missing consent, and the data does not answer now
        return decision

    def _tokens(self) -> AccessTokens:
        return AccessTokens(credentials=self.credentials, vault=self.vault)

    def _ask_for_data(self, token: PlaidToken) -> None:
        self.plaid.accounts(token)
        self.plaid.check_transactions(token)

    def _effect(self, connection: BankConnection, decision: StatusDecision, *, actor: Actor) -> StatusChange:
        """The connection after a decision, and the writes for it."""
        learnt, institution_id = decision.learnt | decision.moved, decision.moved.get("institution_id")
        if decision.event is None:
            change = self.status_events.update_facts(connection, learnt)
            return replace(change, institution_id=institution_id)
        applied = self.status_events.apply(
            connection.connection_id,
            decision.event,
            actor=actor,
            error=decision.error,
            learnt=learnt,
            renewal=decision.renewal,
        )
        change = replace(applied or StatusChange(connection=connection), institution_id=institution_id)
        if decision.reminds and not change.notifications and (reminder := self.status_events.remind(change.connection)):
            change = replace(change, notifications=(reminder,))
        return change

    def _state_after(
        self, state: SyncState, before: BankConnection, after: BankConnection, decision: StatusDecision
    ) -> SyncState:
        now = self.status_events.clock.now()
        if decision.event is StatusEvent.REVOKED and decision.error is not None:
            return state.stop(now=now, error=ErrorSummary.of(decision.error))
        worked_at, failed_at = decision.updates
        state = state.item_read(worked_at=worked_at, failed_at=failed_at, now=now)
        changed = state.checked(needs_user=after.error_code is not None) if after != before else state
        if decision.moved:
            changed = changed.moved_to(decision.moved["institution_id"], now=now)
        if decision.reselects_accounts:
            changed = changed.reselect_accounts()
        if decision.reads_accounts:
            changed = changed.accounts_outdated()
        return changed.request(now=now, trace=trace.carried()) if decision.sync else changed
