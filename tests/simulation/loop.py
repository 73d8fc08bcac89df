"""Virtual time, and the tasks that run on it. One task runs at a time; a task gives way only when it sleeps or waits.

Tasks are greenlets (https://greenlet.readthedocs.io), so the backend's ordinary, synchronous code can be suspended at
any outside call, without threads. Time moves only when every task waits, and equal times are served in order of
creation, so a run depends on nothing but its seed.
"""

from __future__ import annotations

import contextvars
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from greenlet import greenlet

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
MICROSECONDS = 1_000_000


class Killed(BaseException):
    """The process dies here: no code may catch it."""


@dataclass(eq=False)
class Process:
    """One instance of a function, with its own clock skew. A killed process makes no outside call any more."""

    name: str
    skew: timedelta = timedelta()
    dead: bool = False
    tasks: list[Task] = field(default_factory=list)


class Timer:
    """A scheduled call that can be cancelled."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """The call does not happen."""
        self.action = None


class Task:
    """A piece of work of a process, and its result."""

    def __init__(self, loop: Loop, process: Process, work: Callable[[], Any]) -> None:
        self.loop, self.process, self.work = loop, process, work
        self.value: Any = None
        self.error: BaseException | None = None
        self.is_done = False
        self.on_done: list[Callable[[], None]] = []
        self.greenlet = greenlet(self._run, parent=loop.hub)
        self.greenlet.gr_context = contextvars.Context()
        process.tasks.append(self)
        loop.tasks.add(self)

    def _run(self) -> None:
        try:
            self.value = self.work()
        except BaseException as error:  # noqa: BLE001 (the result of the task, also if its process was killed)
            self.error = error
        self.end()

    def end(self) -> None:
        """The result is known: wakes the tasks that wait for it."""
        self.is_done = True
        self.process.tasks.remove(self)
        self.loop.tasks.discard(self)
        for call in self.on_done:
            call()

    def wait(self, timeout: float | None = None) -> bool:
        """Suspends the current task until this one is done; False on timeout."""
        if self.is_done:
            return True
        waiting = self.loop.event()
        self.on_done.append(waiting)
        self.loop.suspend(waiting, timeout)
        return self.is_done


class Loop:
    """The virtual clock and its tasks. Create and drive it from one greenlet, the hub."""

    def __init__(self) -> None:
        self.microseconds = 0
        self.hub = greenlet.getcurrent()
        self.task: Task | None = None
        self.tasks: set[Task] = set()  # that have not ended
        self.switches = 0
        self._timers: list[tuple[int, int, Timer]] = []
        self._order = itertools.count()
        self._until = 0

    # -- Time --------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The virtual time."""
        return EPOCH + timedelta(microseconds=self.microseconds)

    def seconds(self) -> float:
        """The virtual time, in seconds since 1970."""
        return EPOCH.timestamp() + self.microseconds / MICROSECONDS

    def at(self, microseconds: int, action: Callable[[], None]) -> Timer:
        """Calls the action in the hub, at a virtual time."""
        timer = Timer(action)
        heapq.heappush(self._timers, (max(microseconds, self.microseconds), next(self._order), timer))
        return timer

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Calls the action in the hub, after a delay."""
        return self.at(self.microseconds + round(seconds * MICROSECONDS), action)

    def run_until(self, microseconds: int) -> None:
        """Runs everything that is due until then, in the order of virtual time."""
        assert greenlet.getcurrent() is self.hub
        self._until = microseconds
        while self._timers and self._timers[0][0] <= microseconds:
            when, _, timer = heapq.heappop(self._timers)
            if timer.action is not None:
                self.microseconds = when
                timer.action()
        self.microseconds = max(self.microseconds, microseconds)

    def close(self) -> None:
        """Ends all tasks. The stack of a suspended one would keep the whole world in memory for ever."""
        for task in list(self.tasks):
            task.process.dead = True
            self._resume(task)

    # -- Tasks -------------------------------------------------------------------------------------------------------

    def spawn(self, process: Process, work: Callable[[], Any]) -> Task:
        """Starts a task as soon as every task that is ready now has run."""
        task = Task(self, process, work)
        self.at(self.microseconds, lambda: self._resume(task))
        return task

    def sleep(self, seconds: float) -> None:
        """Suspends the current task."""
        task, due = self.task, self.microseconds + round(seconds * MICROSECONDS)
        assert task is not None, "only a task can sleep"
        if due < self._until and (not self._timers or due < self._timers[0][0]):
            self.microseconds = due  # no other task would run meanwhile
            return
        self.at(due, lambda: self._resume(task))
        self._give_way()

    def event(self) -> Callable[[], None]:
        """A call that wakes the current task up, once."""
        task, woken = self.task, [False]
        assert task is not None, "only a task can wait"

        def wake() -> None:
            if not woken[0]:
                woken[0] = True
                self.at(self.microseconds, lambda: self._resume(task))

        return wake

    def suspend(self, wake: Callable[[], None], timeout: float | None = None) -> None:
        """Suspends the current task until its event is called, or a time has passed."""
        timer = self.after(timeout, wake) if timeout is not None else None
        self._give_way()
        if timer is not None:
            timer.cancel()

    def kill(self, process: Process) -> None:
        """Ends a process at once, with all its tasks."""
        process.dead = True
        for task in list(process.tasks):
            if task is not self.task:
                self.at(self.microseconds, lambda task=task: self._resume(task))  # type: ignore[misc]
        if self.task is not None and self.task.process is process:
            raise Killed(process.name)

    def _resume(self, task: Task) -> None:
        if task.is_done:
            return
        self.switches += 1
        self.task = task
        try:
            if task.process.dead and not task.greenlet:  # it was killed before it began
                task.error = Killed(task.process.name)
                task.end()
            elif task.process.dead:
                task.greenlet.throw(Killed(task.process.name))
            else:
                task.greenlet.switch()
        finally:
            self.task = None

    def _give_way(self) -> None:
        self.hub.switch()


class Future:
    """The result of a submitted call."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._task: Task | None = None
        self._waiting: list[Callable[[], None]] = []

    def started(self, task: Task) -> None:
        """The task that computes the result runs now."""
        self._task = task
        task.on_done += self._waiting

    def done(self) -> bool:
        """Whether the result is known."""
        return self._task is not None and self._task.is_done

    def result(self, timeout: float | None = None) -> Any:
        """Waits for the result. Raises TimeoutError, or what the call raised."""
        if not self.done():
            wake = self._loop.event()
            (self._task.on_done if self._task is not None else self._waiting).append(wake)
            self._loop.suspend(wake, timeout)
        if self._task is None or not self._task.is_done:
            raise TimeoutError
        if self._task.error is not None:
            raise self._task.error
        return self._task.value


class Executor:
    """A pool of tasks of the current process, in place of a thread pool."""

    def __init__(self, loop: Loop, workers: int) -> None:
        self._loop, self._workers = loop, workers
        self._queue: deque[tuple[Future, Callable[[], Any], contextvars.Context, Process]] = deque()
        self._running = 0
        self._idle: list[Callable[[], None]] = []

    def submit(self, work: Callable[[], Any]) -> Future:
        """Runs a call as soon as a worker is free, with the caller's context variables."""
        assert self._loop.task is not None
        future = Future(self._loop)
        self._queue.append((future, work, contextvars.copy_context(), self._loop.task.process))
        self._start()
        return future

    def close(self) -> None:
        """Waits for all calls."""
        while self._running or self._queue:
            wake = self._loop.event()
            self._idle.append(wake)
            self._loop.suspend(wake)

    def cancel(self) -> None:
        """Drops calls that have not started; the others continue by themselves."""
        self._queue.clear()

    def _start(self) -> None:
        while self._queue and self._running < self._workers:
            future, work, context, process = self._queue.popleft()
            self._running += 1
            task = self._loop.spawn(process, work)
            task.greenlet.gr_context = context
            task.on_done.append(self._finished)
            future.started(task)

    def _finished(self) -> None:
        self._running -= 1
        self._start()
        if not self._running:
            idle, self._idle = self._idle, []
            for wake in idle:
                wake()
