"""The contract of the port `Pushes`: the same tests over the fake and over Firestore."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.firestore.pushes import FirestorePushes
from shared.ports import Pushes
from tests.fakes import FakePushes

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Subject:
    pushes: Pushes
    write: Callable[[str, Any], None]  # what a user's app writes about its devices


@pytest.fixture(params=["fake", "firestore"])
def subject(request: pytest.FixtureRequest) -> Subject:
    if request.param == "fake":
        fake = FakePushes()
        return Subject(fake, fake.write)
    client = request.getfixturevalue("firestore_client")

    def write(uid: str, tokens: Any) -> None:
        client.document("users", uid).set({"notification_tokens": tokens, "language": "en"})

    return Subject(FirestorePushes(client), write)


@pytest.fixture
def uid() -> str:
    return f"contract-{uuid.uuid4().hex[:12]}"


def test_a_message_is_claimed_once(subject: Subject, uid: str) -> None:
    assert subject.pushes.claim(uid, "n1", now=NOW)
    assert not subject.pushes.claim(uid, "n1", now=NOW + timedelta(hours=1))
    assert subject.pushes.claim(uid, "n2", now=NOW)
    assert subject.pushes.claim(f"{uid}x", "n1", now=NOW)


def test_of_many_claims_at_once_one_succeeds(subject: Subject, uid: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: subject.pushes.claim(uid, "n1", now=NOW), range(16)))
    assert claimed.count(True) == 1


@pytest.mark.parametrize("written", [None, "phone", 7, ["a", None, 7], {"a": 1}, []])
def test_tokens_are_read_as_the_app_wrote_them(subject: Subject, uid: str, written: Any) -> None:
    assert subject.pushes.devices(uid).tokens is None
    subject.write(uid, written)
    assert subject.pushes.devices(uid).tokens == written


def test_users_who_store_a_token_are_found_with_the_time_of_their_last_write(subject: Subject, uid: str) -> None:
    shared, own = f"shared-{uid}", f"own-{uid}"
    subject.write(f"{uid}-text", shared)
    subject.write(f"{uid}-first", [shared, own])
    subject.write(f"{uid}-second", [7, None, shared])
    found = subject.pushes.holders([shared, own, f"unknown-{uid}"])
    assert {token: sorted(holders.listed) for token, holders in found.items()} == {
        shared: [f"{uid}-first", f"{uid}-second"],
        own: [f"{uid}-first"],
        f"unknown-{uid}": [],
    }
    assert {holders.owner for holders in found.values()} == {None}
    assert found[shared].listed[f"{uid}-first"] < found[shared].listed[f"{uid}-second"]
    assert found[shared].latest == f"{uid}-second"


def test_a_token_that_is_handed_over_is_stored_by_its_owner_alone(subject: Subject, uid: str) -> None:
    token, ann, bob = f"token-{uid}", f"{uid}-ann", f"{uid}-bob"
    subject.write(ann, [token, "another"])
    subject.write(bob, [token])
    subject.pushes.hand_over(token, to=bob, others={ann, f"{uid}-gone"}, now=NOW)
    found = subject.pushes.holders([token])[token]
    assert (found.owner, set(found.listed)) == (bob, {bob})
    assert subject.pushes.devices(ann).tokens == ["another"]
    subject.write(ann, ["another", token])
    found = subject.pushes.holders([token])[token]
    assert (found.owner, set(found.listed), found.latest) == (bob, {ann, bob}, ann)
    subject.pushes.hand_over(token, to=ann, others={bob}, now=NOW)
    assert subject.pushes.holders([token])[token].owner == ann


def test_an_owner_who_does_not_store_the_token_any_more_is_none(subject: Subject, uid: str) -> None:
    token = f"token-{uid}"
    subject.write(uid, [token])
    subject.pushes.hand_over(token, to=uid, others=(), now=NOW)
    subject.pushes.drop_tokens(uid, [token])
    assert subject.pushes.holders([token])[token].latest is None
    subject.write(f"{uid}-next", [token])
    assert subject.pushes.holders([token])[token].latest == f"{uid}-next"


def test_tokens_are_dropped_and_no_others(subject: Subject, uid: str) -> None:
    subject.write(uid, ["a", "b", "c"])
    subject.pushes.drop_tokens(uid, ["c", "a", "never-there"])
    assert subject.pushes.devices(uid).tokens == ["b"]


def test_deleted_user_has_no_tokens_to_drop(subject: Subject, uid: str) -> None:
    subject.pushes.drop_tokens(uid, ["a"])
    assert subject.pushes.devices(uid).tokens is None


def test_claim_does_not_name_the_user_and_expires(firestore_client: Any, uid: str) -> None:
    FirestorePushes(firestore_client).claim(uid, "n1", now=NOW)
    name = hashlib.sha256(f"{len(uid)}:{uid}:n1".encode()).hexdigest()
    assert firestore_client.document("bank_pushes", name).get().to_dict() == {"expires_at": NOW + timedelta(days=7)}


def test_the_record_of_a_device_names_neither_user_nor_token_and_expires(firestore_client: Any, uid: str) -> None:
    token = f"token-{uid}"
    FirestorePushes(firestore_client).hand_over(token, to=uid, others=(), now=NOW)
    name = hashlib.sha256(token.encode()).hexdigest()
    found = firestore_client.document("bank_device_tokens", name).get().to_dict()
    assert set(found) == {"owner", "expires_at"}
    assert found["expires_at"] == NOW + timedelta(days=270)
    assert uid not in str(found)


def test_the_rest_of_the_users_document_stays(firestore_client: Any, uid: str) -> None:
    firestore_client.document("users", uid).set({"notification_tokens": ["a"], "role": "customer"})
    FirestorePushes(firestore_client).drop_tokens(uid, ["a"])
    assert firestore_client.document("users", uid).get().to_dict() == {"notification_tokens": [], "role": "customer"}
