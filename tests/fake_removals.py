"""Removals and erasures on the fake store; the contract tests keep these fakes equivalent to the real adapters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from shared.domain import grace_periods
from shared.domain.audit import AuditEntry
from shared.domain.erasure import Erasure
from shared.domain.errors import Conflict, Unavailable
from shared.domain.exchange import Intent
from shared.domain.products.kinds import ProductKind
from shared.domain.removal import Removal
from shared.ports import EndedMove, Mark, Version
from tests.fake_history_moves import compare_end, put_end
from tests.fake_sync_writes import drop_products
from tests.fakes import FakeStore

ROWS_AT_ONCE = 2


class FakeRemovals:
    """The port `Removals`."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store

    def begin(
        self,
        removal: Removal,
        *,
        audit: AuditEntry,
        marks: Iterable[Mark] = (),
        move: EndedMove | None = None,
        state: Version | None = None,
    ) -> Removal:
        store, connection_id = self.store, removal.connection_id
        version, tombstone = store.kept_version(connection_id), store.tombstones.get(connection_id)
        begun = self._with_credentials(removal)
        begun = begun.instead_of(tombstone) if tombstone else begun

        def call() -> Removal:
            unchanged = store.kept_version(connection_id) == version
            if not unchanged or store.tombstones.get(connection_id) is not tombstone:
                raise Conflict
            if connection_id not in store.connections:
                raise Conflict
            store.compare_marks(marks)
            loaded = store.states.get(connection_id)
            if state is not None and (loaded is None or loaded.version != state):
                raise Conflict
            if move is not None:
                compare_end(store, move, older=connection_id)
            store.put_tombstone(begun)
            del store.connections[connection_id]
            for gone in (store.tokens, store.states, store.handovers):
                gone.pop(connection_id, None)
            store.moves.pop(connection_id, None)
            drop_products(store, connection_id)
            store.put_marks(marks)
            if move is not None:
                put_end(store, move)
            store._append([audit, *(move.audit if move is not None else ())])
            return begun

        return store.calls.around("removals.begin", call)  # type: ignore[no-any-return]

    def take_credentials(self, removal: Removal, *, expected: Version) -> tuple[Removal, Version]:
        store, connection_id = self.store, removal.connection_id
        version = store.kept_version(connection_id)
        if version is None:
            return removal, expected
        taken = self._with_credentials(removal)

        def call() -> tuple[Removal, Version]:
            self._must_be(connection_id, expected)
            if store.kept_version(connection_id) != version:
                raise Conflict
            del store.tokens[connection_id]
            return taken, store.put_tombstone(taken)

        return store.calls.around("removals.take_credentials", call)  # type: ignore[no-any-return]

    def _with_credentials(self, removal: Removal) -> Removal:
        if removal.connection_id not in self.store.tokens:
            return removal
        kept, _ = self.store.kept[removal.connection_id]
        settles_at = kept.rotating_since + grace_periods.ROTATION if kept.rotating_since is not None else None
        return removal.with_token(kept.token, settles_at=settles_at)

    def begin_exchange(self, removal: Removal, intent: tuple[Intent, Version], *, audit: AuditEntry) -> None:
        def call() -> None:
            held = self.store.intents.get(intent[0].intent_id)
            if held is None or held[1] != intent[1] or removal.connection_id in self.store.tombstones:
                raise Conflict
            del self.store.intents[intent[0].intent_id]
            self.store.put_tombstone(removal)
            self.store._append([audit])

        self.store.calls.around("removals.begin_exchange", call)

    def of_user(self, app_user_id: str) -> list[Removal]:
        return [r for r in self.store.tombstones.values() if r.app_user_id == app_user_id]

    def find(self, connection_id: str) -> tuple[Removal, Version] | None:
        def call() -> tuple[Removal, Version] | None:
            found = self.store.tombstones.get(connection_id)
            return (found, self.store.tombstone_versions[connection_id]) if found else None

        return self.store.calls.around("removals.find", call)  # type: ignore[no-any-return]

    def due(self, now: datetime, *, limit: int) -> list[tuple[Removal, Version]]:
        waiting = sorted((r for r in self.store.tombstones.values() if r.due_at <= now), key=lambda r: r.due_at)
        return [(r, self.store.tombstone_versions[r.connection_id]) for r in waiting[:limit]]

    def update(self, removal: Removal, *, expected: Version) -> Version:
        def call() -> Version:
            self._must_be(removal.connection_id, expected)
            return self.store.put_tombstone(removal)

        return self.store.calls.around("removals.update", call)

    def finish(self, removal: Removal, *, expected: Version, audit: AuditEntry) -> None:
        def call() -> None:
            self._must_be(removal.connection_id, expected)
            del self.store.tombstones[removal.connection_id]
            if not removal.keeps_connection:
                self.store.drop_holder(removal.holder())
            self.store._append([audit])

        self.store.calls.around("removals.finish", call)

    def _must_be(self, connection_id: str, version: Version) -> None:
        if connection_id not in self.store.tombstones or self.store.tombstone_versions[connection_id] != version:
            raise Conflict


class FakeConnectionData:
    """The port `ConnectionData`: every commit of the real adapter is a call here."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store

    def purge(self, removal: Removal) -> None:
        store, connection_id = self.store, removal.connection_id
        rows = store.rows.setdefault(connection_id, {})
        while rows:
            self._step(lambda: [rows.pop(i) for i in list(rows)[:ROWS_AT_ONCE]])
        archive = store.archives.setdefault(connection_id, {})
        while archive:
            self._step(lambda: [archive.pop(i) for i in list(archive)[:ROWS_AT_ONCE]])
        self._step(lambda: store.account_rows.pop(connection_id, None))
        self._step(lambda: store.balance_rows.pop(connection_id, None))
        self._step(lambda: store.aside.pop(connection_id, None))
        self._step(lambda: self._drop(store.product_views, lambda view: view.connection_id == connection_id))
        for kind in ProductKind:
            self._step(partial(store.product_rows.pop, (connection_id, kind), None))
        self._step(lambda: store.handovers.pop(connection_id, None))
        if removal.keeps_connection:
            self._step(lambda: self._forget_accounts(connection_id))
            return
        self._step(lambda: self._drop(store.notifications, lambda told: told.connection_id == connection_id))
        self._step(lambda: self._drop(store.deliveries, lambda kept: kept.connection_id == connection_id))
        self._step(lambda: store.ended_runs.pop(connection_id, None))
        self._step(lambda: self._drop(store.intents, lambda kept: self._answered(kept[0], connection_id)))
        self._step(lambda: self._drop_guard(removal.app_user_id, removal.institution_id))

    def purge_user(self, app_user_id: str, *, before: datetime) -> None:
        """The fake has no collections per user, so a notification belongs to the owner of its connection."""
        store = self.store
        owned = {c.connection_id for c in store.connections.values() if c.app_user_id != app_user_id}
        self._step(
            lambda: self._drop(
                store.notifications, lambda told: told.created_at <= before and told.connection_id not in owned
            )
        )
        for (owner, institution_id), _ in list(store.institution_guards.items()):
            if owner == app_user_id:
                self._step(partial(self._drop_guard, owner, institution_id))

    def _step(self, call: Callable[[], object]) -> None:
        self.store.calls.around("remains.delete", call)

    def _drop(self, documents: dict[str, Any], goes: Callable[[Any], bool]) -> None:
        for name in [name for name, document in documents.items() if goes(document)]:
            del documents[name]

    def _answered(self, intent: Any, connection_id: str) -> bool:
        answer = intent.answer or {}
        named = connection_id in (answer.get("connection_id"), answer.get("duplicate_of"), answer.get("item_of"))
        return named and intent.access_token is None

    def _drop_guard(self, app_user_id: str, institution_id: str | None) -> None:
        key = (app_user_id, institution_id)
        left = [c for c in self.store.connections.values() if (c.app_user_id, c.institution_id) == key]
        if not left:
            self.store.institution_guards.pop(key, None)

    def _forget_accounts(self, connection_id: str) -> None:
        connection = self.store.connections.get(connection_id)
        if connection is not None:
            self.store.connections[connection_id] = connection.model_copy(update={"account_ids": ()})


class FakeErasures:
    """The port `Erasures`."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store
        self.kept: dict[str, tuple[Erasure, Version]] = {}

    def begin(self, erasure: Erasure, *, audit: AuditEntry) -> Erasure:
        def call() -> Erasure:
            found = self.kept.get(erasure.app_user_id)
            if found is None:
                self.store._append([audit])
            begun = found[0].extended(erasure) if found else erasure
            self._put(begun)
            return begun

        return self.store.calls.around("erasures.begin", call)  # type: ignore[no-any-return]

    def find(self, app_user_id: str) -> tuple[Erasure, Version] | None:
        return self.store.calls.around("erasures.find", lambda: self.kept.get(app_user_id))  # type: ignore[no-any-return]

    def due(self, now: datetime, *, limit: int) -> list[tuple[Erasure, Version]]:
        late = [kept for kept in self.kept.values() if kept[0].due_at <= now]
        return sorted(late, key=lambda kept: kept[0].due_at)[:limit]

    def update(self, erasure: Erasure, *, expected: Version) -> Version:
        def call() -> Version:
            self._must_be(erasure.app_user_id, expected)
            return self._put(erasure)

        return self.store.calls.around("erasures.update", call)

    def finish(self, erasure: Erasure, *, expected: Version, audit: AuditEntry) -> None:
        def call() -> None:
            self._must_be(erasure.app_user_id, expected)
            del self.kept[erasure.app_user_id]
            self.store._append([audit])

        self.store.calls.around("erasures.finish", call)

    def _put(self, erasure: Erasure) -> Version:
        self.kept[erasure.app_user_id] = (erasure, next(self.store._versions))
        return self.kept[erasure.app_user_id][1]

    def _must_be(self, app_user_id: str, version: Version) -> None:
        if self.kept.get(app_user_id, (None, None))[1] != version:
            raise Conflict


class FakeOwners:
    """The port `Owners`."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.down = False

    def gone(self, app_user_ids: Sequence[str]) -> set[str]:
        if self.down:
            raise Unavailable("users cannot be looked up right now", code="auth_unavailable")
        return self.missing & set(app_user_ids)
