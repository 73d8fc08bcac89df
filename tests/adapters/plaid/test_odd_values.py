"""An odd value from a bank affects only that value or its row, never other rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.firestore.encoding import encoded
from shared.adapters.plaid import exact_json, item_mapping, transaction_mapping
from shared.adapters.plaid.errors import from_error_object
from shared.domain.storable import is_document_id, weight
from shared.domain.transaction import Page
from tests.adapters.plaid.odd import ANYTHING, ODD, OPTIONAL, PLAIN, REQUIRED
from tests.domain.test_storable import assert_can_be_stored
from tests.fakes import START

INNOCENT = PLAIN | {"transaction_id": "innocent"}


def read(*rows: Any, **more: Any) -> Page:
    """A page from Plaid's JSON text, read as the adapter reads it."""
    body = {
        "added": [*rows, INNOCENT],
        "modified": [],
        "removed": [],
        "accounts": [],
        "next_cursor": "c",
        "has_more": False,
        "transactions_update_status": "HISTORICAL_UPDATE_COMPLETE",
        "request_id": "r",
    }
    raw = json.dumps(body | more).encode()
    return transaction_mapping.page(exact_json.parse(raw), size=len(raw))


def assert_has_a_place_in_time(at: Any) -> None:
    if at is not None:
        at.astimezone(UTC)


def assert_storable(page: Page) -> None:
    for row in page.added:
        fields = dict(row)
        assert is_document_id(row["transaction_id"])
        assert is_document_id(row["account_id"])
        for name in ("datetime", "authorized_datetime"):
            assert_has_a_place_in_time(fields.pop(name))
        assert_can_be_stored(fields)
        assert weight(fields) < 1_000_000
        assert encoded(row)


@pytest.mark.parametrize("field", OPTIONAL)
def test_odd_optional_value_is_dropped_alone(field: str) -> None:
    for value in ODD:
        page = read(PLAIN | {field: value})
        assert [row["transaction_id"] for row in page.added] == ["t1", "innocent"], (field, str(value)[:50])
        assert not page.set_aside
        assert_storable(page)


@pytest.mark.parametrize("field", REQUIRED)
def test_odd_required_value_makes_only_its_row_unusable(field: str) -> None:
    for value in (*ODD, None):
        page = read(PLAIN | {field: value})
        assert page.added[-1]["transaction_id"] == "innocent"
        assert len(page.added) + len(page.set_aside) == 2, (field, str(value)[:50])
        assert all(one.field == field for one in page.set_aside)
        assert_storable(page)
    page = read({name: value for name, value in PLAIN.items() if name != field})
    assert [one.field for one in page.set_aside] == [field]


@given(st.dictionaries(st.sampled_from(sorted(PLAIN)), ANYTHING, max_size=4))
def test_any_mix_of_odd_values_keeps_the_other_row(changes: dict[str, Any]) -> None:
    page = read(PLAIN | changes)
    assert page.added[-1]["transaction_id"] == "innocent"
    assert len(page.added) + len(page.set_aside) == 2
    assert_storable(page)


@pytest.mark.parametrize("row", [None, 5, "row", [], {}, [PLAIN], True])
def test_row_that_is_no_object_is_recorded_as_unusable(row: Any) -> None:
    page = read(row)
    assert len(page.added) == len(page.set_aside) == 1


def of_one_page(*, added: list[object], modified: list[object]) -> Page:
    answer = {"added": added, "modified": modified, "removed": [], "next_cursor": "c", "has_more": False}
    return transaction_mapping.page(exact_json.parse(json.dumps(answer).encode()), size=1_000)


def test_row_that_its_own_page_repairs_is_not_set_aside() -> None:
    """Plaid may send every version of a row since the cursor, and not only the latest."""
    unusable = PLAIN | {"account_id": "a/b"}
    assert not of_one_page(added=[unusable, INNOCENT], modified=[PLAIN]).set_aside
    assert not of_one_page(added=[INNOCENT], modified=[unusable, PLAIN]).set_aside
    for page in (
        of_one_page(added=[PLAIN], modified=[unusable, unusable]),
        of_one_page(added=[], modified=[PLAIN, unusable]),
    ):
        assert [(one.transaction_id, one.field) for one in page.set_aside] == [("t1", "account_id")]


def test_the_smallest_input_that_stopped_a_connection() -> None:
    page = read(PLAIN | {"authorized_datetime": "0001-01-01T00:00:00+01:00"})
    assert page.added[0]["authorized_datetime"] is None
    assert page.oddities == {"authorized_datetime": 1}


@pytest.mark.parametrize("amount", ["1e400", "-1e400", "1e999999999", "1e99999999999999999999", "9" * 5_000, "NaN"])
def test_huge_number_makes_its_row_unusable_without_delay(amount: str) -> None:
    text = json.dumps({"added": [PLAIN | {"amount": 0.5}, INNOCENT]}).replace("0.5", amount)
    answer = exact_json.parse(text.encode()) | {"modified": [], "removed": [], "next_cursor": "c", "has_more": False}
    page = transaction_mapping.page(answer, size=len(text))
    assert [row["transaction_id"] for row in page.added] == ["innocent"]
    assert [one.field for one in page.set_aside] == ["amount"]


@pytest.mark.parametrize("amount", ["1E-7", "1e300", "-0.00", "123456789012345678901234567890.12", "7"])
def test_an_amount_that_can_be_held_is_kept_exactly(amount: str) -> None:
    made = transaction_mapping.transaction(PLAIN | {"amount": json.loads(amount, parse_float=Decimal)})
    assert Decimal(made["amount"]) == Decimal(amount)
    assert "E" not in made["amount"]


def test_a_value_thousands_of_levels_deep_does_not_stop_its_page() -> None:
    for deep in ("[" * 5_000 + "]" * 5_000, '{"a":' * 5_000 + "1" + "}" * 5_000):
        text = json.dumps(read_body(PLAIN | {"location": "DEEP"})).replace('"DEEP"', deep)
        page = transaction_mapping.page(exact_json.parse(text.encode()), size=len(text))
        assert [row["transaction_id"] for row in page.added] == ["t1", "innocent"]
        assert_storable(page)


def read_body(*rows: Any) -> dict[str, Any]:
    return {"added": [*rows, INNOCENT], "modified": [], "removed": [], "next_cursor": "c", "has_more": False}


def test_text_with_brackets_and_quotes_is_read_next_to_a_deep_value() -> None:
    text = json.dumps({"name": 'a "]}[{" \\', "deep": "DEEP"}).replace('"DEEP"', "[" * 2_000 + "]" * 2_000)
    assert exact_json.parse(text.encode())["name"] == 'a "]}[{" \\'


def test_row_with_many_large_values_fits_a_document_by_dropping_the_largest() -> None:
    page = read(PLAIN | {"name": "n" * 300_000, "website": "w" * 400_000, "merchant_name": "m" * 350_000})
    row = page.added[0]
    assert (len(row["name"]), row["website"], len(row["merchant_name"] or "")) == (300_000, None, 350_000)
    assert page.oddities == {"website": 1}


def test_odd_entries_of_removed_are_skipped() -> None:
    named = [{"transaction_id": "t1"}, {"transaction_id": "a/b"}, {"transaction_id": 5}, None, {}, "t2"]
    page = read(removed=named)
    assert (page.removed, page.removed_aside) == (["t1"], ("a/b",))
    assert page.oddities == {"removed": 4}


@given(ANYTHING, st.sampled_from(["accounts", "request_id", "transactions_update_status"]))
def test_odd_value_outside_the_rows_affects_no_row(value: Any, name: str) -> None:
    page = read(**{name: value})
    assert [row["transaction_id"] for row in page.added] == ["innocent"]


ACCOUNT: dict[str, Any] = {
    "account_id": "checking",
    "name": "Checking",
    "official_name": None,
    "mask": "0000",
    "type": "depository",
    "subtype": "checking",
    "persistent_account_id": None,
    "balances": {"current": Decimal("1.10"), "available": 5, "limit": None, "iso_currency_code": "USD"},
}


@given(st.dictionaries(st.sampled_from(sorted(ACCOUNT)), ANYTHING, max_size=3), ANYTHING)
def test_odd_account_affects_no_other_account(changes: dict[str, Any], balance: Any) -> None:
    odd = ACCOUNT | {"account_id": "odd", "balances": {"current": balance}} | changes
    facts = item_mapping.item_facts({"item_id": "i"}, accounts=[odd, ACCOUNT, None])
    assert facts.accounts[-1]["account_id"] == "checking"
    for one in facts.accounts:
        assert_can_be_stored(one)
        assert weight(one) < 1_000_000


@given(
    st.dictionaries(
        st.sampled_from(["institution_id", "institution_name", "webhook", "consent_expiration_time", "error"]), ANYTHING
    ),
    ANYTHING,
)
def test_item_with_odd_values_is_still_read(changes: dict[str, Any], status: Any) -> None:
    facts = item_mapping.item_facts({"item_id": "i", **changes}, status=status)
    assert facts.item_id == "i"
    assert_can_be_stored([facts.institution_id, facts.institution_name, facts.webhook_url])
    assert_has_a_place_in_time(facts.consent_expiration_time)


@given(ANYTHING)
def test_odd_item_error_is_storable(value: Any) -> None:
    fields = {"error_type": value, "error_code": value, "display_message": value, "request_id": value}
    error = from_error_object(fields)
    assert error is not None
    assert_can_be_stored([error.error_type, error.error_code, error.display_message, error.request_id])


@given(
    st.dictionaries(
        st.sampled_from(["name", "url", "logo", "primary_color", "country_codes", "products", "oauth"]), ANYTHING
    )
)
def test_institution_with_odd_values_is_still_read(changes: dict[str, Any]) -> None:
    plain = {"institution_id": "ins_1", "name": "First Bank", "logo": "aWNvbg=="}
    made = item_mapping.institution_info(plain | changes, fetched_at=START)
    assert made.name
    fields = made.model_dump(exclude={"fetched_at"}) | {"country_codes": [], "products": []}
    assert_can_be_stored(fields)
    assert_can_be_stored([*made.country_codes, *made.products])
    assert weight(fields) < 500_000


def test_a_logo_that_is_too_large_is_left_out() -> None:
    large = {"institution_id": "ins_1", "name": "First Bank", "logo": "a" * 1_100_000}
    made = item_mapping.institution_info(large, fetched_at=START)
    assert (made.name, made.logo) == ("First Bank", None)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("USER_ACCOUNT_REVOKED", datetime(2026, 3, 1, 4, tzinfo=UTC)),
        ("SYNC_UPDATES_AVAILABLE", None),
        (["USER_ACCOUNT_REVOKED"], None),
    ],
)
def test_last_webhook_tells_when_an_account_was_revoked(code: object, expected: datetime | None) -> None:
    status = {"last_webhook": {"sent_at": "2026-03-01T04:00:00Z", "code_sent": code}}
    assert item_mapping.item_facts({"item_id": "i"}, status=status).account_revoked_at == expected
