"""Concurrent work in threads."""

import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class ThreadExecutor:
    """The port `Executor`, and as a class the port `Executors`. Threads start with the first work."""

    def __init__(self, workers: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)

    def submit(self, work: Callable[[], Result], /) -> Future[Result]:
        """Starts work as soon as a thread is free, with the caller's context variables."""
        return self._pool.submit(contextvars.copy_context().run, work)

    def close(self) -> None:
        """Waits for all submitted work."""
        self._pool.shutdown()

    def cancel(self) -> None:
        """Cancels the work that has not started, and does not wait for the rest."""
        self._pool.shutdown(wait=False, cancel_futures=True)
