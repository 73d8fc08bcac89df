"""Every declared query has its index, every index its query; and the declarations are what is asked.

The rules of https://firebase.google.com/docs/firestore/query-data/index-overview.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from emulators.setup import ROOT
from shared.adapters.firestore.queries import APP, BACKEND, MissingIndexError, Order, Query, with_index_check

INDEXES: dict[str, Any] = json.loads((ROOT / "firestore.indexes.json").read_text(encoding="utf-8"))
OVERRIDES = {(one["collectionGroup"], one["fieldPath"]): one["indexes"] for one in INDEXES["fieldOverrides"]}
Index = tuple[tuple[str, bool], ...]  # field, descending
ALL = sorted(BACKEND | APP, key=str)


def composites(collection: str, *, everywhere: bool) -> set[Index]:
    scope = "COLLECTION_GROUP" if everywhere else "COLLECTION"
    return {
        tuple((field["fieldPath"], field["order"] == "DESCENDING") for field in index["fields"])
        for index in INDEXES["indexes"]
        if (index["collectionGroup"], index["queryScope"]) == (collection, scope)
    }


def has_single(query: Query, field: str, *, descending: bool = False) -> bool:
    """A field's own index: in a collection it is there unless exempt, in a collection group only if asked for."""
    override = OVERRIDES.get((query.collection, field))
    if override is None:  # a map's entries are exempt with the map
        above = field.partition(".")[0]
        override = OVERRIDES.get((query.collection, above)) if above != field else None
    if override is None:
        return not query.everywhere
    wanted = ("DESCENDING" if descending else "ASCENDING", "COLLECTION_GROUP" if query.everywhere else "COLLECTION")
    return wanted in {(index["order"], index["queryScope"]) for index in override}


def needed(query: Query) -> list[set[Index]]:
    """Alternatives of composite indexes that would serve a query: all of one alternative must be there."""
    tail = [(order.field, order.descending) for order in query.order]
    if query.ranged is not None and query.ranged not in {field for field, _ in tail}:
        tail.append((query.ranged, False))
    if not tail or len(query.equal) + len(tail) < 2:
        return [set()]  # single-field indexes do, merged where there are several equalities
    whole = {(*((field, False) for field in sorted(query.equal)), *tail)}
    merged = {((field, False), *tail) for field in query.equal}
    return [whole, merged]


def served_by(query: Query) -> set[Index] | None:
    """The composite indexes that serve a query; None if it cannot be served."""
    known = {_sorted(index, query): index for index in composites(query.collection, everywhere=query.everywhere)}
    for alternative in needed(query):
        if alternative <= known.keys():
            return {known[index] for index in alternative}
    return None


def _sorted(index: Index, query: Query) -> Index:
    """An index with its equality fields in one order: theirs makes no difference."""
    head = [part for part in index if part[0] in query.equal]
    rest = [part for part in index if part[0] not in query.equal]
    return (*sorted(head), *rest)


@pytest.mark.parametrize("query", ALL, ids=str)
def test_every_query_has_its_index(query: Query) -> None:
    served = served_by(query)
    assert served is not None, f"needs one of {needed(query)}"
    if not served:
        for field in query.equal:
            assert has_single(query, field), field
        for order in query.order:
            assert has_single(query, order.field, descending=order.descending), order.field
        if query.ranged is not None:
            assert has_single(query, query.ranged), query.ranged


def test_every_composite_index_has_its_query() -> None:
    used = {(q.collection, q.everywhere, index) for q in ALL for index in served_by(q) or ()}
    there = {
        (name, everywhere, index)
        for name in {index["collectionGroup"] for index in INDEXES["indexes"]}
        for everywhere in (True, False)
        for index in composites(name, everywhere=everywhere)
    }
    assert there == used


def test_every_index_that_an_override_keeps_has_its_query() -> None:
    for (collection, field), kept in OVERRIDES.items():
        for index in kept:
            asking = [
                q
                for q in ALL
                if q.collection == collection
                and q.everywhere == (index["queryScope"] == "COLLECTION_GROUP")
                and field in {*q.equal, q.ranged, *(order.field for order in q.order)}
            ]
            assert asking, f"nobody asks for {collection}.{field} ({index})"


def test_the_app_asks_what_is_declared() -> None:
    """Each comparison and order in the web app's source is one of the declared."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "web" / "src").rglob("*.ts*")))
    compared = set(re.findall(r'where\(\s*"([\w.]+)",\s*"([^"]+)"', source))
    ordered = set(re.findall(r'orderBy\(\s*"([\w.]+)"(?:,\s*"(asc|desc)")?', source))
    assert compared
    assert ordered
    for field, operator in compared:
        equality = operator in ("==", "in")
        assert any(field in q.equal if equality else q.ranged == field for q in APP), (field, operator)
    for field, direction in ordered:
        assert any(Order(field, direction == "desc") in q.order for q in APP), (field, direction)


def test_whoever_asks_knows_the_declarations() -> None:
    """No query is built outside the adapters, where the guarded client is."""
    asking = re.compile(r"\.(where|order_by|collection_group)\(")
    elsewhere = [
        str(path.relative_to(ROOT))
        for folder in ("functions", "operations", "shared/usecases", "shared/domain")
        for path in Path(ROOT / folder).rglob("*.py")
        if asking.search(path.read_text(encoding="utf-8"))
    ]
    assert elsewhere == []


def test_a_query_that_is_not_declared_is_refused_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    from google.cloud import firestore
    from google.cloud.firestore_v1.base_query import FieldFilter, Or

    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    client = with_index_check(firestore.Client(project="demo-bank"))
    states = client.collection("bank_sync_state")
    with pytest.raises(MissingIndexError):
        list(states.where(filter=FieldFilter("status", "==", "failed")).stream())
    with pytest.raises(MissingIndexError):
        list(states.order_by("due_at", direction="DESCENDING").stream())
    with pytest.raises(MissingIndexError):
        list(client.collection_group("bank_sync_state").where(filter=FieldFilter("due_at", "<=", 1)).stream())
    with pytest.raises(MissingIndexError):
        states.where(filter=FieldFilter("status", "==", "failed")).count().get()  # type: ignore[call-arg]
    either = Or([FieldFilter("due_at", "<=", 1), FieldFilter("run", "==", 1)])
    with pytest.raises(MissingIndexError):
        list(states.where(filter=either).stream())
    client.close()  # type: ignore[no-untyped-call]


def test_an_index_that_is_missing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    by_status = Query("bank_sync_state", frozenset(["status"]))
    assert not has_single(by_status, "status")
    assert served_by(Query("bank_transactions", frozenset(["pending"]), None, (Order("date"),))) is None
    assert not has_single(Query("bank_connections", frozenset(["app_user_id"]), everywhere=True), "app_user_id")
