"""Virtual time: order, waiting, executors and the death of processes."""

from __future__ import annotations

import contextvars
import gc
import weakref

import pytest

from tests.simulation.loop import MICROSECONDS, Executor, Killed, Loop, Process


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_tasks_interleave_by_virtual_time(loop: Loop) -> None:
    heard: list[tuple[str, int]] = []

    def work(name: str, seconds: float) -> None:
        for _ in range(2):
            loop.sleep(seconds)
            heard.append((name, loop.microseconds))

    loop.spawn(Process("a"), lambda: work("a", 3))
    loop.spawn(Process("b"), lambda: work("b", 2))
    loop.run_until(60 * MICROSECONDS)
    assert heard == [("b", 2_000_000), ("a", 3_000_000), ("b", 4_000_000), ("a", 6_000_000)]
    assert loop.microseconds == 60 * MICROSECONDS


def test_a_killed_process_runs_nothing_more_and_its_other_tasks_end(loop: Loop) -> None:
    process, heard = Process("p"), []

    def sleeper() -> None:
        try:
            loop.sleep(100)
        finally:
            heard.append("unwound")
        heard.append("never")

    def killer() -> None:
        loop.sleep(1)
        loop.kill(process)
        heard.append("never")

    sleeping, killing = loop.spawn(process, sleeper), loop.spawn(process, killer)
    loop.run_until(10 * MICROSECONDS)
    assert heard == ["unwound"]
    assert isinstance(sleeping.error, Killed)
    assert isinstance(killing.error, Killed)


def test_an_executor_runs_only_so_many_at_once_in_order_with_the_callers_context(loop: Loop) -> None:
    word: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="")
    heard: list[tuple[int, int, str]] = []

    def one(number: int) -> int:
        loop.sleep(1)
        heard.append((number, loop.microseconds // MICROSECONDS, word.get()))
        return number

    def main() -> list[int]:
        word.set("here")
        pool = Executor(loop, 2)
        futures = [pool.submit(lambda n=n: one(n)) for n in range(4)]  # type: ignore[misc]
        pool.close()
        return [future.result() for future in futures]

    task = loop.spawn(Process("p"), main)
    loop.run_until(10 * MICROSECONDS)
    assert task.value == [0, 1, 2, 3]
    assert heard == [(0, 1, "here"), (1, 1, "here"), (2, 2, "here"), (3, 2, "here")]


def test_a_result_that_takes_longer_is_a_timeout_and_can_be_waited_for_again(loop: Loop) -> None:
    def main() -> str:
        def late() -> str:
            loop.sleep(7)
            return "late"

        future = Executor(loop, 1).submit(late)
        with pytest.raises(TimeoutError):
            future.result(timeout=5)
        assert not future.done()
        return str(future.result(timeout=5))

    task = loop.spawn(Process("p"), main)
    loop.run_until(20 * MICROSECONDS)
    assert task.value == "late"


def test_an_error_of_submitted_work_reaches_the_caller(loop: Loop) -> None:
    def main() -> None:
        Executor(loop, 1).submit(lambda: 1 // 0).result()

    task = loop.spawn(Process("p"), main)
    loop.run_until(MICROSECONDS)
    assert isinstance(task.error, ZeroDivisionError)


def test_a_task_whose_process_dies_before_it_begins_ends_without_running(loop: Loop) -> None:
    process, heard = Process("p"), list[str]()
    waiting = loop.spawn(process, lambda: heard.append("ran"))
    loop.kill(process)
    loop.run_until(MICROSECONDS)
    assert heard == []
    assert isinstance(waiting.error, Killed)


def test_a_closed_loop_keeps_nothing_of_a_task_that_still_waits() -> None:
    held: list[weakref.ref[Large]] = []
    ended: list[str] = []
    _run_closed(held, ended)
    gc.collect()
    assert (ended, held[0]()) == (["here"], None)


class Large:
    """What fills the memory."""


def _run_closed(held: list[weakref.ref[Large]], ended: list[str]) -> None:
    loop = Loop()

    def work() -> None:
        large = Large()
        held.append(weakref.ref(large))
        try:
            loop.sleep(10)
        finally:
            ended.append("here")

    loop.spawn(Process("p"), work)
    loop.run_until(MICROSECONDS)
    loop.close()
