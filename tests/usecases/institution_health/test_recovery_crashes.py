"""The process that judges a bank dies before or after any of its calls: the next judgements do the rest."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.domain.institution_health.evidence import HealthState
from shared.domain.progress import SyncStatus
from tests.fakes import Crash
from tests.usecases.conftest import World
from tests.usecases.institution_health.engine import Engine
from tests.usecases.institution_health.ground import BANK, HOUR

SIZE = 5
PROBES = random.Random()
STEP = timedelta(minutes=5)


def declared(engine: Engine) -> None:
    """An outage that the next judgement declares."""
    engine.goes_down_at_bank()


def down_with_a_user_waiting(engine: Engine) -> None:
    """A declared outage with old data; the next judgement only probes and announces."""
    engine.goes_down_at_bank()
    engine.tick()
    for name in engine.names[:SIZE]:
        engine.world.sync_requests.by_event(name)
        engine.synced_at(name, engine.world.clock.at - 30 * HOUR)
    engine.sync_enqueued()
    engine.live(2 * HOUR)


def back(engine: Engine) -> None:
    """The bank works again: the next judgement begins the half-open resume."""
    down_with_a_user_waiting(engine)
    engine.comes_back()
    engine.world.clock.move(STEP)
    engine.judge(BANK)


def half_resumed(engine: Engine) -> None:
    """Between two steps of the resume."""
    back(engine)
    engine.sync_enqueued()
    engine.world.clock.move(STEP)
    engine.judge(BANK)
    engine.sync_enqueued()


def almost_over(engine: Engine) -> None:
    """All syncs are resumed; the next judgement ends the outage."""
    back(engine)
    for _ in range(20):
        if engine.paused_until() is None:
            break
        engine.sync_enqueued()
        engine.world.clock.move(STEP)
        engine.judge(BANK)
    assert engine.paused_until() is None
    engine.sync_enqueued()


SITUATIONS = [declared, down_with_a_user_waiting, back, half_resumed, almost_over]


@pytest.fixture(autouse=True)
def same_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each engine probes the same connections, so that a judgement makes the same calls each time."""
    monkeypatch.setattr(random, "random", lambda: PROBES.uniform(0, 1))


def small() -> Engine:
    PROBES.seed(1)
    return Engine(World(), size=SIZE, others=("ins_2", "ins_3"), each=2)


def crashes(prepare: Callable[[Engine], None]) -> int:
    """How many calls the next judgement makes."""
    engine = small()
    prepare(engine)
    engine.world.clock.move(STEP)
    before = len(engine.world.calls.log)
    engine.judge(BANK)
    return len(engine.world.calls.log) - before


@pytest.mark.parametrize("prepare", SITUATIONS)
def test_a_judgement_that_dies_at_any_call_leaves_nothing_paused_and_nobody_uninformed(
    prepare: Callable[[Engine], None],
) -> None:
    total = crashes(prepare)
    assert total > 5
    for number in range(total + 1):  # before each call, which is after the one before it, and after the last one
        engine = small()
        prepare(engine)
        engine.world.clock.move(STEP)
        calls = engine.world.calls
        at = len(calls.log) + number
        calls.crash_before, calls.crash_after = (at, None) if number < total else (None, at - 1)
        with pytest.raises(Crash):
            engine.judge(BANK)
        calls.crash_before = calls.crash_after = None
        until = engine.paused_until()
        assert until is None or until - engine.world.clock.at <= 6 * HOUR
        engine.comes_back()
        engine.live(1.5 * HOUR)
        _all_is_well(engine, f"call {number}: {calls.log[at] if at < len(calls.log) else 'none'}")


def _all_is_well(engine: Engine, where: str) -> None:
    assert engine.state() is HealthState.HEALTHY, where
    assert engine.paused_until() is None, where
    assert engine.record().settled, where
    assert BANK not in engine.records.watched[0].unsettled, where
    states = [engine.world.state(name) for name in engine.names[:SIZE]]
    assert {state.status for state in states} == {SyncStatus.COMPLETED}, where
    assert not any(state.deferred_from for state in states), where
    told, back_again = engine.notifications("bank_down"), engine.notifications("bank_back")
    assert set(told) == set(back_again), where
    assert all(one.outage_id is None for one in told.values()), where


def test_a_dead_scheduler_leaves_no_sync_waiting_for_longer_than_the_pause(world: World) -> None:
    engine = Engine(world, size=SIZE)
    down_with_a_user_waiting(engine)
    engine.comes_back()
    engine.world.clock.move(6 * HOUR)  # no judgement runs any more; the scheduler of syncs does
    engine.world.queue.judgements.clear()
    engine.world.tick()
    engine.sync_enqueued()
    states = [engine.world.state(name) for name in engine.names[:SIZE]]
    assert {state.status for state in states} == {SyncStatus.COMPLETED}
