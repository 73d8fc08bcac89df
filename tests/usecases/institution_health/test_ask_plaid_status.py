"""Plaid's status of a bank is asked for with the keys that serve the bank's countries."""

from __future__ import annotations

import pytest

from shared.domain.errors import ErrorClass, ProviderError
from shared.domain.institution import InstitutionInfo
from shared.domain.institution_health.evidence import HealthState, PlaidStatus
from shared.domain.region import KeyPairs, Region
from tests.fakes import problem
from tests.usecases.conftest import World
from tests.usecases.institution_health.engine import STOPPED, Engine
from tests.usecases.institution_health.ground import HOUR

ABROAD, BOTH, UNKNOWN = "ins_gb", "ins_both", "ins_unknown"


@pytest.fixture
def engine(world: World) -> Engine:
    engine = Engine(world, size=1, others=())
    for name, countries in {ABROAD: ("GB",), BOTH: ("US", "GB"), UNKNOWN: ("FR",)}.items():
        known = InstitutionInfo(
            institution_id=name, name=name, country_codes=countries, fetched_at=engine.world.clock.at
        )
        engine.world.plaid.catalogue[name] = known
        if name != UNKNOWN:
            engine.institutions.put(known)
        engine.world.plaid.statuses[name] = PlaidStatus(engine.world.clock.at, **STOPPED)  # type: ignore[arg-type]
    engine.world.plaid.asked_for_status.clear()
    return engine


@pytest.mark.parametrize(("name", "region"), [(ABROAD, Region.EU), (BOTH, Region.US)])
def test_the_pair_that_serves_the_bank_s_countries_is_used(engine: Engine, name: str, region: Region) -> None:
    engine.world.key_pairs = KeyPairs(has_eu=True)
    assert engine.ask_status(name) is not None
    assert engine.world.plaid.asked_for_status == [(name, region)]


@pytest.mark.parametrize("name", [ABROAD, BOTH, UNKNOWN])
def test_without_a_second_pair_the_first_one_finds_every_bank_and_no_cache_is_read(engine: Engine, name: str) -> None:
    engine.institutions.calls.log.clear()
    assert engine.ask_status(name) is not None
    assert {region for _, region in engine.world.plaid.asked_for_status} == {Region.US}
    assert engine.institutions.calls.log == []


def test_a_bank_that_the_cache_does_not_have_is_found_with_the_other_pair(engine: Engine) -> None:
    engine.world.key_pairs = KeyPairs(has_eu=True)
    assert engine.ask_status(UNKNOWN) is not None
    assert engine.world.plaid.asked_for_status == [(UNKNOWN, Region.US), (UNKNOWN, Region.EU)]


def test_a_pair_whose_keys_do_not_work_leaves_the_bank_to_the_other_one(engine: Engine) -> None:
    engine.world.key_pairs = KeyPairs(has_eu=True)
    engine.world.plaid.fail("institution_status", problem(ErrorClass.CONFIGURATION, "INVALID_API_KEYS"))
    assert engine.ask_status(ABROAD) is not None
    assert engine.world.plaid.asked_for_status == [(ABROAD, Region.US)]


def test_a_plaid_that_is_down_is_asked_once(engine: Engine) -> None:
    engine.world.key_pairs = KeyPairs(has_eu=True)
    down = problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")
    engine.world.plaid.fail("institution_status", down)
    engine.world.calls.log.clear()
    with pytest.raises(ProviderError):
        engine.ask_status(ABROAD)
    assert engine.world.calls.log == ["bank.institution_status"]


def test_an_outage_abroad_is_detected_and_ended_with_the_second_pair_alone(world: World) -> None:
    world.key_pairs, world.plaid.region = KeyPairs(has_eu=True), Region.EU
    engine = Engine(world)
    for one in list(engine.institutions.known.values()):
        engine.institutions.put(one.model_copy(update={"country_codes": ("FR",)}))
    world.plaid.asked_for_status.clear()
    engine.goes_down_at_bank()
    engine.live(HOUR)
    assert engine.state() is HealthState.DOWN
    engine.comes_back()
    engine.live(4 * HOUR)
    assert engine.state() is HealthState.HEALTHY
    assert {region for _, region in world.plaid.asked_for_status} == {Region.EU}
