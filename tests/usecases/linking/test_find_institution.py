"""An institution is fetched once for all callers, and refreshed in bulk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.errors import ErrorClass, ProviderError
from shared.domain.institution import FRESH_FOR, REFRESH_AFTER, InstitutionInfo
from shared.domain.region import Region
from shared.usecases.linking import refresh_institutions as refreshing
from shared.usecases.linking.find_institution import CLAIM_FOR, WAITS, FindInstitution
from shared.usecases.linking.refresh_institutions import Refreshed, RefreshInstitutions
from tests.fakes import START, Crash, FakeInstitutions, institution, problem
from tests.usecases.conftest import World

OLD = START - FRESH_FOR


@pytest.fixture
def cache(world: World) -> FakeInstitutions:
    return FakeInstitutions(world.calls)


def find(
    world: World, cache: FakeInstitutions, name: str = "ins_1", *, sleep: Callable[[float], None] | None = None
) -> InstitutionInfo:
    return FindInstitution(
        key_pairs=world.key_pairs,
        country_codes=("US",),
        institutions=cache,
        plaid=world.plaid,
        clock=world.clock,
        sleep=sleep or (lambda seconds: world.clock.move(timedelta(seconds=seconds))),
    )(name, Region.US)


def refresh(world: World, cache: FakeInstitutions) -> Refreshed:
    return RefreshInstitutions(
        key_pairs=world.key_pairs, country_codes=("US",), institutions=cache, plaid=world.plaid, clock=world.clock
    )()


def down() -> ProviderError:
    return problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")


def at_bank(world: World) -> list[str]:
    return [name for name in world.calls.log if name.startswith("bank.")]


def test_second_look_up_is_served_from_the_cache(world: World, cache: FakeInstitutions) -> None:
    first = find(world, cache)
    world.clock.move(FRESH_FOR - timedelta(minutes=1))
    looked = len(world.calls.log)
    assert find(world, cache) == first
    assert world.calls.log[looked:] == ["institutions.find"]


def test_a_stale_institution_is_fetched_again_and_served_as_it_is_while_plaid_is_down(
    world: World, cache: FakeInstitutions
) -> None:
    cache.put(institution(name="Old Bank", at=OLD))
    world.plaid.fail("institution", down())
    assert find(world, cache).name == "Old Bank"
    assert find(world, cache).name == "First Bank"


def test_callers_get_the_stale_entry_while_another_fetches(world: World, cache: FakeInstitutions) -> None:
    cache.put(institution(name="Old Bank", at=OLD))
    meanwhile: list[str] = []

    def look(name: str) -> None:
        if name == "bank.institution":
            world.calls.before = None
            meanwhile.append(find(world, cache, sleep=lambda _: pytest.fail("waited")).name)

    world.calls.before = look
    assert find(world, cache).name == "First Bank"
    assert meanwhile == ["Old Bank"]
    assert at_bank(world) == ["bank.institution"]


def test_concurrent_cache_misses_make_one_call(world: World, cache: FakeInstitutions) -> None:
    world.calls.before = lambda name: time.sleep(0.05 if name == "bank.institution" else 0)
    found: list[InstitutionInfo] = []
    sleep: Callable[[float], None] = lambda _: time.sleep(0.02)  # noqa: E731
    askers = [threading.Thread(target=lambda: found.append(find(world, cache, sleep=sleep))) for _ in range(10)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert [one.name for one in found] == ["First Bank"] * 10
    assert at_bank(world) == ["bank.institution"]


def test_caller_that_lost_the_race_for_the_claim_makes_no_second_call(world: World, cache: FakeInstitutions) -> None:
    def meanwhile(name: str) -> None:
        if name == "institutions.claim":
            world.calls.before = None
            find(world, cache)

    world.calls.before = meanwhile
    assert find(world, cache).name == "First Bank"
    assert at_bank(world) == ["bank.institution"]


def test_next_caller_fetches_after_the_first_one_failed(world: World, cache: FakeInstitutions) -> None:
    claim = cache.claim("ins_1", now=START, until=START + CLAIM_FOR)
    assert claim is not None
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        cache.release("ins_1", expected=claim)

    assert find(world, cache, sleep=wait).name == "First Bank"
    assert len(waited) == 1


def test_failure_releases_the_claim_and_is_raised_without_a_stale_entry(world: World, cache: FakeInstitutions) -> None:
    world.plaid.fail("institution", down())
    with pytest.raises(ProviderError):
        find(world, cache)
    assert cache.claims == {}


def test_wait_for_a_dead_claim_owner_is_bounded(world: World, cache: FakeInstitutions) -> None:
    world.calls.crash_before = 2  # find, claim
    with pytest.raises(Crash):
        find(world, cache)
    world.calls.crash_before = None
    before = world.clock.at
    assert find(world, cache).name == "First Bank"
    assert world.clock.at - before < timedelta(seconds=sum(WAITS) + 1) < timedelta(seconds=10)


def test_claim_that_was_not_released_expires(world: World, cache: FakeInstitutions) -> None:
    cache.put(institution(name="Old Bank", at=OLD))
    cache.claim("ins_1", now=START, until=START + CLAIM_FOR)
    assert find(world, cache).name == "Old Bank"
    world.clock.move(CLAIM_FOR)
    assert find(world, cache).name == "First Bank"


def test_an_institution_of_another_country_is_found(world: World, cache: FakeInstitutions) -> None:
    world.plaid.catalogue = {"ins_9": institution("ins_9", name="Banque", countries=("FR",))}
    assert find(world, cache, "ins_9").name == "Banque"


# -- the daily refresh ------------------------------------------------------------------------------------------------


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshing, "PAGE", 5)


def listed(world: World, count: int, **kwargs: object) -> list[str]:
    """Institutions that Plaid lists under new names."""
    ids = [f"ins_{n}" for n in range(count)]
    world.plaid.catalogue |= {i: institution(i, name=f"New {i}") for i in ids}
    return ids


def cached(cache: FakeInstitutions, *ids: str, age: timedelta = REFRESH_AFTER) -> None:
    for i in ids:
        cache.put(institution(i, name=f"Old {i}", at=START - age))


def test_stale_entries_are_refreshed_in_bulk(world: World, cache: FakeInstitutions) -> None:
    cached(cache, *listed(world, 30))
    cached(cache, "ins_3", age=timedelta(days=1))
    assert refresh(world, cache) == Refreshed(refreshed=29, left=0)
    assert at_bank(world) == ["bank.institutions"]
    assert {i for i, one in cache.known.items() if one.name.startswith("Old")} == {"ins_3"}
    assert all(one.is_fresh(world.clock.at) for one in cache.known.values())
    assert refresh(world, cache) == Refreshed(refreshed=0, left=0)


def test_listed_institution_without_connections_is_not_cached(world: World, cache: FakeInstitutions) -> None:
    cached(cache, *listed(world, 30)[:3])
    refresh(world, cache)
    assert len(cache.known) == 3


@pytest.mark.usefixtures("small_pages")
def test_pages_are_read_only_while_they_save_calls(world: World, cache: FakeInstitutions) -> None:
    ids = listed(world, 40)
    cached(cache, *ids[:3], *ids[38:])
    assert refresh(world, cache) == Refreshed(refreshed=5, left=0)
    assert at_bank(world) == ["bank.institutions", "bank.institution", "bank.institution"]


def test_single_stale_institution_is_fetched_by_id(world: World, cache: FakeInstitutions) -> None:
    cached(cache, listed(world, 30)[7])
    assert refresh(world, cache) == Refreshed(refreshed=1, left=0)
    assert at_bank(world) == ["bank.institution"]


@pytest.mark.usefixtures("small_pages")
def test_list_is_read_up_to_its_end(world: World, cache: FakeInstitutions) -> None:
    cached(cache, *listed(world, 12), "ins_x1", "ins_x2")
    refresh(world, cache)
    assert at_bank(world) == ["bank.institutions"] * 3 + ["bank.institution"] * 4


@pytest.mark.usefixtures("small_pages")
def test_list_with_a_wrong_total_is_not_read_forever(world: World, cache: FakeInstitutions) -> None:
    cached(cache, *listed(world, 4), *(f"ins_x{n}" for n in range(30)))
    really = world.plaid.institutions
    endless = lambda **page: replace(really(**page), total=100)  # noqa: E731
    setattr(world.plaid, "institutions", endless)  # noqa: B010 (a method, for one test)
    refresh(world, cache)
    assert at_bank(world).count("bank.institutions") == 2


def test_list_is_requested_for_the_countries_of_stale_entries(world: World, cache: FakeInstitutions) -> None:
    for n in range(3):
        found = institution(f"ins_{n}", name=f"New ins_{n}", countries=("FR",))
        world.plaid.catalogue[f"ins_{n}"] = found
        cache.put(found.model_copy(update={"name": "Old", "fetched_at": OLD}))
    cache.put(institution("ins_x", countries=("FR",), at=OLD))
    refresh(world, cache)
    # The institution that is not listed is unknown in its own country, and then in all countries.
    assert at_bank(world) == ["bank.institutions", "bank.institution", "bank.institution"]


def test_institution_of_another_country_is_requested_with_that_country(world: World, cache: FakeInstitutions) -> None:
    world.plaid.catalogue["ins_fr"] = institution("ins_fr", countries=("FR",))
    cache.put(institution("ins_fr", countries=("FR",), at=OLD))
    refresh(world, cache)
    assert at_bank(world) == ["bank.institution"]


def test_single_failures_do_not_end_a_refresh(world: World, cache: FakeInstitutions) -> None:
    cached(cache, *(f"ins_{n}" for n in range(10)))
    world.plaid.fail("institutions", down())

    def every_second(name: str) -> None:
        if name == "bank.institution" and at_bank(world).count(name) % 2:
            world.plaid.fail("institution", down())

    world.calls.before = every_second
    assert refresh(world, cache) == Refreshed(refreshed=5, left=5)


@pytest.mark.usefixtures("small_pages")
def test_institution_missing_from_the_list_is_fetched_by_id(world: World, cache: FakeInstitutions) -> None:
    ids = listed(world, 10)
    world.plaid.catalogue["ins_fr"] = institution("ins_fr", name="New ins_fr", countries=("FR",))
    cached(cache, *ids, "ins_fr")
    cache.known["ins_fr"] = cache.known["ins_fr"].model_copy(update={"country_codes": ()})
    assert refresh(world, cache) == Refreshed(refreshed=11, left=0)
    assert cache.known["ins_fr"].name == "New ins_fr"


def test_institution_unknown_to_plaid_is_kept_and_rarely_requested(world: World, cache: FakeInstitutions) -> None:
    listed(world, 1)
    cached(cache, "ins_gone")
    assert refresh(world, cache) == Refreshed(refreshed=1, left=0)
    assert cache.known["ins_gone"].name == "Old ins_gone"
    calls = len(at_bank(world))
    refresh(world, cache)
    assert len(at_bank(world)) == calls


@pytest.mark.usefixtures("small_pages")
def test_refresh_interrupted_by_plaid_is_resumed_by_the_next(world: World, cache: FakeInstitutions) -> None:
    cached(cache, *listed(world, 12))
    world.plaid.fail("institution", *[down()] * 50)

    def second_page_fails(name: str) -> None:
        if at_bank(world) == ["bank.institutions"] * 2:
            world.calls.before = None
            world.plaid.fail("institutions", problem(ErrorClass.TRANSIENT, "INSTITUTIONS_GET_LIMIT"))

    world.calls.before = second_page_fails
    assert refresh(world, cache) == Refreshed(refreshed=5, left=7)
    assert at_bank(world).count("bank.institution") == refreshing.MAX_FAILURES, "Plaid is down: the refresh stops"
    world.plaid.errors.clear()
    assert refresh(world, cache) == Refreshed(refreshed=7, left=0)


@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
def test_crash_at_any_call_affects_only_that_refresh(where: str) -> None:
    for number in range(40):
        world = World()
        cache = FakeInstitutions(world.calls)
        cached(cache, *listed(world, 4), "ins_gone")
        setattr(world.calls, where, len(world.calls.log) + number)
        try:
            refresh(world, cache)
        except Crash:
            setattr(world.calls, where, None)
            refresh(world, cache)
            assert all(one.is_fresh(world.clock.at) for one in cache.known.values())
        else:
            assert number > 8
            return
    raise AssertionError("a turn has no end")


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("listing", [1, 100])
def test_refresh_ends_before_its_deadline(world: World, cache: FakeInstitutions, listing: int) -> None:
    listed(world, listing)
    cached(cache, *(f"ins_x{n}" for n in range(40)))
    world.calls.before = lambda name: world.clock.move(timedelta(seconds=30 * name.startswith("bank.")))
    done = refresh(world, cache)
    assert done.left
    assert len(at_bank(world)) < 10
