"""A commit that is assembled as bytes equals the one that the library's own types produce."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.types import CommitRequest, Document, DocumentMask, Precondition, Write
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.firestore import commit as firestore_commit
from shared.adapters.firestore.commit import MAX_COMMIT_BYTES, Batch, mask_of
from shared.adapters.firestore.encoding import encoded
from shared.domain.errors import CommitTooLarge

DATABASE = "projects/p/databases/(default)"
VERSION: Any = Precondition.pb()(update_time={"seconds": 1_800_000_000, "nanos": 5}).update_time
CLIENT: Any = SimpleNamespace(_database_string=DATABASE)
FIELDS = st.dictionaries(
    st.text(min_size=1, max_size=150), st.text(max_size=300) | st.integers(-9, 9) | st.none(), max_size=5
)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    requests: list[bytes] = []

    monkeypatch.setattr(firestore_commit, "send", recording(requests))
    return requests


def recording(requests: list[bytes]) -> Callable[[Any, bytes], Any]:
    """A fake of Firestore that records what it is sent."""

    def send(_: Any, request: bytes) -> Any:
        requests.append(request)
        return SimpleNamespace(write_results=[])

    return send


def document(path: str, fields: dict[str, Any]) -> Document:
    return Document(name=f"{DATABASE}/documents/{path}", fields=_helpers.encode_dict(fields))


def same(request: bytes, *writes: Write) -> bool:
    theirs = CommitRequest(database=DATABASE, writes=writes)
    return bool(CommitRequest.deserialize(request) == theirs)


def test_each_kind_of_write_is_what_the_library_would_send(sent: list[bytes]) -> None:
    batch = Batch(CLIENT)
    batch.create("a/1", {"x": "é"})
    batch.replace("a/2", {"x": [1, {"y": None}]})
    batch.replace("a/3", {}, expected=VERSION)
    batch.update("a/4", {"x": 1, "y": 2})
    batch.update("a/5", {"x": 1}, expected=VERSION)
    batch.merge("a/6", {"x": 1}, mask_of(["x", "gone"]))
    batch.merge("a/7", {"x": 1}, mask_of(["x"]), expected=VERSION)
    batch.delete("a/8")
    batch.delete("a/9", expected=VERSION)
    batch.delete("a/10", must_exist=True)
    assert len(batch) == 10
    batch.commit()
    there, absent, unchanged = Precondition(exists=True), Precondition(exists=False), Precondition(update_time=VERSION)
    x = DocumentMask(field_paths=["x"])
    assert same(
        sent[0],
        Write(update=document("a/1", {"x": "é"}), current_document=absent),
        Write(update=document("a/2", {"x": [1, {"y": None}]})),
        Write(update=document("a/3", {}), current_document=unchanged),
        Write(
            update=document("a/4", {"x": 1, "y": 2}),
            update_mask=DocumentMask(field_paths=["x", "y"]),
            current_document=there,
        ),
        Write(update=document("a/5", {"x": 1}), update_mask=x, current_document=unchanged),
        Write(update=document("a/6", {"x": 1}), update_mask=DocumentMask(field_paths=["x", "gone"])),
        Write(update=document("a/7", {"x": 1}), update_mask=x, current_document=unchanged),
        Write(delete=f"{DATABASE}/documents/a/8"),
        Write(delete=f"{DATABASE}/documents/a/9", current_document=unchanged),
        Write(delete=f"{DATABASE}/documents/a/10", current_document=there),
    )


@given(ahead=FIELDS, more=FIELDS)
def test_prefetched_and_added_fields_form_one_document(ahead: dict[str, Any], more: dict[str, Any]) -> None:
    more = {name: value for name, value in more.items() if name not in ahead}
    with pytest.MonkeyPatch.context() as patch:
        sent: list[bytes] = []
        patch.setattr(firestore_commit, "send", recording(sent))
        batch = Batch(CLIENT)
        batch.create("a/1", more, ready=encoded(ahead))
        batch.merge("a/2", more, mask_of(["x"]), ready=encoded(ahead))
        batch.commit()
    assert same(
        sent[0],
        Write(update=document("a/1", {**ahead, **more}), current_document=Precondition(exists=False)),
        Write(update=document("a/2", {**ahead, **more}), update_mask=DocumentMask(field_paths=["x"])),
    )


def test_lengths_of_any_size_are_framed(sent: list[bytes]) -> None:
    for size in (0, 1, 100, 127, 128, 16_000, 16_383, 16_384, 2_097_152, 3_000_000):
        batch = Batch(CLIENT)
        batch.replace("a/1", {"x": "x" * size})
        batch.commit()
        assert same(sent[-1], Write(update=document("a/1", {"x": "x" * size})))


def test_commit_beyond_the_size_limit_is_not_sent(sent: list[bytes]) -> None:
    batch = Batch(CLIENT)
    batch.replace("a/1", {"x": "x" * MAX_COMMIT_BYTES})
    with pytest.raises(CommitTooLarge):
        batch.commit()
    assert sent == []
