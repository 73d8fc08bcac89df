"""Runs one sync of one connection: acquires the lease, reads the change log to its end, and records the outcome.

Plaid's rules for the loop: https://plaid.com/docs/transactions/sync-migration/ and /docs/api/products/transactions/.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared import trace
from shared.domain.connection import SealedToken
from shared.domain.errors import ErrorKind, ProviderError, ServiceError, Unavailable
from shared.domain.plaid_token import PlaidToken
from shared.domain.progress import SyncStatus
from shared.domain.retry_delays import TRIES_PER_ATTEMPT
from shared.domain.sync_state import SyncState
from shared.log import log
from shared.ports import (
    Clock,
    Connections,
    Credentials,
    Executors,
    PausedSyncs,
    Plaid,
    SyncQueue,
    Syncs,
    Tasks,
    Vault,
)
from shared.usecases.apply_status_event import StatusEvents
from shared.usecases.enqueue import enqueue, enqueue_balances, enqueue_history_move, enqueue_judgement
from shared.usecases.sync.fail_run import RunFailure
from shared.usecases.sync.fenced_commits import FencedCommits, LeaseLost
from shared.usecases.sync.read_changes import ChangeReader, Reading
from shared.usecases.sync.refresh_transactions import TransactionsRefresh
from shared.usecases.sync.run_claims import Outcome as Outcome
from shared.usecases.sync.run_claims import RunClaims
from shared.usecases.sync.wait_for_bank import WaitForBank
from shared.usecases.tokens.call_with_token import AccessTokens, TokenRefusal

TIME_FOR_A_RUN = timedelta(minutes=6)  # of the function's 9: the wait for one page may exceed this


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSync:
    """Runs the sync of a connection, if it is pending and no other run holds its lease.

    `plan_products` gets the state after each run, to plan the product syncs of the connection.
    """

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
    executors: Executors
    sleep: Callable[[float], None]
    plan_products: Callable[[SyncState], None]

    def __call__(self, connection_id: str, *, delivery: str) -> Outcome:
        """Processes one delivery of a task.

        Args:
            connection_id: The connection.
            delivery: The id of this delivery, as `<task>#<unique suffix>`: two deliveries of one task are distinct, but
                known to be of the same task.

        Returns:
            DONE if there is nothing more to do for this delivery; RETRY if the queue should deliver it again.
        """
        claimed = self._claims.claim(connection_id, delivery=delivery)
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
            log.info("sync.ended", **_log_fields(claimed.state, state, now=self.clock.now()))
            if state.history_complete and not claimed.state.history_complete:
                enqueue_balances(self.tasks, connection_id)
                if state.moves_history:
                    enqueue_history_move(self.tasks, connection_id)
            if state.status is SyncStatus.COMPLETED and state.wanted:
                self._claims.requeue(connection_id)
            if state.failed_since(claimed.state) and state.source is not None:
                enqueue_judgement(self.tasks, state.source, at=self.clock.now())
            self.plan_products(state)
            return outcome

    def _run(self, run: FencedCommits) -> Outcome:
        """Reads the change log and ends the run, as a success or a failure."""
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
                executors=self.executors,
                sleep=self.sleep,
                status_events=self.status_events,
                deadline=self.clock.now() + TIME_FOR_A_RUN,
            )
            reading = reader.read()
            if reading is Reading.NOT_READY:
                return self._wait_for_bank(run, token)
        except ServiceError as error:
            if sealed is not None and error.is_about_token and self._is_rotated(run, sealed):
                return self._retry_with_new_token(run)
            return self._failed(run, error, requested_before=state.requested)
        except (LeaseLost, Unavailable):
            raise
        except Exception:  # noqa: BLE001 (a bug must not leave the progress at `in_progress`)
            log.exception("sync.bug")
            return self._failed(run, _BUG, requested_before=state.requested)
        if reading is Reading.HANDED_OVER:
            self._enqueue(state, f"c{state.run}-{run.state.pages}")
        return Outcome.DONE

    def _wait_for_bank(self, run: FencedCommits, token: PlaidToken) -> Outcome:
        return WaitForBank(
            run=run,
            token=token,
            plaid=self.plaid,
            syncs=self.syncs,
            status_events=self.status_events,
            clock=self.clock,
        )()

    def _is_rotated(self, run: FencedCommits, used: SealedToken) -> bool:
        """Whether Plaid refused the token because it is being rotated, or was rotated during this run.

        Raises:
            LeaseLost: The connection is being removed.
        """
        tokens = AccessTokens(credentials=self.credentials, vault=self.vault)
        why = tokens.refusal_reason(used, run.state.connection_id)
        if why is TokenRefusal.REMOVED:
            raise LeaseLost(_NO_CREDENTIALS)
        return why is not TokenRefusal.CURRENT

    def _retry_with_new_token(self, run: FencedCommits) -> Outcome:
        """Retries in seconds, a few times; then at the next scheduler run, by which time the new token is stored."""
        log.info("sync.token_rotated")
        if run.state.tries + 1 < TRIES_PER_ATTEMPT:
            run.commit(lambda s: s.pause(now=self.clock.now()))
            return Outcome.RETRY
        run.commit(lambda s: s.wait_for_bank(now=self.clock.now()))
        return Outcome.DONE

    def _failed(self, run: FencedCommits, error: ServiceError, *, requested_before: int) -> Outcome:
        """Retries in seconds while that may help; else ends the run with its error."""
        failure = RunFailure(
            run=run,
            error=error,
            requested_before=requested_before,
            status_events=self.status_events,
            tasks=self.tasks,
            paused=self.paused,
            clock=self.clock,
        )
        failure.report()
        if failure.pause_for_retry():
            return Outcome.RETRY
        failure.record()
        if run.state.status is SyncStatus.PENDING:
            self._claims.enqueue_next(run.state)
        return Outcome.DONE

    @property
    def _claims(self) -> RunClaims[SyncState]:
        return RunClaims(states=self.syncs, paused=self.paused, enqueue=self._enqueue, clock=self.clock)

    def _enqueue(self, state: SyncState, suffix: str) -> None:
        enqueue(self.queue, state.connection_id, name=f"{state.connection_id}-{suffix}")


_NO_CREDENTIALS = "the connection has no credentials: it is being removed"
_BUG = ProviderError(
    "internal error; it has been logged",
    kind=ErrorKind.CONFIGURATION,
    error_type="BACKEND",
    error_code="INTERNAL",
)


def _log_fields(begun: SyncState, ended: SyncState, *, now: datetime) -> dict[str, Any]:
    """The outcome of a run. `lag_seconds`: from the oldest request to its data in the store."""
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
