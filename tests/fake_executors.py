"""Executors whose work is done at once, so that the calls of a use case have the same order each time.

The simulation interleaves the work of executors, and the tests on the emulators use threads.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from shared.adapters.threads import ThreadExecutor
from shared.ports import Executor

T = TypeVar("T")


class FakeExecutor:
    """Does work before `submit` returns."""

    def submit(self, work: Callable[[], T], /) -> Future[T]:
        """Does the work, with a copy of the caller's context variables."""
        future: Future[T] = Future()
        try:
            future.set_result(contextvars.copy_context().run(work))
        except BaseException as error:  # noqa: BLE001 (as from a thread: the caller gets it with the result)
            future.set_exception(error)
        return future

    def close(self) -> None:
        """All work is done."""

    def cancel(self) -> None:
        """No work is left to cancel."""


class FakeExecutors:
    """Records the executors that were created.

    Args:
        threads: Whether work is really concurrent, as in production.
    """

    def __init__(self, *, threads: bool = False) -> None:
        self.made: list[tuple[int, str]] = []
        self.threads = threads

    def __call__(self, workers: int, name: str) -> Executor:
        self.made.append((workers, name))
        return ThreadExecutor(workers, name) if self.threads else FakeExecutor()
