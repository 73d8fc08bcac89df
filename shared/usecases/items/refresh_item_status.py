"""What Plaid says about an item now decides a connection's status; a webhook, or a day that has passed, only asks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared import trace
from shared.domain import status
from shared.domain.audit import Actor
from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import Conflict, ErrorClass, ProviderError, Unavailable
from shared.domain.progress import ErrorSummary, SyncStatus
from shared.domain.secret import Secret
from shared.domain.status import PENDING, StatusEvent
from shared.domain.sync_state import SyncState
from shared.domain.webhook import Meaning, Webhook
from shared.log import log
from shared.ports import Connections, Credentials, ItemFacts, Plaid, SettleDelivery, SyncQueue, Syncs, Tasks, Vault
from shared.usecases.apply_status_event import StatusChange, StatusEvents, report
from shared.usecases.enqueue import enqueue, enqueue_removal
from shared.usecases.linking.follow_institution import institution_change, report_change
from shared.usecases.mark_duplicates import settle_after_commit
from shared.usecases.tokens.call_with_token import AccessTokens

MAX_TRIES = 20  # of a compare-and-set against a run that commits a few times a second
A_WHILE = timedelta(hours=1)  # in which a webhook should have come


@dataclass(frozen=True, slots=True)
class StatusDecision:
    """What the truth makes of a connection: an event, and what else is to be done."""

    event: StatusEvent | None = None
    error: ProviderError | None = None
    renewal: bool = False  # see StatusEvents.apply
    learnt: dict[str, Any] | None = None
    sync: bool = False
    accounts_anew: bool = False
    reminds: bool = False  # its user, if it leaves a login broken that has been so for long
    moved: dict[str, Any] = field(default_factory=dict)  # see institution_change


UNCLEAR = StatusDecision(sync=True, accounts_anew=True)
"""The item reports an error that is an outage's, or unknown to us. Neither blames its user, and neither says that the
login works: the status stays, and the data decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStatusRefresh:
    """Reads an item at Plaid, and commits what follows from it, under the sync state's one lock.

    The item is read after the state, and what it says is committed only if the state has not changed since: of two
    checks at once, the one with the older answer starts again.
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
        """An ITEM webhook came, and is settled in the commit of its effect.

        Raises:
            ProviderError: Plaid did not answer: nothing was changed, try again.
            Unavailable: The connection is busy: try again.
        """
        self._check(
            connection_id,
            lambda connection, facts: _from_webhook(connection, facts, webhook, now=self.status_events.clock.now()),
            actor=Actor.PROVIDER,
            handled=(delivery_id,),
        )

    def by_user(self, connection: BankConnection) -> BankConnection | None:
        """Link's update mode succeeded, says the app: the status is what Plaid says. None if the connection is gone.

        Raises:
            ProviderError: Plaid did not answer: nothing was changed.
            Unavailable: The connection is busy: try again.
        """
        return self._check(connection.connection_id, _repaired, actor=Actor.USER)

    def daily_check(self, connection_id: str) -> BankConnection | None:
        """A day has passed: what no webhook told us.

        Raises:
            ProviderError: Plaid did not answer: nothing was changed.
            Unavailable: The connection is busy: try again.
        """
        return self._check(connection_id, self._from_daily_check, actor=Actor.BACKEND)

    def revoke(self, connection_id: str, error: ProviderError, *, delivery_id: str) -> None:
        """The user took the permission away: final, whatever Plaid says later; nothing is asked.

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
            facts = self._truth(connection)
            if facts is None:
                return StatusDecision()
            finding = self._proven(connection, decide(connection, facts))
            return replace(finding, moved=institution_change(connection, facts))

        return self._commit(connection_id, ask, actor=actor, handled=handled)

    def _commit(
        self,
        connection_id: str,
        decide: Callable[[BankConnection], StatusDecision],
        *,
        actor: Actor,
        handled: tuple[str, ...],
    ) -> BankConnection | None:
        for _ in range(MAX_TRIES):
            loaded = self.syncs.load(connection_id)
            connection = self.connections.find(connection_id)
            if loaded is None or connection is None:
                return None
            finding = StatusDecision() if status.is_revoked(connection) else decide(connection)
            change = self._effect(connection, finding, actor=actor)
            after = change.connection
            state = self._state_after(loaded.state, connection, after, finding)
            writes = (*change.writes(), *(SettleDelivery(delivery_id) for delivery_id in handled))
            if state == loaded.state and not writes:
                return after
            try:
                self.syncs.save(state.touched(), expected=loaded.version, writes=writes)
            except Conflict:
                continue
            report(writes)
            report_change(connection, finding.moved)
            if finding.moved:  # accounts are compared within an institution
                settle_after_commit(connection.app_user_id, connections=self.connections)
            if change.removal is not None:
                enqueue_removal(self.tasks, change.removal)
            if state.status is SyncStatus.PENDING and state.requested > loaded.state.requested:
                name = f"{connection_id}-q{state.requested}"
                enqueue(self.queue, connection_id, name=name, welcome=not state.is_set_up)
            return after
        raise Unavailable("the connection is busy", code="connection_busy", retry_after_seconds=1)

    def _truth(self, connection: BankConnection) -> ItemFacts | None:
        """What Plaid says; an item that is gone is a truth, too. None without credentials: it is being removed.

        Raises:
            ProviderError: Plaid did not answer; or our keys are wrong.
            Unavailable: The access token is being replaced.
        """
        try:
            return self._tokens().call(connection.connection_id, self.plaid.item)
        except ProviderError as error:
            if error.may_be_our_keys:
                raise error.as_configuration_error() from None
            if error.fault not in (ErrorClass.USER, ErrorClass.TERMINAL):
                raise
            return ItemFacts(
                item_id=connection.item_id,
                institution_id=connection.institution_id,
                institution_name=connection.institution_name,
                webhook_url=None,
                consent_expiration_time=connection.consent_expiration_time,
                error=error,
            )

    def _proven(self, connection: BankConnection, finding: StatusDecision) -> StatusDecision:
        """That a problem is resolved, confirmed by the calls that a sync makes.

        An item does not show every problem of its data: https://plaid.com/docs/api/items/#item-get-response-item-error.
        Believing it alone would report the same problem again after each repair that did not help.

        Raises:
            Unavailable: The access token is being replaced.
        """
        if connection.error_code is None or finding.event not in (StatusEvent.REPAIRED, StatusEvent.WORKING):
            return finding
        try:
            self._tokens().call(connection.connection_id, self._ask_for_data)
        except ProviderError as error:
            event = None if error.may_be_our_keys else status.event_of(error)
            if event is StatusEvent.CONSENT_MISSING:
                return replace(finding, error=error)  # the login works: only the consent is still missing
            if event is not None:
                return replace(finding, event=event, error=error)
            if connection.status not in (ItemStatus.BAD, ItemStatus.ERROR):
                return UNCLEAR  # the item cannot show a missing consent, and the data does not answer now
        return finding

    def _tokens(self) -> AccessTokens:
        return AccessTokens(credentials=self.credentials, vault=self.vault)

    def _ask_for_data(self, token: Secret) -> None:
        self.plaid.accounts(token)
        self.plaid.check_transactions(token)

    def _effect(self, connection: BankConnection, finding: StatusDecision, *, actor: Actor) -> StatusChange:
        institution_id = finding.moved.get("institution_id")
        if finding.event is None:
            change = self.status_events.update_facts(connection, (finding.learnt or {}) | finding.moved)
            return replace(change, institution_id=institution_id)
        applied = self.status_events.apply(
            connection.connection_id,
            finding.event,
            actor=actor,
            error=finding.error,
            learnt=(finding.learnt or {}) | finding.moved,
            renewal=finding.renewal,
        )
        change = replace(applied or StatusChange(connection=connection), institution_id=institution_id)
        if finding.reminds and not change.notifications and (reminder := self.status_events.remind(change.connection)):
            change = replace(change, notifications=(reminder,))
        return change

    def _state_after(
        self, state: SyncState, before: BankConnection, after: BankConnection, finding: StatusDecision
    ) -> SyncState:
        now = self.status_events.clock.now()
        if finding.event is StatusEvent.REVOKED and finding.error is not None:
            return state.stop(now=now, error=ErrorSummary.of(finding.error))
        changed = state.checked(needs_user=after.error_code is not None) if after != before else state
        if finding.moved:
            changed = changed.moved_to(finding.moved["institution_id"], now=now)
        if finding.accounts_anew:
            changed = changed.reselect_accounts()
        return changed.request(now=now, trace=trace.carried()) if finding.sync else changed

    def _from_daily_check(self, connection: BankConnection, facts: ItemFacts) -> StatusDecision:
        """What the day has brought: a consent that ends soon, an error, a repair, or webhooks that never came."""
        overslept = _missed_webhook(connection, facts)
        if overslept:
            log.warning("webhook.missing", connection_id=connection.connection_id)
        if (fault := _fault(facts)) is not None:
            return replace(fault, reminds=True)
        learnt = {"consent_expiration_time": facts.consent_expiration_time} if facts.consent_expiration_time else {}
        # Whether a login works again is for the data to say: the item may look well, and its data not come.
        needs_sync = overslept or connection.status in (ItemStatus.BAD, ItemStatus.ERROR)
        pending = self._pending(connection, facts)
        return replace(pending, learnt=learnt | (pending.learnt or {}), sync=needs_sync)

    def _pending(self, connection: BankConnection, facts: ItemFacts) -> StatusDecision:
        """What becomes of an announcement, and of a consent that ends soon."""
        now, ends, announced = self.status_events.clock.now(), facts.consent_expiration_time, connection.announced
        is_pending, disconnects = connection.status in PENDING, connection.status is ItemStatus.PENDING_DISCONNECT
        if is_pending and announced is None and (disconnects or ends is None):
            # Stored before announcements were recorded: it counts from today.
            return StatusDecision(learnt={"announced": status.announcement(None, consent=ends, now=now)})
        # Without a record the connection is pending because of its consent's end alone.
        is_over = announced is None or status.is_over(announced, consent=ends, works=facts.error is None, now=now)
        if disconnects and is_over:
            return StatusDecision(event=StatusEvent.EXPIRATION_MOVED, renewal=True)
        if status.warning_due(ends, now=now) is not None:
            return StatusDecision(event=StatusEvent.EXPIRATION_NEAR)
        return StatusDecision(event=StatusEvent.EXPIRATION_MOVED if is_over or not is_pending else None)


def _fault(facts: ItemFacts) -> StatusDecision | None:
    event = status.event_of(facts.error) if facts.error is not None else None
    return StatusDecision(event=event, error=facts.error) if event is not None else None


def _repaired(_: BankConnection, facts: ItemFacts) -> StatusDecision:
    """Update mode succeeded. What it changed (accounts that came or went) is read by the sync that follows."""
    if facts.error is not None:
        return _fault(facts) or UNCLEAR
    learnt = {"consent_expiration_time": facts.consent_expiration_time}
    return StatusDecision(event=StatusEvent.REPAIRED, learnt=learnt, sync=True, accounts_anew=True)


def _from_webhook(connection: BankConnection, facts: ItemFacts, webhook: Webhook, *, now: datetime) -> StatusDecision:
    """What a webhook says, as far as the item does not say otherwise: webhooks come late, twice, and out of order."""
    if (fault := _fault(facts)) is not None:
        return fault
    if facts.error is not None and webhook.meaning in (Meaning.LOGIN_ERROR, Meaning.LOGIN_REPAIRED):
        return replace(UNCLEAR, accounts_anew=webhook.meaning is Meaning.LOGIN_REPAIRED)
    ends = facts.consent_expiration_time
    learnt: dict[str, Any] = {"consent_expiration_time": ends} if ends is not None else {}
    match webhook.meaning:
        case Meaning.LOGIN_ERROR:
            return StatusDecision(event=StatusEvent.WORKING, learnt=learnt, sync=True)
        case Meaning.LOGIN_REPAIRED:
            learnt = {"consent_expiration_time": ends}
            return StatusDecision(
                event=StatusEvent.REPAIRED, learnt=learnt, renewal=True, sync=True, accounts_anew=True
            )
        case Meaning.EXPIRATION:
            said = webhook.consent_expiration_time
            if status.is_later(ends, than=said):
                disconnects = connection.status is ItemStatus.PENDING_DISCONNECT  # which this says nothing about
                return StatusDecision(event=None if disconnects else StatusEvent.EXPIRATION_MOVED, learnt=learnt)
            learnt = {"consent_expiration_time": ends or said or connection.consent_expiration_time}
            learnt |= {"announced": status.announcement(said, consent=ends or said, now=now)}
            return StatusDecision(event=StatusEvent.EXPIRATION_ANNOUNCED, learnt=learnt)
        case Meaning.DISCONNECT:
            said, disconnects = webhook.disconnect_time, connection.status is ItemStatus.PENDING_DISCONNECT
            before = connection.announced if disconnects else None
            # The same one again keeps its record: a consent that was renewed since must not become what it stands by.
            if before is None or status.is_later(said, than=before.ends_at):
                learnt |= {"announced": status.announcement(said, consent=ends, now=now)}
            return StatusDecision(event=StatusEvent.DISCONNECT_ANNOUNCED, learnt=learnt)
        case Meaning.NEW_ACCOUNTS:
            return StatusDecision(event=StatusEvent.NEW_ACCOUNTS, learnt=learnt)
        case _:
            return StatusDecision()


def _missed_webhook(connection: BankConnection, facts: ItemFacts) -> bool:
    """Whether Plaid has had news for longer than a webhook takes, and we have not asked since."""
    if connection.last_sync is None:
        return False  # the schedule sees to those that never synced
    news = [moment for moment in (facts.last_update, facts.last_webhook) if moment is not None]
    return any(moment - connection.last_sync > A_WHILE for moment in news)
