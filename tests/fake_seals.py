"""Sealed tokens in a dictionary, or in the documents of the fake store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count

from shared.adapters.firestore.sealed_tokens import WHERE
from shared.domain.connection import SealedToken
from shared.domain.errors import Conflict
from shared.ports import StoredSeal
from tests.fakes import FakeStore

CREDENTIALS, INTENTS, REMOVALS = WHERE


class FakeSeals:
    """The port `Seals`: places in order, each with a version that every write increments."""

    def __init__(self) -> None:
        self.places: dict[str, StoredSeal] = {}
        self._versions = count(1)

    def put(self, place: str, sealed: SealedToken, *, app_user_id: str, connection_id: str) -> None:
        """Replace the token in a place, whatever its version."""
        self.places[place] = StoredSeal(place, app_user_id, connection_id, sealed, next(self._versions))

    def older(self, newest: str, *, after: StoredSeal | None, limit: int) -> list[StoredSeal]:
        return _older(self.places.values(), newest, after=after, limit=limit)

    def replace(self, stored: StoredSeal, sealed: SealedToken) -> None:
        there = self.places.get(stored.place)
        if there is None or there.version != stored.version:
            raise Conflict
        self.places[stored.place] = replace(stored, sealed=sealed, version=next(self._versions))


class FakeStoreSeals:
    """The port `Seals` over the documents of the fake store."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store

    @property
    def places(self) -> dict[str, StoredSeal]:
        """All sealed tokens, by place."""
        return {stored.place: stored for stored in self._all()}

    def older(self, newest: str, *, after: StoredSeal | None, limit: int) -> list[StoredSeal]:
        return _older(self._all(), newest, after=after, limit=limit)

    def replace(self, stored: StoredSeal, sealed: SealedToken) -> None:
        there = self.places.get(stored.place)
        if there is None or there.version != stored.version:
            raise Conflict
        store, (collection, _, name) = self.store, stored.place.partition("/")
        if collection == CREDENTIALS:
            store.put_kept(store.kept[name][0].model_copy(update={"token": sealed}))
        elif collection == INTENTS:
            store.intents[name] = (replace(store.intents[name][0], access_token=sealed), store.next_version())
        else:
            store.put_tombstone(store.tombstones[name].model_copy(update={"access_token": sealed}))

    def _all(self) -> Iterator[StoredSeal]:
        store = self.store
        for name, (kept, version) in store.kept.items():
            if name in store.tokens:
                owner = kept.app_user_id, kept.connection_id
                yield StoredSeal(f"{CREDENTIALS}/{name}", *owner, kept.token, version)
        for name, (intent, version) in store.intents.items():
            if intent.access_token is not None:
                owner = intent.app_user_id, intent.connection_id
                yield StoredSeal(f"{INTENTS}/{name}", *owner, intent.access_token, version)
        for name, removal in store.tombstones.items():
            if removal.access_token is not None:
                owner, version = (removal.app_user_id, removal.connection_id), store.tombstone_versions[name]
                yield StoredSeal(f"{REMOVALS}/{name}", *owner, removal.access_token, version)


def _older(places: Iterable[StoredSeal], newest: str, *, after: StoredSeal | None, limit: int) -> list[StoredSeal]:
    def order(stored: StoredSeal) -> tuple[str, str, str]:
        collection, _, name = stored.place.partition("/")
        return collection, stored.sealed.key_id, name

    older = sorted((s for s in places if s.sealed.key_id != newest), key=order)
    return [s for s in older if after is None or order(s) > order(after)][:limit]
