"""One run of one connection's sync: claim, read the change log to its end, write, say how it went.

Plaid's rules for the loop: https://plaid.com/docs/transactions/sync-migration/ and /docs/api/products/transactions/.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared import trace
from shared.domain.connection import SealedToken
from shared.domain.credentials import DOUBTED_ATTEMPTS, unless_our_keys
from shared.domain.errors import Conflict, ErrorClass, ErrorKind, ProviderError, ServiceError, Unavailable, VaultError
from shared.domain.pause import Pause
from shared.domain.progress import ErrorSummary, Stage, SyncStatus
from shared.domain.removal import Removal
from shared.domain.status import StatusEvent, event_of
from shared.domain.sync_state import TRIES_PER_ATTEMPT, IllegalTransition, SyncState
from shared.log import log
from shared.ports import (
    Clock,
    Connections,
    Credentials,
    Loaded,
    PausedSyncs,
    Plaid,
    SyncQueue,
    Syncs,
    Tasks,
    Vault,
    Writes,
)
from shared.usecases.apply_status_event import StatusEvents
from shared.usecases.enqueue import enqueue, enqueue_removal
from shared.usecases.sync.fenced_commits import FencedCommits, LeaseLost
from shared.usecases.sync.late_history import HistoryDelay, history_delay
from shared.usecases.sync.prefetch_pages import SOON_SECONDS
from shared.usecases.sync.read_changes import ChangeReader, Reading
from shared.usecases.sync.refresh_transactions import TransactionsRefresh
from shared.usecases.tokens.call_with_token import AccessTokens, TokenRefusal

TIME_FOR_A_RUN = timedelta(minutes=6)  # of the 9 that the function has: one page may be waited for beyond it
QUICK_FOR = timedelta(hours=1)  # Plaid has first data seconds after a link; later waits are not worth more calls


class Outcome(StrEnum):
    """What the task handler does with a delivery."""

    DONE = "done"  # acknowledge
    RETRY = "again"  # not now: deliver again in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSync:
    """Runs syncs, if one is wanted and nobody else is running it."""

    connections: Connections
    credentials: Credentials
    syncs: Syncs
    paused: PausedSyncs
    plaid: Plaid
    refresh: TransactionsRefresh
    vault: Vault
    queue: SyncQueue
    tasks: Tasks
    status_events: StatusEvents
    clock: Clock
    sleep: Callable[[float], None]

    def __call__(self, connection_id: str, *, delivery: str) -> Outcome:
        """One delivery of a task.

        Args:
            connection_id: Whose transactions.
            delivery: Names this delivery, as `<task>#<anything unique>`: two deliveries of one task are told apart,
                and known for the same task's.

        Returns:
            DONE when there is nothing more to do for this delivery; AGAIN when the queue should deliver it again.
        """
        claimed = self._claim(connection_id, delivery)
        if isinstance(claimed, Outcome):
            return claimed
        run = FencedCommits(claimed, syncs=self.syncs)
        state = run.state
        about = {"connection_id": connection_id, "run": state.run}
        with trace.resumed(state.trace), log.bound(**about):
            log.info("sync.started", attempt=state.attempt)
            try:
                outcome = self._run(run)
            except LeaseLost as lost:
                log.warning("sync.lease_lost", reason=str(lost))
                return Outcome.DONE
            state = run.state
            log.info("sync.ended", **_account(claimed.state, state, now=self.clock.now()))
            if state.status is SyncStatus.COMPLETED and state.wanted:
                self._once_more(connection_id)
            return outcome

    def _claim(self, connection_id: str, delivery: str) -> Loaded | Outcome:
        """Takes the lease, or says what to do with the delivery."""
        for _ in range(5):
            loaded = self.syncs.load(connection_id)
            if loaded is None:
                return Outcome.DONE  # removed meanwhile
            now = self.clock.now()
            if loaded.state.is_leased(now) and loaded.state.lease_owner == delivery:
                return loaded  # our own claim, of which only the answer was lost
            try:
                state = loaded.state.claim(now=now, owner=delivery)
            except IllegalTransition:
                # A delivery of the very task that holds the lease: that one died, or is still at work. Whoever asks
                # for a run under another name was counted, and the run that works now will make one more.
                same_task = _task(loaded.state.lease_owner) == _task(delivery)
                return Outcome.RETRY if loaded.state.is_leased(now) and same_task else Outcome.DONE
            if pause := self.paused.load()[0].of(loaded.state.source):
                return self._hold(loaded, pause)  # only what would run: whatever rests is not to be woken
            try:
                return Loaded(state=state, version=self.syncs.save(state, expected=loaded.version))
            except Conflict:
                continue
        return Outcome.RETRY

    def _hold(self, loaded: Loaded, pause: Pause) -> Outcome:
        """Not now. Whoever wrote meanwhile has left it due; then the schedule holds it."""
        log.info("sync.held", connection_id=loaded.state.connection_id, since=pause.since)
        with suppress(Conflict):
            self.syncs.save(loaded.state.deferred(now=self.clock.now()), expected=loaded.version)
        return Outcome.DONE

    def _run(self, run: FencedCommits) -> Outcome:
        """Reads the change log and ends the run, well or badly."""
        state = run.state
        sealed: SealedToken | None = None
        try:
            sealed = self.connections.credentials(state.connection_id)
            if sealed is None:
                raise LeaseLost(_NO_CREDENTIALS)
            token = self.vault.open(sealed, app_user_id=state.app_user_id, connection_id=state.connection_id)
            if state.wants_refresh and state.cursor is not None and state.tries == 0:
                self.refresh(run, token)
            reader = ChangeReader(
                run=run,
                token=token,
                syncs=self.syncs,
                plaid=self.plaid,
                clock=self.clock,
                sleep=self.sleep,
                status_events=self.status_events,
                deadline=self.clock.now() + TIME_FOR_A_RUN,
            )
            reading = reader.read()
        except (ProviderError, VaultError) as error:
            if sealed is not None and error.is_about_token and self._is_rotated(run, sealed):
                return self._once_rotated(run)
            return self._failed(run, error, asked=state.requested)
        except (LeaseLost, Unavailable):
            raise
        except Exception:  # noqa: BLE001 (a bug of ours must not leave the progress standing still)
            log.exception("sync.bug")
            return self._failed(run, _BUG, asked=state.requested)
        if reading is Reading.NOT_READY:
            return self._not_ready(run)
        if reading is Reading.HANDED_OVER:
            enqueue(self.queue, state.connection_id, name=f"{state.connection_id}-c{state.run}-{run.state.pages}")
        return Outcome.DONE

    def _not_ready(self, run: FencedCommits) -> Outcome:
        """Plaid has nothing yet: ask again in seconds, a few times; then a webhook or the scheduler starts a new run.

        After an hour of that one call for each run is enough, and once the data is late a run every few hours.
        """
        delay = history_delay(run.state, status_events=self.status_events)
        since = run.state.wanted_since
        is_new = since is not None and self.clock.now() - since < QUICK_FOR
        if is_new and not delay.late and run.state.tries + 1 < TRIES_PER_ATTEMPT:
            run.commit(lambda s: s.pause(now=self.clock.now(), stage=Stage.WAITING_FOR_BANK))
            return Outcome.RETRY
        run.commit(lambda s: s.wait_for_bank(now=self.clock.now(), late=delay.late), lambda: delay.writes)
        return Outcome.DONE

    def _is_rotated(self, run: FencedCommits, used: SealedToken) -> bool:
        """Whether Plaid refused the token because it is being replaced, or was, while this run worked with it.

        Raises:
            LeaseLost: The connection is being removed.
        """
        tokens = AccessTokens(credentials=self.credentials, vault=self.vault)
        why = tokens.refusal_reason(used, run.state.connection_id)
        if why is TokenRefusal.REMOVED:
            raise LeaseLost(_NO_CREDENTIALS)
        return why is not TokenRefusal.CURRENT

    def _once_rotated(self, run: FencedCommits) -> Outcome:
        """Goes on in seconds, a few times; then at the next tick, by which time the new token is stored."""
        log.info("sync.token_rotated")
        if run.state.tries + 1 < TRIES_PER_ATTEMPT:
            run.commit(lambda s: s.pause(now=self.clock.now()))
            return Outcome.RETRY
        run.commit(lambda s: s.wait_for_bank(now=self.clock.now()))
        return Outcome.DONE

    def _failed(self, run: FencedCommits, error: ServiceError, *, asked: int) -> Outcome:
        """Retried in seconds while that may help, else recorded with its reason, and the connection with its status.

        Args:
            run: The run.
            error: Why it cannot go on.
            asked: How many had asked for a run when this delivery began.
        """
        if isinstance(error, ProviderError):
            error = unless_our_keys(error, is_certain=run.state.failures >= DOUBTED_ATTEMPTS)
        report = log.error if error.error_class is ErrorClass.CONFIGURATION else log.warning
        report(
            "sync.provider_error",
            fault=error.error_class,
            error_type=error.error_type,
            error_code=error.error_code,
            request_id=error.request_id,
        )
        summary = ErrorSummary.of(error)
        soon = (error.retry_after_seconds or 0) <= SOON_SECONDS
        if error.error_class is ErrorClass.TRANSIENT and soon and run.state.tries + 1 < TRIES_PER_ATTEMPT:
            run.commit(lambda s: s.pause(now=self.clock.now(), error=summary))
            return Outcome.RETRY
        jitter = random.random()  # noqa: S311 (spreads retries, guards nothing)
        at_least = timedelta(seconds=error.retry_after_seconds or 0)
        event = event_of(error)
        tells_why = event is not None or run.state.history_complete
        delay = HistoryDelay() if tells_why else history_delay(run.state, status_events=self.status_events)
        removal: Removal | None = None
        lasting = error.error_class in (ErrorClass.USER, ErrorClass.TERMINAL) and event is not StatusEvent.REVOKED

        def is_outdated(state: SyncState) -> bool:
            """Whether somebody has asked for a run since: they may just have repaired the login."""
            return lasting and state.requested > asked

        def step(state: SyncState) -> SyncState:
            now = self.clock.now()
            if is_outdated(state):
                return state.run_again(now=now)
            failed = state.fail(now=now, error=summary, fault=error.error_class, jitter=jitter, at_least=at_least)
            return failed.stop(now=now, error=summary) if event is StatusEvent.REVOKED else failed

        def writes() -> Writes:
            nonlocal removal
            removal = None
            if is_outdated(run.state):
                return Writes()
            if event is None:
                return delay.writes
            recorded = self.status_events.event(run.state.connection_id, event, error=error)
            removal = recorded[1].removal if recorded else None
            return recorded[1] if recorded else Writes()

        run.commit(step, writes)
        if removal is not None:
            enqueue_removal(self.tasks, removal)
        if run.state.status is SyncStatus.PENDING:
            self._enqueue_next(run.state)
        return Outcome.DONE

    def _once_more(self, connection_id: str) -> None:
        """Requests came in while the run worked. If this is lost, the schedule finds the state due at once."""
        loaded = self.syncs.load(connection_id)
        if loaded is None or loaded.state.status is not SyncStatus.COMPLETED or not loaded.state.wanted:
            return
        state = loaded.state.requeue(now=self.clock.now())
        try:
            self.syncs.save(state, expected=loaded.version)
        except Conflict:
            return
        self._enqueue_next(state)

    def _enqueue_next(self, state: SyncState) -> None:
        with trace.resumed(state.trace):
            enqueue(self.queue, state.connection_id, name=f"{state.connection_id}-n{state.run}")


_NO_CREDENTIALS = "the connection has no credentials: it is being removed"
_BUG = ProviderError(
    "an error of the backend; it has been recorded",
    kind=ErrorKind.CONFIGURATION,
    error_type="BACKEND",
    error_code="INTERNAL",
)


def _account(begun: SyncState, ended: SyncState, *, now: datetime) -> dict[str, Any]:
    """How a run went, for the log. `lag_seconds`: from the oldest request to its data in the store."""
    done = ended.status is SyncStatus.COMPLETED
    wanted_since, started_at = begun.wanted_since, ended.started_at
    return {
        "status": ended.status,
        "source": ended.source or "unknown",
        "first": not begun.history_complete,
        "error_code": ended.error.code if ended.error else None,
        "retryable": ended.error.retryable if ended.error else None,
        "seconds": (now - started_at).total_seconds() if started_at else None,
        "lag_seconds": (now - wanted_since).total_seconds() if done and wanted_since else None,
        "stage": ended.stage,
        "history_complete": ended.history_complete,
        "pages": ended.pages,
        "added": ended.added,
        "modified": ended.modified,
        "removed": ended.removed,
    }


def _task(delivery: str | None) -> str:
    return (delivery or "").partition("#")[0]
