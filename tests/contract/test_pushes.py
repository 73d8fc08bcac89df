"""What the stories rely on in the port `Pushes`: the same tests over the fake and over Firestore."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulators.stack import Stack
from shared.adapters.firestore_pushes import FirestorePushes
from shared.ports import Pushes
from tests.fakes import FakePushes

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Subject:
    pushes: Pushes
    write: Callable[[str, Any], None]  # what a user's app writes of its devices


@pytest.fixture(scope="module")
def firestore_client(stack: Stack) -> Iterator[Any]:
    from google.cloud import firestore

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{stack.ports.firestore}")
        client = firestore.Client(project="demo-bank")
    yield client
    client.close()  # type: ignore[no-untyped-call]


@pytest.fixture(params=["fake", "firestore"])
def subject(request: pytest.FixtureRequest) -> Subject:
    if request.param == "fake":
        fake = FakePushes()
        return Subject(fake, lambda uid, tokens: fake.written.update({uid: tokens}))
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
def test_tokens_are_what_the_app_wrote_whatever_that_is(subject: Subject, uid: str, written: Any) -> None:
    assert subject.pushes.tokens(uid) is None
    subject.write(uid, written)
    assert subject.pushes.tokens(uid) == written


def test_tokens_are_dropped_and_no_others(subject: Subject, uid: str) -> None:
    subject.write(uid, ["a", "b", "c"])
    subject.pushes.drop_tokens(uid, ["c", "a", "never-there"])
    assert subject.pushes.tokens(uid) == ["b"]


def test_a_user_who_is_gone_has_no_tokens_to_drop(subject: Subject, uid: str) -> None:
    subject.pushes.drop_tokens(uid, ["a"])
    assert subject.pushes.tokens(uid) is None


def test_the_claim_says_nothing_of_the_user_and_expires(firestore_client: Any, uid: str) -> None:
    FirestorePushes(firestore_client).claim(uid, "n1", now=NOW)
    name = hashlib.sha256(f"{len(uid)}:{uid}:n1".encode()).hexdigest()
    assert firestore_client.document("bank_pushes", name).get().to_dict() == {"expires_at": NOW + timedelta(days=7)}


def test_the_rest_of_the_users_document_stays(firestore_client: Any, uid: str) -> None:
    firestore_client.document("users", uid).set({"notification_tokens": ["a"], "role": "customer"})
    FirestorePushes(firestore_client).drop_tokens(uid, ["a"])
    assert firestore_client.document("users", uid).get().to_dict() == {"notification_tokens": [], "role": "customer"}
