"""Values that the backend considers storable are stored by Firestore itself."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.commit import Batch
from shared.adapters.firestore.connections import FirestoreConnections
from shared.adapters.firestore.institutions import FirestoreInstitutions
from shared.adapters.firestore.link_guards import guard_fields, guard_path
from shared.adapters.firestore.syncs import FirestoreSyncs
from shared.adapters.firestore.webhook_inbox import FirestoreInbox
from shared.adapters.plaid import exact_json, item_mapping, transaction_mapping
from shared.domain.errors import NotStorable
from shared.domain.storable import MAX_BYTES, MAX_DEPTH, MAX_NAME_BYTES, is_document_id, storable
from shared.domain.sync_state import SyncState
from shared.domain.transaction import Page, Transaction
from shared.ports import Delivery, UpsertTransactions
from tests.adapters.plaid.odd import ODD, OPTIONAL, PLAIN, nested

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SMALL = [value for value in ODD if len(str(value)) < 10_000]
LARGE = [value for value in ODD if len(str(value)) >= 10_000]


@pytest.fixture
def name() -> str:
    return f"odd-{uuid.uuid4().hex[:12]}"


def page(*rows: Any) -> Page:
    body = {"added": rows, "modified": [], "removed": [], "next_cursor": "c", "has_more": False}
    raw = json.dumps(body).encode()
    return transaction_mapping.page(exact_json.parse(raw), size=len(raw))


def write(client: Any, name: str, rows: list[Transaction]) -> None:
    """Write rows as a sync does: both with and without prefetched pages."""
    syncs = FirestoreSyncs(client, audit=FirestoreAudit(client, function="test", retention=NOW - NOW))
    state = SyncState.new(connection_id=name, app_user_id="alice", now=NOW)
    batch = Batch(client)
    batch.replace(f"bank_sync_state/{name}", state.model_dump())
    version = batch.commit()[0]
    ready = syncs.ready(name, "alice", rows)
    for some in ({}, ready):
        state = state.touched()
        version = syncs.save(state, expected=version, writes=[UpsertTransactions(tuple(rows), ready=some)])
    assert syncs.transaction_ids(name) == {row["transaction_id"] for row in rows}
    assert syncs.unchanged(name, rows, dirty=[]) == {row["transaction_id"] for row in rows}


def test_every_row_with_an_odd_value_is_stored_and_read_as_the_same(firestore_client: Any, name: str) -> None:
    odd = [PLAIN | {field: value} for field in OPTIONAL for value in SMALL]
    made = page(*({**row, "transaction_id": f"t{number}"} for number, row in enumerate(odd)))
    assert len(made.added) == len(odd)
    for start in range(0, len(odd), 300):
        write(firestore_client, f"{name}-{start}", made.added[start : start + 300])


@pytest.mark.parametrize("field", ["name", "location", "counterparties", "website"])
def test_large_values_are_stored_as_far_as_a_document_holds_them(firestore_client: Any, name: str, field: str) -> None:
    for number, value in enumerate(LARGE):
        both = page(PLAIN | {field: value, "original_description": "d" * 600_000})
        write(firestore_client, f"{name}-{number}", both.added)


def long_names() -> Any:
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = {"n" * MAX_NAME_BYTES: value}
    return value


def create(client: Any, path: str) -> None:
    batch = Batch(client)
    batch.create(path, {"x": 1})
    batch.commit()


IDS = ["t1", "a.b", "__x", "x__", "é" * 750, "a" * 1_500, "with space", "😀", "\\", "`", "*", "\x01", "あ", "-", "~"]


def test_every_valid_document_id_names_exactly_one_document(firestore_client: Any, name: str) -> None:
    assert all(map(is_document_id, IDS))
    write(firestore_client, name, page(*(PLAIN | {"transaction_id": i} for i in IDS)).added)


@pytest.mark.parametrize("value", ["__x__", ".", "..", "", "é" * 751, "\ud83d"])
def test_invalid_document_id_is_refused_by_the_store_itself(firestore_client: Any, name: str, value: str) -> None:
    assert not is_document_id(value)
    with pytest.raises(Exception):  # noqa: B017 (any error of the store or the client)
        create(firestore_client, f"bank_odd/{name}/rows/{value}")


def test_storable_values_are_stored_up_to_the_limits(firestore_client: Any, name: str) -> None:
    values: list[Any] = [*ODD, nested(MAX_DEPTH - 1), nested(MAX_DEPTH), long_names()]
    values += [
        "x" * (MAX_BYTES - 1),
        {".": 1, "a/b": 2, "`": 3, "_": 4, "\0": 5, " ": 6},
        ["\0", "\ufffe", "\U0010ffff"],
    ]
    for number, value in enumerate(values):
        batch = Batch(firestore_client)
        batch.create(f"bank_odd/{name}-{number}", {"value": storable(value)})
        batch.commit()


@pytest.mark.parametrize(
    "at",
    ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00-01:00", "9999-12-31T23:59:59+14:00"],
)
def test_times_are_stored_up_to_the_limits_of_the_calendar(firestore_client: Any, name: str, at: str) -> None:
    made = page(PLAIN | {"datetime": at})
    assert made.added[0]["datetime"] is not None
    write(firestore_client, name, made.added)


def test_a_webhook_with_any_odd_value_is_stored(firestore_client: Any, name: str) -> None:
    inbox = FirestoreInbox(firestore_client)
    for number, value in enumerate(ODD):
        body = storable({"webhook_type": "ITEM", "value": value})
        assert inbox.record(Delivery(f"{name}-{number}", body, NOW, name, None))
    assert len(inbox.of_connection(name)) == len(ODD)


def test_an_institution_with_odd_values_is_stored(firestore_client: Any, name: str) -> None:
    institutions = FirestoreInstitutions(firestore_client)
    for value in ODD:
        odd = dict.fromkeys(("name", "url", "logo", "primary_color", "country_codes", "products", "oauth"), value)
        made = item_mapping.institution_info({"institution_id": name, **odd}, fetched_at=NOW)
        institutions.put(made)
        assert institutions.find(name) == made


@pytest.mark.parametrize(
    "institution", ["ins_1", "🎂" * 512, "i" * 3_000, "../..", "..", "__x__", "a/b", "\0", "\ud800"]
)
@pytest.mark.parametrize("uid", ["u", "🎂" * 128])
def test_a_guard_of_any_institution_can_be_written_and_read(
    firestore_client: Any, name: str, uid: str, institution: str
) -> None:
    path = guard_path(f"{name}{uid}", institution)
    batch = Batch(firestore_client)
    batch.create(path, guard_fields("c", now=NOW))
    batch.commit()
    assert firestore_client.document(path).get().exists


@pytest.mark.parametrize("odd", ["__x__", "__..__"])
def test_name_that_the_store_refuses_is_reported_as_invalid(firestore_client: Any, odd: str) -> None:
    client, audit = firestore_client, FirestoreAudit(firestore_client, function="test", retention=NOW - NOW)
    with pytest.raises(NotStorable):
        FirestoreInstitutions(client).find(odd)
    with pytest.raises(NotStorable):
        FirestoreInstitutions(client).claim(odd, now=NOW, until=NOW)
    assert FirestoreConnections(client, audit=audit).find(odd) is None
