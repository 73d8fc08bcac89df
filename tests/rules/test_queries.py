"""Every declared query has its index, every index its query, and only declared queries are sent.

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
    """Whether a field has its own index: automatic in a collection, but only by override in a collection group."""
    override = OVERRIDES.get((query.collection, field))
    for wider in (field.partition(".")[0], "*"):  # an exemption of a map covers its entries, one of `*` all fields
        override = OVERRIDES.get((query.collection, wider)) if override is None else override
    if override is None:
        return not query.everywhere
    wanted = ("DESCENDING" if descending else "ASCENDING", "COLLECTION_GROUP" if query.everywhere else "COLLECTION")
    return wanted in {(index["order"], index["queryScope"]) for index in override}


def needed(query: Query) -> list[set[Index]]:
    """The alternative sets of composite indexes that would serve a query; one complete set is enough."""
    tail = [(order.field, order.descending) for order in query.order]
    if query.ranged is not None and query.ranged not in {field for field, _ in tail}:
        tail.append((query.ranged, False))
    if not tail or len(query.equal) + len(tail) < 2:
        return [set()]  # single-field indexes suffice; Firestore merges them for several equalities
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
    """An index with its equality fields sorted, because their order makes no difference."""
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
            assert asking, f"no query uses {collection}.{field} ({index})"


def test_web_app_uses_only_declared_queries() -> None:
    """Each comparison and order in the web app's source is a declared query."""
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


def test_queries_are_built_only_in_adapters() -> None:
    """Queries are built only in the adapters, which use the guarded client."""
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
