"""Daily checks record only failures: they start a check of a bank, but do not say how many of its connections fail."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.institution_health.evidence import HealthState
from tests.usecases.conftest import World
from tests.usecases.institution_health.engine import TICK, Engine
from tests.usecases.institution_health.ground import BANK, HOUR

SIZE = 80


@pytest.fixture
def engine(world: World) -> Engine:
    """A bank in the night: no user has refreshed for hours."""
    engine = Engine(world, size=SIZE)
    world.clock.move(7 * HOUR)
    engine.updates_work()
    return engine


def check_all(engine: Engine) -> None:
    for name in engine.names[:SIZE]:
        engine.world.check.daily_check(name)
    engine.world.clock.move(timedelta(minutes=5))


def test_usual_failures_of_a_large_bank_take_it_down_in_no_night(engine: Engine) -> None:
    for item in engine.items()[:8]:
        item.last_failed_update = engine.world.clock.at + timedelta(minutes=1)
    engine.world.clock.move(timedelta(minutes=2))
    check_all(engine)
    engine.judge_enqueued()
    assert engine.record().verdict is not None, "the failures are looked into"
    assert engine.state() in (HealthState.HEALTHY, HealthState.SUSPECTED)
    engine.live(HOUR)
    assert engine.state() is HealthState.HEALTHY
    assert engine.record().baseline.seen > 0, "the checks show how many connections usually fail"


def test_a_silent_outage_that_the_daily_checks_find_is_declared_at_once(engine: Engine) -> None:
    engine.world.clock.move(timedelta(minutes=1))
    engine.goes_down_at_bank(reported=False)
    engine.world.clock.move(timedelta(hours=2))
    check_all(engine)
    engine.judge_enqueued()
    assert engine.state() is HealthState.DOWN
    assert engine.record(BANK).outage(now=engine.world.clock.at) is None, "an operator decides: it is most of all banks"


def test_a_silent_outage_is_found_although_plaid_noticed_it_before_an_earlier_suspicion_was_settled(
    engine: Engine,
) -> None:
    clock = engine.world.clock
    engine.items()[0].last_failed_update = clock.at + timedelta(minutes=1)
    clock.move(timedelta(minutes=2))
    engine.world.check.daily_check(engine.names[0])
    for _ in range(4):
        clock.move(timedelta(minutes=5))
        engine.judge_enqueued()
    verdict = engine.record().verdict
    assert verdict is not None
    assert verdict.state is HealthState.HEALTHY, "the suspicion is settled"
    for item in engine.items()[1:]:
        item.last_failed_update = verdict.since - timedelta(minutes=1)
    check_all(engine)
    engine.judge_enqueued()
    assert engine.state() is HealthState.DOWN


def test_a_failure_that_a_daily_check_found_is_looked_into_although_its_judgement_is_lost(engine: Engine) -> None:
    engine.world.clock.move(timedelta(minutes=1))
    engine.goes_down_at_bank(reported=False)
    engine.world.clock.move(timedelta(hours=2))
    check_all(engine)
    engine.world.queue.judgements.clear()
    engine.live(2 * TICK)
    assert engine.state() is HealthState.DOWN


def test_a_connection_that_keeps_failing_is_looked_into_a_few_times_a_day(engine: Engine) -> None:
    """Checks that read the same failure again renew the time at which it is known, but are no new failure."""
    engine.items()[0].last_failed_update = engine.world.clock.at + timedelta(minutes=1)
    engine.world.clock.move(timedelta(minutes=2))
    check_all(engine)
    engine.world.calls.log.clear()
    for _ in range(24 * 4):
        engine.watch()
        for _ in range(3):
            engine.judge_enqueued()
            engine.world.clock.move(timedelta(minutes=5))
    assert 0 < engine.world.calls.log.count("bank.item") <= 20
    assert engine.state() is HealthState.HEALTHY
