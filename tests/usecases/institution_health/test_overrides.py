"""An operator's override lasts as long as the operator said, and no longer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.institution_health.evidence import HealthState
from tests.usecases.conftest import World
from tests.usecases.institution_health.engine import Engine
from tests.usecases.institution_health.ground import BANK, HOUR


@pytest.fixture
def engine(world: World) -> Engine:
    return Engine(world, size=6, each=1)


def test_a_bank_that_was_set_down_works_again_soon_after_the_override(engine: Engine) -> None:
    began = engine.world.clock.at
    engine.override(BANK, HealthState.DOWN, lasting=HOUR, by="ana")
    engine.judge(BANK)
    assert (engine.state(), engine.paused_until() is not None) == (HealthState.DOWN, True)
    for _ in range(24):  # two hours in which Plaid updates no item, as usual
        engine.world.clock.move(timedelta(minutes=5))
        engine.judge_enqueued()
        engine.sync_enqueued()
        if engine.world.clock.at - began < HOUR:
            assert engine.state() is HealthState.DOWN
    assert engine.paused_until() is None
    assert engine.state() is HealthState.HEALTHY


def test_a_bank_that_is_down_is_so_again_after_it_was_set_healthy(engine: Engine) -> None:
    engine.goes_down_at_bank()
    engine.live(HOUR)
    engine.override(BANK, HealthState.HEALTHY, lasting=HOUR, by="ana")
    engine.judge(BANK)
    assert (engine.state(), engine.paused_until()) == (HealthState.HEALTHY, None)
    engine.live(HOUR)
    engine.goes_down_at_bank()  # Plaid confirms its status
    engine.live(HOUR / 2)
    assert engine.state() is HealthState.DOWN


def test_an_override_costs_no_check_of_any_connection(engine: Engine) -> None:
    engine.goes_down_at_bank()
    engine.live(HOUR)
    engine.override(BANK, HealthState.HEALTHY, lasting=HOUR, by="ana")
    engine.judge(BANK)
    engine.goes_down_at_bank()  # the evidence is as clear as before
    before = engine.world.calls.log.count("bank.item")
    engine.world.clock.move(timedelta(minutes=5))
    engine.judge(BANK)
    assert engine.world.calls.log.count("bank.item") == before
