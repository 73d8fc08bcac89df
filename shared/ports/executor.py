"""Concurrent work inside one process."""

from collections.abc import Callable
from typing import Protocol, TypeVar

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Future(Protocol[Result_co]):
    """Work that was submitted to an executor."""

    def result(self, timeout: float | None = None) -> Result_co:
        """Waits for the result, or raises the exception of the work.

        Args:
            timeout: The seconds to wait; without it, as long as the work takes.

        Raises:
            TimeoutError: The work takes longer. The work may raise this error, too; then it is `done`.
        """

    def done(self) -> bool:
        """Whether the work has ended or was cancelled."""


class Executor(Protocol):
    """A number of workers, which start work in the order in which it was submitted."""

    def submit(self, work: Callable[[], Result], /) -> Future[Result]:
        """Starts work as soon as a worker is free, with the caller's context variables (trace and log fields)."""

    def close(self) -> None:
        """Waits for all submitted work."""

    def cancel(self) -> None:
        """Cancels the work that has not started, and does not wait for the rest."""


class Executors(Protocol):
    """Creates executors. The caller must close or cancel each one, unless it lasts as long as the process."""

    def __call__(self, workers: int, name: str) -> Executor: ...  # noqa: D102
