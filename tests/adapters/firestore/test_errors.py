"""A store that does not answer is an outage, not a bug."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.api_core import exceptions

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.connections import FirestoreConnections
from shared.adapters.firestore.limits import FirestoreLimits
from shared.adapters.firestore.link_guards import guard_path
from shared.adapters.firestore.syncs import FirestoreSyncs
from shared.domain.errors import NotStorable, Unavailable
from shared.domain.storable import is_document_id
from tests.fakes import START


class Down:
    """A client whose calls all fail."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def document(self, *path: str) -> Any:
        return self

    def get(self, *args: Any, **kwargs: Any) -> Any:
        raise self.error

    get_all = get


def audit_of(client: Any) -> FirestoreAudit:
    return FirestoreAudit(client, function="test", retention=timedelta(days=1))


@pytest.mark.parametrize("kind", [exceptions.ServiceUnavailable, exceptions.DeadlineExceeded])
def test_reads_during_a_store_outage_ask_for_a_retry(kind: Any) -> None:
    client: Any = Down(kind("x"))
    with pytest.raises(Unavailable):
        FirestoreSyncs(client, audit=audit_of(client)).load("c")
    with pytest.raises(Unavailable):
        FirestoreConnections(client, audit=audit_of(client)).find("c")
    with pytest.raises(Unavailable):
        FirestoreLimits(client).spend("u", "a", per_minute=1, now=START)


def test_name_that_firestore_refuses_is_a_client_error() -> None:
    client: Any = Down(exceptions.InvalidArgument("Document id is too long"))  # type: ignore[no-untyped-call]
    with pytest.raises(NotStorable):
        FirestoreConnections(client, audit=audit_of(client)).guards("u", institution_id="ins_1")
    with pytest.raises(NotStorable):
        FirestoreLimits(client).spend("u", "a", per_minute=1, now=START)


@pytest.mark.parametrize("institution", ["ins_1", "🎂" * 512, "i" * 3_000, "../..", "__x__", "a/b", "\0", "\ud800"])
@pytest.mark.parametrize("uid", ["u", "🎂" * 128])
def test_every_guard_has_a_name_that_firestore_accepts(uid: str, institution: str) -> None:
    path = guard_path(uid, institution)
    assert is_document_id(path.partition("/")[2])
    assert path != guard_path(uid, institution + "x")


def test_a_bug_stays_a_bug() -> None:
    client: Any = Down(ValueError("x"))
    with pytest.raises(ValueError, match="x"):
        FirestoreSyncs(client, audit=audit_of(client)).load("c")
