"""A compare-and-set repeats its read and write until no other writer interferes."""

from __future__ import annotations

import pytest

from shared.domain.errors import Conflict, Unavailable
from shared.ports.compare_and_set import MAX_TRIES, retry_on_conflict


class Contended:
    """A write that loses to another writer a number of times."""

    def __init__(self, conflicts: int) -> None:
        self.conflicts, self.tries = conflicts, 0

    def step(self) -> str:
        self.tries += 1
        if self.tries <= self.conflicts:
            raise Conflict
        return "written"


def test_step_runs_again_after_a_conflict() -> None:
    write = Contended(MAX_TRIES - 1)
    assert retry_on_conflict(write.step) == "written"
    assert write.tries == MAX_TRIES


def test_caller_is_asked_to_try_again_after_too_many_conflicts() -> None:
    write = Contended(99)
    with pytest.raises(Unavailable) as busy:
        retry_on_conflict(write.step, tries=3)
    assert (busy.value.code, busy.value.retry_after_seconds, write.tries) == ("connection_busy", 1, 3)


def test_other_errors_are_not_retried() -> None:
    tries = []

    def step() -> None:
        tries.append(1)
        raise ValueError

    with pytest.raises(ValueError):
        retry_on_conflict(step)
    assert len(tries) == 1


def test_caller_may_name_its_own_error_and_wait_between_the_tries() -> None:
    waits: list[int] = []
    limits_busy = Unavailable("too many calls at once", code="limits_busy", retry_after_seconds=1)
    with pytest.raises(Unavailable) as busy:
        retry_on_conflict(Contended(99).step, tries=3, busy=limits_busy, back_off=waits.append)
    assert busy.value is limits_busy
    assert waits == [0, 1, 2]
