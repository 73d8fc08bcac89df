"""What runs know about pauses without reading them each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared.adapters.firestore.cached_pauses import CACHED_FOR, CachedPauses
from shared.domain.pause import Pause, Pauses
from tests.fakes import FakeClock, FakePauses

EVERYTHING = Pauses(everything=Pause(since=datetime(2026, 3, 1, tzinfo=UTC), by="op", reason="an outage"))


class Counted(FakePauses):
    reads = 0

    def load(self):  # type: ignore[no-untyped-def]
        self.reads += 1
        return super().load()


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
