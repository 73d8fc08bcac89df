"""Fetches a change log's pages in a thread of its own, one ahead of the writing, at a pace that Plaid allows."""

import contextvars
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from shared.domain.errors import CursorRejected, ErrorClass, PagingInterrupted, ProviderError
from shared.domain.secret import Secret
from shared.domain.transaction import Page
from shared.log import log
from shared.ports import Clock, Plaid

CALLS_PER_MINUTE = 45  # Plaid allows 50 per item: https://plaid.com/docs/errors/rate-limit-exceeded/
PATIENCE = 4  # retries of one page in the middle of a loop, where giving up would cost all pages before it
HEARTBEAT_SECONDS = 5.0
SOON_SECONDS = 2  # what the queue would deliver again in any case
MAX_WAIT_SECONDS = 60.0  # Plaid's limits are per minute
_MINUTE = timedelta(minutes=1)


class PagePrefetcher:
    """One loop's fetching.

    Args:
        bank: Plaid.
        token: The item's access token.
        clock: The time.
        sleep: Waits some seconds, in the fetching thread.
        heartbeat: Called every few seconds while a page is waited for, in the caller's thread.
        deadline: After this no page is asked for again.
        ready: What is made of a page ahead, in the fetching thread.
        calls: When the item's pages were asked for in the last minute; kept by the caller from loop to loop.
    """

    def __init__(
        self,
        *,
        plaid: Plaid,
        token: Secret,
        clock: Clock,
        sleep: Callable[[float], None],
        heartbeat: Callable[[], None],
        deadline: datetime,
        calls: deque[datetime],
        ready: Callable[[Page], Page] = lambda page: page,
    ) -> None:
        self._bank, self._token, self._clock = plaid, token, clock
        self._sleep, self._heartbeat, self._deadline = sleep, heartbeat, deadline
        self._calls, self._ready = calls, ready
        self._closed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fetch")
        self._next: Future[Page]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    def fetch(self, cursor: str | None, *, first: bool = False) -> None:
        """Begins to fetch the page behind a cursor; `first` is the loop's first, which is not worth much patience."""
        context = contextvars.copy_context()  # for the log's fields
        self._next = self._thread.submit(context.run, self._fetch_patiently, cursor, 0 if first else PATIENCE)

    def page(self) -> Page:
        """The page whose fetching was begun last.

        Raises:
            ProviderError: Plaid refused, or did not answer for longer than is worth waiting.
        """
        while True:
            try:
                return self._next.result(timeout=HEARTBEAT_SECONDS)
            except TimeoutError:
                if self._next.done():  # it came this very moment, or the call itself ran out of time
                    return self._next.result()
                self._heartbeat()

    def _fetch_patiently(self, cursor: str | None, patience: int) -> Page:
        for attempt in range(PATIENCE + 1):
            self._keep_pace()
            try:
                return self._ready(self._bank.changes(self._token, cursor=cursor))
            except (PagingInterrupted, CursorRejected):
                raise
            except ProviderError as error:
                late = self._closed or self._clock.now() >= self._deadline
                told = error.retry_after_seconds or 0
                enough = attempt >= patience if told <= SOON_SECONDS else attempt == PATIENCE or told > MAX_WAIT_SECONDS
                if error.error_class is not ErrorClass.TRANSIENT or enough or late:
                    raise
                seconds = min(max(told, 2.0**attempt), MAX_WAIT_SECONDS)
                log.info("sync.page_retried", error_code=error.error_code, request_id=error.request_id, after=seconds)
                self._sleep(seconds)
        raise AssertionError("unreachable")

    def _keep_pace(self) -> None:
        now = self._clock.now()
        while self._calls and now - self._calls[0] >= _MINUTE:
            self._calls.popleft()
        if len(self._calls) >= CALLS_PER_MINUTE:
            self._sleep((self._calls[0] + _MINUTE - now).total_seconds())
        self._calls.append(self._clock.now())
