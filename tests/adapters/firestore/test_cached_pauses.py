"""What runs know about pauses without reading them each time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shared.adapters.firestore.cached_pauses import CACHED_FOR, CachedPauses
from shared.domain.pause import Pause, Pauses
from shared.ports import Version
from tests.fakes import FakeClock, FakePauses

EVERYTHING = Pauses(everything=Pause(since=datetime(2026, 3, 1, tzinfo=UTC), by="op", reason="an outage"))


class Counted(FakePauses):
    """Counts reads; `before_answer` is called once, between a read and its answer."""

    reads = 0
    before_answer: Callable[[], None] | None = None

    def load(self) -> tuple[Pauses, Version | None]:
        self.reads += 1
        answer, hook = super().load(), self.before_answer
        self.before_answer = None
        if hook is not None:
            hook()
        return answer


def test_absence_of_pauses_is_cached_for_five_seconds() -> None:
    store, clock = Counted(), FakeClock()
    recent = CachedPauses(store, clock=clock)
    assert [recent.load()[0] for _ in range(5)] == [Pauses()] * 5
    assert store.reads == 1
    store.save(EVERYTHING, expected=None)
    clock.move(CACHED_FOR)
    assert recent.load()[0] == EVERYTHING


def test_resume_takes_effect_at_once() -> None:
    store = Counted()
    store.save(EVERYTHING, expected=None)
    recent = CachedPauses(store, clock=FakeClock())
    found, version = recent.load()
    assert found == EVERYTHING
    store.save(Pauses(), expected=version)
    assert recent.load()[0] == Pauses()


def test_clock_that_was_set_back_does_not_prolong_the_cache() -> None:
    store, clock = Counted(), FakeClock()
    recent = CachedPauses(store, clock=clock)
    recent.load()
    clock.move(-timedelta(hours=1))
    recent.load()
    assert store.reads == 2


def test_answer_of_a_read_that_a_save_overtook_is_not_cached() -> None:
    store = Counted()
    recent = CachedPauses(store, clock=FakeClock())
    store.before_answer = lambda: recent.save(EVERYTHING, expected=None)
    assert recent.load()[0] == Pauses()
    assert recent.load()[0] == EVERYTHING


def test_slow_read_does_not_delay_other_runs() -> None:
    store, meanwhile = Counted(), list[Pauses]()
    recent = CachedPauses(store, clock=FakeClock())
    store.before_answer = lambda: meanwhile.append(recent.load()[0])
    assert recent.load()[0] == Pauses()
    assert meanwhile == [Pauses()]
