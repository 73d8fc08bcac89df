"""Ends a failed run: pauses it for a retry in seconds while that may help, else records the failure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from shared.domain.credentials import DOUBTED_ATTEMPTS, LOST, may_be_our_keys, unless_our_keys
from shared.domain.errors import ErrorClass, ProviderError, ServiceError
from shared.domain.progress import ErrorSummary
from shared.domain.retry_delays import TRIES_PER_ATTEMPT
from shared.domain.status import StatusEvent, event_of, token_was_lost
from shared.domain.sync_state import SyncState
from shared.log import log
from shared.ports import Clock, Tasks, Write
from shared.usecases.apply_status_event import StatusChange, StatusEvents
from shared.usecases.enqueue import enqueue_removal
from shared.usecases.sync.fenced_commits import FencedCommits
from shared.usecases.sync.prefetch_pages import SOON_SECONDS
from shared.usecases.sync.report_late_history import HistoryDelay, history_delay


@dataclass(kw_only=True)
class RunFailure:
    """The failure of one run.

    Attributes:
        run: The run.
        error: The error that it failed with.
        requested_before: The state's count of requests when this delivery began.
        status_events: Applies the error to the connection.
        tasks: The queue for the removal that a revoked consent begins.
        clock: The time.
    """

    run: FencedCommits
    error: ServiceError
    requested_before: int
    status_events: StatusEvents
    tasks: Tasks
    clock: Clock
    _delay: HistoryDelay = field(default_factory=HistoryDelay, init=False)
    _change: StatusChange | None = field(default=None, init=False)
    _jitter: float = field(default_factory=random.random, init=False)

    def __post_init__(self) -> None:
        """Classifies the error: a user must not be blamed for what may be a configuration error."""
        if isinstance(self.error, ProviderError):
            is_certain = self.run.state.failures >= DOUBTED_ATTEMPTS
            self.error = LOST if self._token_was_lost() else unless_our_keys(self.error, is_certain=is_certain)

    def _token_was_lost(self) -> bool:
        """Whether it was known that Plaid refuses the token; reads the connection only if Plaid did so now.

        If the connection is being removed, its removal finds out, and reports it.
        """
        if not may_be_our_keys(self.error):
            return False
        connection = self.status_events.connections.find(self.run.state.connection_id)
        return connection is None or token_was_lost(connection)

    def report(self) -> None:
        """Logs the error."""
        report = log.error if self.error.error_class is ErrorClass.CONFIGURATION else log.warning
        report(
            "sync.provider_error",
            fault=self.error.error_class,
            error_type=self.error.error_type,
            error_code=self.error.error_code,
            request_id=self.error.request_id,
        )

    def pause_for_retry(self) -> bool:
        """Pauses the run if a retry in seconds may help; else returns False.

        Raises:
            LeaseLost: Another run took over.
        """
        soon = (self.error.retry_after_seconds or 0) <= SOON_SECONDS
        last_try = self.run.state.tries + 1 >= TRIES_PER_ATTEMPT
        if self.error.error_class is not ErrorClass.TRANSIENT or not soon or last_try:
            return False
        self.run.commit(lambda s: s.pause(now=self.clock.now(), error=ErrorSummary.of(self.error)))
        return True

    def record(self) -> None:
        """Ends the run with the error, and gives the connection the status that follows from it.

        Raises:
            LeaseLost: Another run took over.
        """
        has_reason = self._event is not None or self.run.state.history_complete
        self._delay = HistoryDelay() if has_reason else history_delay(self.run.state, status_events=self.status_events)
        self.run.commit(self._step, self._writes)
        if self._change is not None and self._change.removal is not None:
            enqueue_removal(self.tasks, self._change.removal)

    @property
    def _event(self) -> StatusEvent | None:
        return event_of(self.error)

    def _is_outdated(self, state: SyncState) -> bool:
        """Whether a request arrived since the run began: the user who sent it may just have repaired the login."""
        lasting = (
            self.error.error_class in (ErrorClass.USER, ErrorClass.TERMINAL) and self._event is not StatusEvent.REVOKED
        )
        return lasting and state.requested > self.requested_before

    def _step(self, state: SyncState) -> SyncState:
        now, error, summary = self.clock.now(), self.error, ErrorSummary.of(self.error)
        if self._is_outdated(state):
            return state.run_again(now=now)
        at_least = timedelta(seconds=error.retry_after_seconds or 0)
        failed = state.fail(
            now=now, error=summary, error_class=error.error_class, jitter=self._jitter, at_least=at_least
        )
        return failed.stop(now=now, error=summary) if self._event is StatusEvent.REVOKED else failed

    def _writes(self) -> Sequence[Write]:
        self._change = None
        if self._is_outdated(self.run.state):
            return ()
        if self._event is None:
            return self._delay.change.writes()
        self._change = self.status_events.apply(self.run.state.connection_id, self._event, error=self.error)
        return self._change.writes() if self._change is not None else ()
