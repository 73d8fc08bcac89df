"""The contract of the port `Links`: the same tests over the fake and over Firestore."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.firestore.link_sessions import MAX_SESSIONS, FirestoreLinks
from shared.domain import retention
from shared.domain.connection import SealedToken
from shared.domain.hosted_link import LinkOutcome, LinkResult, LinkSession, digest
from shared.domain.region import Region
from shared.ports import Links
from tests.fakes import FakeLinks

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
SEALED = SealedToken(ciphertext="c", key_id="k")


@pytest.fixture(params=["fake", "firestore"])
def links(request: pytest.FixtureRequest) -> Links:
    if request.param == "fake":
        return FakeLinks()
    return FirestoreLinks(request.getfixturevalue("firestore_client"))


@pytest.fixture
def token() -> str:
    return f"link-sandbox-{uuid.uuid4()}"


def result(token: str) -> LinkResult:
    return LinkResult(digest(token), "alice", SEALED, NOW)


SESSION = LinkSession("alice", NOW + timedelta(hours=4))


@pytest.mark.parametrize("session", [SESSION, LinkSession("bob", NOW + timedelta(minutes=30), hosted=True)])
def test_a_session_is_found_by_its_link_token(links: Links, token: str, session: LinkSession) -> None:
    assert links.session(token) is None
    links.remember(token, session, now=NOW)
    assert links.session(token) == session
    assert links.session(token + "x") is None


def test_session_in_the_former_format_is_one_of_hosted_link(firestore_client: Any, token: str) -> None:
    old = {"app_user_id": "alice", "expires_at": NOW + retention.LINK_SESSION}
    firestore_client.document("bank_link_sessions", digest(token)).set(old)
    assert FirestoreLinks(firestore_client).session(token) == LinkSession(
        "alice", NOW + retention.LINK_SESSION, hosted=True
    )


def test_a_result_is_kept_once(links: Links, token: str) -> None:
    assert links.result(digest(token)) is None
    assert links.keep(result(token))
    later = LinkResult(digest(token), "bob", None, NOW + timedelta(hours=1))
    assert not links.keep(later)
    assert links.result(digest(token)) == result(token)


def test_settled_result_has_an_outcome_and_no_token(links: Links, token: str) -> None:
    links.keep(result(token))
    links.settle(digest(token), LinkOutcome.CONNECTED, connection_id="c1")
    expected = LinkResult(digest(token), "alice", None, NOW, LinkOutcome.CONNECTED, "c1")
    assert links.result(digest(token)) == expected
    assert not links.keep(result(token)), "a late webhook restores nothing"
    assert links.result(digest(token)) == expected


def test_settling_an_expired_result_is_harmless(links: Links, token: str) -> None:
    links.settle(digest(token), LinkOutcome.UNUSABLE, connection_id=None)
    assert links.result(digest(token)) is None


def test_a_user_is_updating_while_a_link_token_for_update_mode_can_be_used(links: Links, token: str) -> None:
    user = f"user-of-{token}"
    usable_until = NOW + timedelta(hours=4)
    links.remember(token, LinkSession(user, usable_until), now=NOW)
    assert not links.is_updating(user, now=NOW), "that one is for another bank"
    links.remember(f"{token}-update", LinkSession(user, usable_until, updates=True), now=NOW)
    assert links.is_updating(user, now=NOW)
    assert links.is_updating(user, now=usable_until - timedelta(seconds=1))
    assert not links.is_updating(user, now=usable_until)
    assert not links.is_updating(f"{user}-another", now=NOW)


def test_regions_are_those_of_the_users_link_tokens_that_were_usable_after_a_moment(links: Links, token: str) -> None:
    user, usable_until = f"user-of-{token}", NOW + timedelta(hours=4)
    assert links.regions(user, usable_after=NOW) == frozenset()
    links.remember(token, LinkSession(user, usable_until, updates=True, region=Region.EU), now=NOW)
    assert links.regions(user, usable_after=NOW) == {Region.EU}
    links.remember(f"{token}-2", LinkSession(user, usable_until + timedelta(hours=1)), now=NOW)
    assert links.regions(user, usable_after=NOW) == {Region.EU, Region.US}
    assert links.regions(user, usable_after=usable_until) == {Region.US}
    assert links.regions(f"{user}-another", usable_after=NOW) == frozenset()
    found = links.session(token)
    assert found is not None
    assert found.region is Region.EU


def test_no_session_is_overlooked_among_many(links: Links, token: str) -> None:
    """A program may create link tokens by the minute; the newest one decides as much as the others."""
    user = f"user-of-{token}"
    for number in range(MAX_SESSIONS):
        until = NOW + timedelta(hours=4, seconds=number)
        links.remember(f"{token}-{number}", LinkSession(user, until), now=NOW)
    links.remember(token, LinkSession(user, NOW + timedelta(hours=5), region=Region.EU), now=NOW)
    assert links.regions(user, usable_after=NOW) == {Region.EU, Region.US}


def test_session_that_was_stored_without_a_region_is_of_the_first_pair(firestore_client: Any, token: str) -> None:
    firestore_client.document("bank_link_sessions", digest(token)).set({"app_user_id": "alice", "expires_at": NOW})
    found = FirestoreLinks(firestore_client).session(token)
    assert found is not None
    assert found.region is Region.US


def test_documents_are_named_by_hashes_and_expire(firestore_client: Any, token: str) -> None:
    links = FirestoreLinks(firestore_client)
    links.remember(token, SESSION, now=NOW)
    links.keep(result(token))
    session = firestore_client.document("bank_link_sessions", digest(token)).get().to_dict()
    assert session == {
        "app_user_id": "alice",
        "usable_until": SESSION.usable_until,
        "hosted": False,
        "updates": False,
        "region": "us",
        "expires_at": NOW + retention.LINK_SESSION,
    }
    stored = firestore_client.document("bank_link_results", digest(token)).get().to_dict()
    assert stored["public_token"] == {"ciphertext": "c", "key_id": "k", "generation": 1, "region": "us"}
    assert stored["expires_at"] == NOW + retention.LINK_SESSION
