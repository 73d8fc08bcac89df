"""The records of institutions' health in memory; the contract tests keep these fakes equivalent to the adapters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from shared.domain.connection import ItemStatus
from shared.domain.errors import Conflict
from shared.domain.institution_health.evidence import LoginLost
from shared.domain.institution_health.record import HealthRecord, Watchlist
from shared.ports import Contact, Version
from tests.fakes import Calls, FakeInstitutions, FakeStore

_T = TypeVar("_T")


class FakeHealthRecords:
    """The port `HealthRecords`."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.kept: dict[str, tuple[HealthRecord, int]] = {}
        self.watched: tuple[Watchlist, int | None] = (Watchlist(), None)
        self._versions = 0

    def watchlist(self) -> tuple[Watchlist, Version | None]:
        return self._around("watchlist", lambda: self.watched)

    def save_watchlist(self, watchlist: Watchlist, *, expected: Version | None) -> None:
        self._around("save_watchlist", lambda: self._save_watchlist(watchlist, expected))

    def load(self, institution_id: str) -> tuple[HealthRecord, Version] | None:
        return self._around("load", lambda: self.kept.get(institution_id))

    def save(
        self, record: HealthRecord, *, expected: Version | None, watchlist: tuple[Watchlist, Version | None]
    ) -> Version:
        def call() -> Version:
            before = self.kept.get(record.institution_id)
            if (before[1] if before is not None else None) != expected or self.watched[1] != watchlist[1]:
                raise Conflict
            self._save_watchlist(*watchlist)
            stored = HealthRecord.model_validate(record.model_dump())
            self.kept[record.institution_id] = stored, self._next()
            return self._versions

        return self._around("save", call)

    def forget(self, institution_id: str) -> None:
        self._around("forget", lambda: self.kept.pop(institution_id, None))

    def _save_watchlist(self, watchlist: Watchlist, expected: Version | None) -> None:
        if self.watched[1] != expected:
            raise Conflict
        self.watched = watchlist, self._next()

    def _next(self) -> int:
        self._versions += 1
        return self._versions

    def _around(self, name: str, call: Callable[[], _T]) -> _T:
        return self.calls.around(f"records.{name}", call)  # type: ignore[no-any-return]


class FakeBankContacts:
    """The port `BankContacts`."""

    def __init__(self, store: FakeStore, institutions: FakeInstitutions | None = None) -> None:
        self.store = store
        self.cache = institutions or FakeInstitutions()
        self.read = 0  # documents

    def failing_since(self, since: datetime, *, limit: int) -> set[str]:
        found = [
            loaded.state.source
            for loaded in self.store.states.values()
            if loaded.state.bank_failed
            and loaded.state.bank_known_at is not None
            and loaded.state.bank_known_at > since
        ][:limit]
        self.read += len(found)
        return {one for one in found if one is not None}

    def latest(self, institution_id: str, *, since: datetime, limit: int) -> list[Contact]:
        found = [
            Contact(
                state.connection_id,
                state.app_user_id,
                state.bank_at,
                state.bank_failed,
                state.bank_source,
                state.bank_known_at or state.bank_at,
            )
            for state in (loaded.state for loaded in self.store.states.values())
            if state.source == institution_id
            and state.bank_at is not None
            and state.bank_source is not None
            and state.bank_at > since
        ]
        found = sorted(found, key=lambda one: one.at, reverse=True)[:limit]
        self.read += len(found)
        return found

    def logins_lost(self, institution_id: str, *, since: datetime, limit: int) -> list[LoginLost]:
        lost = [
            LoginLost(one.connection_id, one.app_user_id, one.updated_at)
            for one in self.store.of_institution(institution_id)
            if one.status is ItemStatus.BAD and one.updated_at > since
        ]
        return sorted(lost, key=lambda one: one.at, reverse=True)[:limit]

    def count_at(self, institution_id: str) -> int:
        return len(self.store.of_institution(institution_id))

    def count_all(self) -> int:
        return len(self.store.connections)

    def count_deferred(self, institution_id: str) -> int:
        return len(self.deferred(institution_id, limit=len(self.store.states)))

    def deferred(self, institution_id: str, *, limit: int) -> list[str]:
        found = [
            (state.deferred_from, state.connection_id)
            for state in (loaded.state for loaded in self.store.states.values())
            if state.source == institution_id and state.deferred_from is not None
        ]
        return [connection_id for _, connection_id in sorted(found)[:limit]]

    def some_at(self, institution_id: str, *, start: str, limit: int) -> list[str]:
        ids = sorted(one.connection_id for one in self.store.of_institution(institution_id))
        return [*(i for i in ids if i >= start), *(i for i in ids if i < start)][:limit]

    def institutions(self) -> list[str]:
        return sorted(self.cache.known)
