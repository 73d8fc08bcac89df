"""The contract of the port `Seals`: the same tests over the fake and over Firestore."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from shared.adapters.firestore.sealed_tokens import FirestoreSeals
from shared.domain.connection import SealedToken
from shared.domain.errors import Conflict
from shared.ports import Seals, StoredSeal
from tests.fake_seals import FakeSeals, FakeStoreSeals
from tests.fakes import FakeStore
from tests.sealed_documents import put_seal

PLACES = ("bank_credentials", "bank_exchange_intents", "bank_removals")


@dataclass
class Ground:
    seals: Seals
    put: Callable[[str, SealedToken, str], None]
    remove: Callable[[str], object]
    read: Callable[[str], Any]


def _fake() -> Ground:
    seals = FakeSeals()

    def put(place: str, sealed: SealedToken, name: str) -> None:
        seals.put(place, sealed, app_user_id=name, connection_id=name)

    return Ground(seals, put, seals.places.pop, lambda place: seals.places[place].sealed)


def _fake_store() -> Ground:
    store = FakeStore()
    seals = FakeStoreSeals(store)
    documents: dict[str, dict[str, Any]] = dict(
        zip(PLACES, (store.tokens, store.intents, store.tombstones), strict=True)
    )

    def put(place: str, sealed: SealedToken, name: str) -> None:
        put_seal(store, place, sealed, owner=name)

    def remove(place: str) -> None:
        collection, _, name = place.partition("/")
        del documents[collection][name]

    return Ground(seals, put, remove, lambda place: seals.places[place].sealed)


def _firestore(client: Any) -> Ground:
    def put(place: str, sealed: SealedToken, name: str) -> None:
        fields = sealed.model_dump()
        within = fields if place.startswith("bank_credentials") else {"access_token": fields}
        client.document(place).set({"app_user_id": name, "connection_id": name, "other": 1, **within})

    def read(place: str) -> SealedToken:
        fields = client.document(place).get().to_dict()
        assert fields["other"] == 1
        return SealedToken.model_validate(fields if "ciphertext" in fields else fields["access_token"])

    return Ground(FirestoreSeals(client), put, lambda place: client.document(place).delete(), read)


@pytest.fixture(params=["fake", "fake store", "firestore"])
def ground(request: pytest.FixtureRequest) -> Ground:
    if request.param == "firestore":
        return _firestore(request.getfixturevalue("firestore_client"))
    return _fake() if request.param == "fake" else _fake_store()


@pytest.fixture
def name() -> str:
    return f"sealed-{uuid.uuid4().hex[:12]}"


def all_older(ground: Ground, newest: str, name: str, *, limit: int) -> list[StoredSeal]:
    """The test's own tokens, page by page; other tests leave theirs in the store."""
    found: list[StoredSeal] = []
    after: StoredSeal | None = None
    while page := ground.seals.older(newest, after=after, limit=limit):
        assert len(page) <= limit
        found += page
        after = page[-1]
    assert len({stored.place for stored in found}) == len(found)
    return [stored for stored in found if name in stored.place]


def test_tokens_sealed_with_older_keys_are_found_page_by_page(ground: Ground, name: str) -> None:
    older = set()
    for number in range(9):
        place = f"{PLACES[number % 3]}/{name}-{number}"
        key = f"{name}-k{number % 2 + 1}"
        ground.put(place, SealedToken(ciphertext=f"c{number}", key_id=key, generation=number), name)
        older |= {place} if key.endswith("k1") else set()
    for limit in (2, 1000):
        found = all_older(ground, f"{name}-k2", name, limit=limit)
        assert {stored.place for stored in found} == older
    (first,) = [stored for stored in found if stored.place == f"bank_credentials/{name}-0"]
    assert (first.app_user_id, first.connection_id) == (name, name)
    assert first.sealed == SealedToken(ciphertext="c0", key_id=f"{name}-k1", generation=0)


def test_token_is_replaced_and_other_fields_are_kept(ground: Ground, name: str) -> None:
    new = SealedToken(ciphertext="new", key_id=f"{name}-k2", generation=2)
    for collection in PLACES:
        ground.put(f"{collection}/{name}", SealedToken(ciphertext="old", key_id=f"{name}-k1"), name)
    for stored in all_older(ground, f"{name}-k2", name, limit=1000):
        ground.seals.replace(stored, new)
        assert ground.read(stored.place) == new
    assert all_older(ground, f"{name}-k2", name, limit=1000) == []


def test_token_changed_or_removed_meanwhile_is_left_alone(ground: Ground, name: str) -> None:
    old, new = (SealedToken(ciphertext=text, key_id=f"{name}-k1") for text in ("old", "new"))
    for collection in PLACES:
        ground.put(f"{collection}/{name}", old, name)
    changed, gone, _ = all_older(ground, "another", name, limit=1000)
    ground.put(changed.place, new, name)
    ground.remove(gone.place)
    for stored in (changed, gone):
        with pytest.raises(Conflict):
            ground.seals.replace(stored, SealedToken(ciphertext="late", key_id=f"{name}-k2"))
    assert ground.read(changed.place) == new
