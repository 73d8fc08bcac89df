"""Failures at many banks at once are Plaid's or our own: no bank is blamed, even while all are suspected."""

from __future__ import annotations

from shared.domain.institution_health.evidence import HealthState, PlaidStatus, RefreshInterval
from tests.usecases.conftest import World
from tests.usecases.institution_health.engine import OTHERS, Engine
from tests.usecases.institution_health.ground import BANK

BANKS = (BANK, *OTHERS)


def test_suspected_banks_still_show_that_failures_are_everywhere(world: World) -> None:
    engine = Engine(world, size=12, each=12)
    for bank in BANKS:
        world.plaid.statuses[bank] = PlaidStatus(
            world.clock.at,
            success=0.98,
            error_plaid=0.01,
            error_institution=0.01,
            refresh_interval=RefreshInterval.DELAYED,
        )
    engine.tick()
    assert [engine.state(bank) for bank in BANKS] == [HealthState.SUSPECTED] * len(BANKS)
    for bank in BANKS:
        engine.goes_down_at_bank(bank, reported=False)
    engine.refreshes(*engine.names)
    engine.tick()
    assert {engine.state(bank) for bank in BANKS} <= {HealthState.HEALTHY, HealthState.SUSPECTED}
    assert [engine.paused_until(bank) for bank in BANKS] == [None] * len(BANKS)
