"""Unit tests of the client library: which dead connections a new link could replace, and where archived notes fit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.web.library import Library, client_library

Json = dict[str, Any]


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    with client_library() as running:
        yield running


def account(name: str | None, mask: str | None, connection_id: str = "old") -> Json:
    return {"name": name, "mask": mask, "connection_id": connection_id}


def dead(connection_id: str = "old", **fields: Any) -> Json:
    base = {"status": "error", "action": "relink", "error_code": "ITEM_NOT_FOUND", "institution_id": "ins_1"}
    return {"connection_id": connection_id, "replaces": None, **base, **fields}


def found(library: Library, ours: list[Json], connections: list[Json], theirs: list[Json], bank: str = "ins_1") -> Any:
    linked = {"institution": {"institution_id": bank}, "accounts": ours}
    given = ", ".join(json.dumps(one) for one in (linked, connections, theirs))
    return library("relink.ts", f"replaceable({given}).map((one) => one.connection_id)")


CHECKING = account("Checking", "0000")
UNMASKED = account("Savings", None)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "good", "action": None},
        {"status": "bad", "action": "reconnect"},
        {"action": None},
        {"error_code": "USER_PERMISSION_REVOKED"},
        {"institution_id": "ins_2"},
        {"institution_id": None},
    ],
)
def test_only_a_dead_connection_of_the_same_bank_can_be_replaced(library: Library, fields: Json) -> None:
    assert found(library, [CHECKING], [dead()], [CHECKING]) == ["old"]
    assert found(library, [CHECKING], [dead(**fields)], [CHECKING]) == []


def test_a_connection_that_is_being_replaced_is_not_offered_again(library: Library) -> None:
    taken = dead("new", status="good", action=None, replaces="old")
    assert found(library, [CHECKING], [dead(), taken], [CHECKING]) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "overlaps"),
    [
        ([CHECKING], [CHECKING, UNMASKED], True),
        ([CHECKING], [account("Checking", "1111")], False),
        ([CHECKING], [account("Other", "0000")], False),
        ([CHECKING], [account("Checking", "0000", "another")], False),
        ([UNMASKED], [UNMASKED], True),  # without a mask, the whole lists have to be equal
        ([UNMASKED], [UNMASKED, CHECKING], False),
        ([account("Savings", "")], [UNMASKED], True),
        ([account(None, "0000")], [account(None, "0000")], False),
        ([], [CHECKING], False),
        ([CHECKING], [], False),
    ],
)
def test_accounts_overlap_as_in_the_backend(
    library: Library, ours: list[Json], theirs: list[Json], overlaps: bool
) -> None:
    assert found(library, ours, [dead()], theirs) == (["old"] if overlaps else [])


def test_several_dead_connections_are_all_offered(library: Library) -> None:
    both = [CHECKING, account("Checking", "0000", "older")]
    assert found(library, [CHECKING], [dead(), dead("older")], both) == ["old", "older"]


def row(name: str, amount: float, day: str, currency: str = "USD") -> Json:
    money = {"amount_value": amount, "iso_currency_code": currency, "unofficial_currency_code": None}
    return {"name": name, "date": day, **money}


def test_the_nearest_amounts_and_days_come_first_and_other_currencies_not_at_all(library: Library) -> None:
    kept = row("kept", 10, "2026-03-10")
    rows = [
        row("other currency", 10, "2026-03-10", "EUR"),
        row("other amount", 12, "2026-03-10"),
        row("a week later", 10, "2026-03-17"),
        row("a day before", 10, "2026-03-09"),
    ]
    order = library("archive.ts", f"likeliest({json.dumps(rows)}, {json.dumps(kept)}).map((one) => one.name)")
    assert order == ["a day before", "a week later", "other amount"]


@pytest.mark.parametrize(
    ("notes", "written"),
    [
        (None, False),
        ({}, False),
        ({"note": "", "tags": [], "hidden": False}, False),
        ({"note": "dinner"}, True),
        ({"tags": ["fun"]}, True),
        ({"hidden": True}, True),
    ],
)
def test_empty_notes_are_no_notes(library: Library, notes: Json | None, written: bool) -> None:
    of = {} if notes is None else {"user": notes}
    assert library("archive.ts", f"hasNotes({json.dumps(of)})") is written
