"""The contract of the port `Executors`: work that runs concurrently, in order, and with its caller's context."""

from __future__ import annotations

import contextvars
import threading
from contextlib import closing
from functools import partial

import pytest

from shared.adapters.threads import ThreadExecutor
from shared.ports import Executors
from tests.fake_executors import FakeExecutors

NAMED: contextvars.ContextVar[str] = contextvars.ContextVar("NAMED", default="nobody")


@pytest.fixture
def executors() -> Executors:
    return ThreadExecutor


@pytest.fixture(params=[ThreadExecutor, FakeExecutors()], ids=["threads", "fake"])
def any_executors(request: pytest.FixtureRequest) -> Executors:
    """Also the fake, which does all work in the caller's thread."""
    executors: Executors = request.param
    return executors


def test_work_runs_while_its_caller_continues(executors: Executors) -> None:
    go_on = threading.Event()
    with closing(executors(1, "work")) as workers:
        future = workers.submit(partial(go_on.wait, 60))
        assert not future.done()
        with pytest.raises(TimeoutError):
            future.result(timeout=0.001)
        go_on.set()
        assert future.result() is True
        assert future.done()


def test_as_much_work_as_there_are_workers_runs_at_once(executors: Executors) -> None:
    together = threading.Barrier(3, timeout=60)
    with closing(executors(3, "work")) as workers:
        futures = [workers.submit(together.wait) for _ in range(3)]
        assert sorted(future.result() for future in futures) == [0, 1, 2]


def test_one_worker_does_one_thing_at_a_time_in_the_order_of_submission(executors: Executors) -> None:
    steps: list[str] = []
    first_began, go_on = threading.Event(), threading.Event()

    def first() -> None:
        steps.append("first begins")
        first_began.set()
        go_on.wait(60)
        steps.append("first ends")

    with closing(executors(1, "work")) as workers:
        workers.submit(first)
        workers.submit(partial(steps.append, "second"))
        third = workers.submit(partial(steps.append, "third"))
        assert first_began.wait(60)
        go_on.set()
        third.result()
    assert steps == ["first begins", "first ends", "second", "third"]


def test_exception_of_the_work_is_raised_to_the_caller(any_executors: Executors) -> None:
    failure = TimeoutError("the call itself timed out")

    def fail() -> None:
        raise failure

    with closing(any_executors(1, "work")) as workers:
        future = workers.submit(fail)
        with pytest.raises(TimeoutError) as raised:
            future.result()
    assert raised.value is failure
    assert future.done()


def test_work_has_the_context_of_its_caller_and_cannot_change_it(any_executors: Executors) -> None:
    def rename() -> str:
        before = NAMED.get()
        NAMED.set("changed by the work")
        return before

    with closing(any_executors(1, "work")) as workers:
        for name in ("alice", "bob"):
            token = NAMED.set(name)
            assert workers.submit(rename).result() == name
            assert NAMED.get() == name
            NAMED.reset(token)


def test_close_waits_for_all_work(any_executors: Executors) -> None:
    done: list[int] = []
    workers = any_executors(2, "work")
    for number in range(20):
        workers.submit(partial(done.append, number))
    workers.close()
    assert sorted(done) == list(range(20))


def test_cancel_drops_work_that_has_not_started_and_does_not_wait(executors: Executors) -> None:
    began, go_on = threading.Event(), threading.Event()

    def begun() -> str:
        began.set()
        go_on.wait(60)
        return "done"

    done: list[str] = []
    workers = executors(1, "work")
    running, dropped = workers.submit(begun), workers.submit(partial(done.append, "dropped"))
    assert began.wait(60)
    workers.cancel()
    assert not running.done()
    assert dropped.done()
    go_on.set()
    assert running.result() == "done"
    assert done == []
