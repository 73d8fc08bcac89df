"""The contract of the port `Institutions`: the same tests over the fake and over Firestore."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.clock import SystemClock
from shared.adapters.firestore import institutions as firestore_institutions
from shared.adapters.firestore.institutions import FirestoreInstitutions
from shared.domain.region import KeyPairs, Region
from shared.ports import Institutions
from shared.usecases.linking.find_institution import FindInstitution
from tests.fakes import FakeClock, FakeInstitutions, FakePlaid, institution

NOW = datetime(2001, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)  # long before other tests' documents
LONG_AGO = NOW - timedelta(days=3650)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture(params=["fake", "firestore"])
def institutions(request: pytest.FixtureRequest) -> Institutions:
    if request.param == "fake":
        return FakeInstitutions()
    return FirestoreInstitutions(request.getfixturevalue("firestore_client"))


@pytest.fixture
def name() -> str:
    return f"ins_contract_{uuid.uuid4().hex[:12]}"


def test_institution_is_read_as_written(institutions: Institutions, name: str) -> None:
    assert institutions.find(name) is None
    stored = institution(name, at=NOW, countries=("US", "CA"))
    institutions.put(stored)
    assert institutions.find(name) == stored
    renamed = institution(name, name="Second Bank", at=LATER)
    institutions.put(renamed)
    assert institutions.find(name) == renamed


def test_institutions_fetched_before_a_moment_are_listed_oldest_first(institutions: Institutions, name: str) -> None:
    for age in (2, 3, 1):
        institutions.put(institution(f"{name}-{age}", at=NOW - timedelta(days=age)))
    institutions.put(institution(f"{name}-0", at=NOW))

    def mine(limit: int = 1000) -> list[str]:
        found = institutions.stale(NOW, now=NOW, limit=limit)
        return [one.institution_id for one in found if one.institution_id.startswith(name)]

    assert mine() == [f"{name}-3", f"{name}-2", f"{name}-1"]
    assert len(institutions.stale(NOW, now=NOW, limit=2)) == 2
    institutions.put_off(f"{name}-3", until=LATER)
    assert mine() == [f"{name}-2", f"{name}-1", f"{name}-3"], "deferred institutions come last"
    found = institutions.stale(NOW, now=LATER, limit=1000)
    assert next(i.institution_id for i in found if i.institution_id.startswith(name)) == f"{name}-3", "until its time"


def test_deferred_institutions_do_not_hide_the_others(
    institutions: Institutions, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firestore_institutions, "PAGE", 2)
    for number in range(7):
        institutions.put(institution(f"{name}-{number}", at=LONG_AGO + timedelta(minutes=number)))
        if number < 6:
            institutions.put_off(f"{name}-{number}", until=LATER)
    found = institutions.stale(LONG_AGO + timedelta(hours=1), now=NOW, limit=1)
    assert [one.institution_id for one in found] == [f"{name}-6"]


def test_deferring_a_missing_institution_is_harmless(institutions: Institutions, name: str) -> None:
    institutions.put_off(name, until=LATER)
    assert institutions.find(name) is None


def test_claim_excludes_others_until_it_is_released_or_expires(institutions: Institutions, name: str) -> None:
    claim = institutions.claim(name, now=NOW, until=LATER)
    assert claim is not None
    assert institutions.claim(name, now=NOW, until=LATER) is None
    institutions.release(name, expected=claim)
    assert institutions.claim(name, now=NOW, until=LATER) is not None
    assert institutions.claim(name, now=LATER, until=LATER + timedelta(minutes=1)) is not None
    assert institutions.claim(name, now=LATER, until=LATER + timedelta(minutes=1)) is None


def test_stale_claim_owner_cannot_release_the_claim_of_another(institutions: Institutions, name: str) -> None:
    over = institutions.claim(name, now=NOW, until=LATER)
    assert over is not None
    assert institutions.claim(name, now=LATER, until=LATER + timedelta(minutes=1)) is not None
    institutions.release(name, expected=over)
    assert institutions.claim(name, now=LATER, until=LATER + timedelta(minutes=1)) is None


@pytest.mark.parametrize("before", ["nothing", "a claim that is over"])
def test_only_one_of_many_concurrent_claims_succeeds(institutions: Institutions, name: str, before: str) -> None:
    if before != "nothing":
        assert institutions.claim(name, now=NOW - timedelta(days=1), until=NOW) is not None
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: institutions.claim(name, now=NOW, until=LATER), range(8)))
    assert len([claim for claim in claims if claim is not None]) == 1


@pytest.mark.emulator
def test_concurrent_cache_misses_of_instances_make_one_call(request: pytest.FixtureRequest, name: str) -> None:
    client = request.getfixturevalue("firestore_client")
    bank = FakePlaid(FakeClock(datetime.now(UTC)))
    all_have_missed, fetched = threading.Barrier(8, timeout=60), threading.Event()
    first_wait = threading.local()

    def fetching(_: str) -> None:
        all_have_missed.wait()

    def sleep(_: float) -> None:
        if not hasattr(first_wait, "over"):
            first_wait.over = all_have_missed.wait()
        assert fetched.wait(60)

    bank.calls.before = fetching

    def instance(_: int) -> str:
        found = FindInstitution(
            country_codes=("US",),
            key_pairs=KeyPairs(),
            institutions=FirestoreInstitutions(client),
            plaid=bank,
            clock=SystemClock(),
            sleep=sleep,
        )(name, Region.US)
        fetched.set()
        return found.name

    with ThreadPoolExecutor(8) as instances:
        assert set(instances.map(instance, range(8))) == {"First Bank"}
    assert bank.calls.log == ["bank.institution"]
