"""Fetches a change log's pages with a separate worker, one page ahead of the writing, within Plaid's rate limit."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Self

from shared.domain.errors import CursorRejected, ErrorClass, PagingInterrupted, ProviderError
from shared.domain.plaid_rate_limits import SYNC_CALLS_PER_ITEM_AND_MINUTE
from shared.domain.plaid_token import PlaidToken
from shared.domain.transaction import Page
from shared.log import log
from shared.ports import Clock, Executors, Future, Plaid

PATIENCE = 4  # retries of a page in mid-loop, where a failure would waste all earlier pages
HEARTBEAT_SECONDS = 5.0
SOON_SECONDS = 2  # the queue does not redeliver sooner
MAX_WAIT_SECONDS = 60.0  # Plaid's limits are per minute
_MINUTE = timedelta(minutes=1)


class PagePrefetcher:
    """Fetches the pages of one loop.

    Args:
        plaid: Plaid.
        token: The item's access token.
        clock: The time.
        executors: Creates the worker that fetches.
        sleep: Waits the given seconds, in that worker.
        heartbeat: Called every few seconds during the wait for a page, by the caller.
        deadline: No request is retried after this time.
        ready: Prepares a page for writing, in the worker.
        calls: The times of page requests in the last minute; the caller passes it from loop to loop.
    """

    def __init__(
        self,
        *,
        plaid: Plaid,
        token: PlaidToken,
        clock: Clock,
        executors: Executors,
        sleep: Callable[[float], None],
        heartbeat: Callable[[], None],
        deadline: datetime,
        calls: deque[datetime],
        ready: Callable[[Page], Page] = lambda page: page,
    ) -> None:
        self._plaid, self._token, self._clock = plaid, token, clock
        self._sleep, self._heartbeat, self._deadline = sleep, heartbeat, deadline
        self._calls, self._ready = calls, ready
        self._closed = False
        self._worker = executors(1, "fetch")
        self._next: Future[Page]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closed = True
        self._worker.cancel()

    def fetch(self, cursor: str | None, *, first: bool = False) -> None:
        """Starts fetching the page after a cursor; a loop's `first` page is retried only if Plaid names a delay."""
        self._next = self._worker.submit(partial(self._fetch_patiently, cursor, 0 if first else PATIENCE))

    def page(self) -> Page:
        """Waits for the page whose fetch was started last.

        Raises:
            ProviderError: Plaid refused, or did not answer within the retries.
        """
        while True:
            try:
                return self._next.result(timeout=HEARTBEAT_SECONDS)
            except TimeoutError:
                if self._next.done():  # it arrived at this moment, or the call itself timed out
                    return self._next.result()
                self._heartbeat()

    def _fetch_patiently(self, cursor: str | None, patience: int) -> Page:
        for attempt in range(PATIENCE + 1):
            self._keep_pace()
            try:
                return self._ready(self._plaid.changes(self._token, cursor=cursor))
            except (PagingInterrupted, CursorRejected):
                raise
            except ProviderError as error:
                late = self._closed or self._clock.now() >= self._deadline
                retry_after = error.retry_after_seconds or 0
                if retry_after <= SOON_SECONDS:
                    is_last = attempt >= patience
                else:
                    is_last = attempt == PATIENCE or retry_after > MAX_WAIT_SECONDS
                if error.error_class is not ErrorClass.TRANSIENT or is_last or late:
                    raise
                seconds = min(max(retry_after, 2.0**attempt), MAX_WAIT_SECONDS)
                log.info("sync.page_retried", error_code=error.error_code, request_id=error.request_id, after=seconds)
                self._sleep(seconds)
        raise AssertionError("unreachable")

    def _keep_pace(self) -> None:
        now = self._clock.now()
        while self._calls and now - self._calls[0] >= _MINUTE:
            self._calls.popleft()
        if len(self._calls) >= SYNC_CALLS_PER_ITEM_AND_MINUTE:
            self._sleep((self._calls[0] + _MINUTE - now).total_seconds())
        self._calls.append(self._clock.now())
