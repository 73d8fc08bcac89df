"""Sealed tokens in a dictionary."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from shared.domain.connection import SealedToken
from shared.domain.errors import Conflict
from shared.ports import StoredSeal


class FakeSeals:
    """The port `Seals`: places in order, each with a version that every write increments."""

    def __init__(self) -> None:
        self.places: dict[str, StoredSeal] = {}
        self._versions = count(1)

    def put(self, place: str, sealed: SealedToken, *, app_user_id: str, connection_id: str) -> None:
        """Replace the token in a place, whatever its version."""
        self.places[place] = StoredSeal(place, app_user_id, connection_id, sealed, next(self._versions))

    def older(self, newest: str, *, after: StoredSeal | None, limit: int) -> list[StoredSeal]:
        def order(stored: StoredSeal) -> tuple[str, str, str]:
            collection, _, name = stored.place.partition("/")
            return collection, stored.sealed.key_id, name

        older = sorted((s for s in self.places.values() if s.sealed.key_id != newest), key=order)
        return [s for s in older if after is None or order(s) > order(after)][:limit]

    def replace(self, stored: StoredSeal, sealed: SealedToken) -> None:
        there = self.places.get(stored.place)
        if there is None or there.version != stored.version:
            raise Conflict
        self.places[stored.place] = replace(stored, sealed=sealed, version=next(self._versions))
