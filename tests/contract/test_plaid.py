"""The contract of the port `Bank`: the same tests over the fake and over Plaid's client and simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from emulators.plaid import institutions as simulated
from shared.adapters.plaid.client import PlaidClient
from shared.domain.connection import Action
from shared.domain.errors import ErrorClass, ProviderError
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import Region
from shared.domain.status import action_for
from shared.ports import Plaid
from shared.settings import Settings
from tests.fakes import FakeClock, FakePlaid, institution, problem, row
from tests.simulator.harness import Sim, running_simulator

BANK = "ins_109508"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Sim]:
    with running_simulator() as running:
        yield running


@pytest.fixture(params=["fake", "simulator"])
def bank(request: pytest.FixtureRequest) -> Plaid:
    if request.param == "fake":
        fake = FakePlaid(FakeClock())
        for one in simulated._ALL:
            known = institution(one.institution_id, name=one.name, countries=one.countries)
            fake.catalogue[one.institution_id] = known
        return fake
    sim = request.getfixturevalue("simulator")
    given: dict[str, Any] = {"plaid_client_id": "id", "plaid_secret": "secret", "plaid_base_url": sim.url}
    return PlaidClient(settings=Settings(project="demo-bank", **given), clock=FakeClock())


def test_an_institution_is_known_by_its_own_countries(bank: Plaid) -> None:
    found = bank.institution(BANK, country_codes=("US",), region=Region.US)
    assert (found.institution_id, found.name) == (BANK, "First Platypus Bank")
    for unknown in (("ins_0", ("US",)), (BANK, ("FR",))):
        with pytest.raises(ProviderError) as refused:
            bank.institution(unknown[0], country_codes=unknown[1], region=Region.US)
        assert refused.value.error_code == "INVALID_INSTITUTION"


def test_all_institutions_of_some_countries_come_page_by_page(bank: Plaid) -> None:
    names, offset, total = [], 0, 1
    while offset < total:
        page = bank.institutions(country_codes=("US", "CA"), region=Region.US, offset=offset, count=4)
        assert page.size == len(page.institutions) <= 4
        names += [one.institution_id for one in page.institutions]
        offset, total = offset + page.size, page.total
    assert len(names) == len(set(names)) == total
    wanted = {one.institution_id for one in simulated._ALL if {*one.countries} & {"US", "CA"}}
    assert set(names) == wanted


def test_page_after_the_last_is_empty(bank: Plaid) -> None:
    page = bank.institutions(country_codes=("US",), region=Region.US, offset=10_000, count=500)
    assert (page.institutions, page.size) == ([], 0)
    assert page.total > 0


def test_a_listed_institution_is_the_same_as_a_single_one(bank: Plaid) -> None:
    listed = {
        one.institution_id: one
        for one in bank.institutions(country_codes=("US",), region=Region.US, offset=0, count=500).institutions
    }
    single = bank.institution(BANK, country_codes=("US",), region=Region.US)
    assert listed[BANK].model_copy(update={"fetched_at": single.fetched_at}) == single


def test_a_check_of_transactions_is_refused_like_a_sync_and_moves_nothing(
    bank: Plaid, request: pytest.FixtureRequest
) -> None:
    if isinstance(bank, FakePlaid):
        bank.page_rows = 500
        item = bank.new_item("1")
        item.add(row("t1"))
        token = PlaidToken("token-1", Region.US)
    else:
        linked = request.getfixturevalue("simulator").generated(20)
        token = PlaidToken(linked.access_token, Region.US)
    before = bank.changes(token, cursor=None)
    bank.check_transactions(token)
    assert bank.changes(token, cursor=None).added == before.added
    if isinstance(bank, FakePlaid):
        item.refuses_data = problem(ErrorClass.USER, "ADDITIONAL_CONSENT_REQUIRED")
    else:
        linked.control("state", state="consent_missing")
    for refused_one in (bank.check_transactions, lambda t: bank.changes(t, cursor=None)):
        with pytest.raises(ProviderError) as refused:
            refused_one(token)
        assert (refused.value.error_code, action_for(refused.value)) == (
            "ADDITIONAL_CONSENT_REQUIRED",
            Action.RECONNECT,
        )


def test_new_access_token_replaces_the_old_one_at_once_and_cursors_stay_valid(
    bank: Plaid, request: pytest.FixtureRequest
) -> None:
    if isinstance(bank, FakePlaid):
        bank.page_rows = 500
        bank.new_item("1").add(row("t1"), row("t2"))
        old = PlaidToken("token-1", Region.US)
    else:
        old = PlaidToken(request.getfixturevalue("simulator").generated(20).access_token, Region.US)
    before = bank.changes(old, cursor=None)
    assert before.added
    new = bank.invalidate(old)
    assert bank.item(new).item_id
    after = bank.changes(new, cursor=before.next_cursor)
    assert (after.added, after.modified, after.removed) == ([], [], [])
    refusals: list[Callable[[PlaidToken], object]] = [
        bank.item,
        bank.invalidate,
        lambda t: bank.changes(t, cursor=None),
    ]
    for refused_one in refusals:
        with pytest.raises(ProviderError) as refused:
            refused_one(old)
        assert refused.value.error_code == "INVALID_ACCESS_TOKEN"
        assert refused.value.is_about_token
        assert not refused.value.may_have_happened
    with pytest.raises(ProviderError) as unknown:
        bank.remove(old)
    assert unknown.value.error_code == "INVALID_ACCESS_TOKEN", "it says nothing about the item"
    assert bank.remove(new)
    assert not bank.remove(new), "it is gone already"
