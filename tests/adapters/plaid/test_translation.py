"""Plaid's answers and errors, translated to the backend's types."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.firestore.encoding import encoded
from shared.adapters.plaid import transaction_mapping
from shared.adapters.plaid.errors import BY_CODE, BY_CODE_OF_A_SYNC, SYNC, from_answer, from_error_object
from shared.adapters.plaid.transport import parse_object
from shared.adapters.plaid.values import Unusable
from shared.domain.connection import Action, ItemStatus
from shared.domain.errors import CursorRejected, ErrorClass, PagingInterrupted, ProviderError
from shared.domain.status import TABLE, action_for, breaks_login, event_of
from shared.domain.transaction import History

ROW: dict[str, Any] = {"transaction_id": "t", "account_id": "a", "date": "2026-01-02", "amount": Decimal("1.10")}


def body(**changes: Any) -> str:
    plain = {
        "error_type": "ITEM_ERROR",
        "error_code": "ITEM_LOGIN_REQUIRED",
        "error_message": "vendor words with access-sandbox-11111111-2222-3333-4444-555555555555",
        "display_message": None,
        "request_id": "0123456789abcde",
    }
    return json.dumps(plain | changes)


def answer(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "added": [],
        "modified": [],
        "removed": [],
        "accounts": [],
        "next_cursor": "c",
        "has_more": False,
        "transactions_update_status": "HISTORICAL_UPDATE_COMPLETE",
        "request_id": "r",
    }
    return plain | changes


def effect(error: ProviderError) -> tuple[ErrorClass, ItemStatus | None, Action | None]:
    """The status that an error gives a good connection; none if it stays good."""
    event = event_of(error)
    status = TABLE[event][ItemStatus.GOOD].status if event is not None else ItemStatus.GOOD
    return error.error_class, None if status is ItemStatus.GOOD else status, action_for(error)


@pytest.mark.parametrize(
    ("changes", "http", "fault", "status", "action"),
    [
        ({}, 400, ErrorClass.USER, ItemStatus.BAD, Action.RECONNECT),
        ({"error_code": "NO_ACCOUNTS"}, 400, ErrorClass.USER, ItemStatus.BAD, Action.SELECT_ACCOUNTS),
        ({"error_code": "ITEM_NOT_FOUND"}, 400, ErrorClass.TERMINAL, ItemStatus.ERROR, Action.RELINK),
        ({"error_code": "SOMETHING_NEW"}, 400, ErrorClass.CONFIGURATION, None, None),
        ({"error_type": "INSTITUTION_ERROR", "error_code": "INSTITUTION_DOWN"}, 400, ErrorClass.TRANSIENT, None, None),
        ({"error_type": "INSTITUTION_ERROR", "error_code": "SOMETHING_NEW"}, 400, ErrorClass.TRANSIENT, None, None),
        ({"error_type": "API_ERROR", "error_code": "INTERNAL_SERVER_ERROR"}, 500, ErrorClass.TRANSIENT, None, None),
        ({"error_type": "API_ERROR", "error_code": "PLANNED_MAINTENANCE"}, 503, ErrorClass.TRANSIENT, None, None),
        ({"error_type": "INVALID_INPUT", "error_code": "INVALID_API_KEYS"}, 400, ErrorClass.CONFIGURATION, None, None),
        ({"error_type": "NEW_TYPE", "error_code": "NEW"}, 500, ErrorClass.TRANSIENT, None, None),
        ({"error_type": "NEW_TYPE", "error_code": "NEW"}, 429, ErrorClass.TRANSIENT, None, None),
        ({"error_type": "NEW_TYPE", "error_code": "NEW"}, 400, ErrorClass.CONFIGURATION, None, None),
        (
            {"error_type": "RATE_LIMIT_EXCEEDED", "error_code": "CREDITS_EXHAUSTED"},
            429,
            ErrorClass.CONFIGURATION,
            None,
            None,
        ),
    ],
)
def test_error_class_is_read_from_the_body(
    changes: dict[str, str], http: int, fault: ErrorClass, status: ItemStatus | None, action: Action | None
) -> None:
    error = from_answer(http, body(**changes))
    assert effect(error) == (fault, status, action)
    assert error.request_id == "0123456789abcde"


BAD_LOGIN = (ErrorClass.USER, ItemStatus.BAD, Action.RECONNECT)
NO_ACCOUNTS = (ErrorClass.USER, ItemStatus.BAD, Action.SELECT_ACCOUNTS)
LINK_AGAIN = (ErrorClass.TERMINAL, ItemStatus.ERROR, Action.RELINK)
RETRY = (ErrorClass.TRANSIENT, None, None)
OURS = (ErrorClass.CONFIGURATION, None, None)
ON_A_SYNC = {
    "ITEM_ERROR": {
        "PRODUCTS_NOT_SUPPORTED": LINK_AGAIN,
        "PRODUCT_NOT_ENABLED": LINK_AGAIN,
        "ITEM_NOT_SUPPORTED": LINK_AGAIN,
        "MFA_NOT_SUPPORTED": LINK_AGAIN,
        "INSTANT_MATCH_FAILED": LINK_AGAIN,
        "ITEM_NOT_FOUND": LINK_AGAIN,
        "ITEM_CONCURRENTLY_DELETED": LINK_AGAIN,
        "USER_PERMISSION_REVOKED": LINK_AGAIN,
        "NO_ACCOUNTS": NO_ACCOUNTS,
        "NO_AUTH_ACCOUNTS": NO_ACCOUNTS,
        "NO_LIABILITY_ACCOUNTS": NO_ACCOUNTS,
        "NO_INVESTMENT_ACCOUNTS": NO_ACCOUNTS,
        "NO_INVESTMENT_AUTH_ACCOUNTS": NO_ACCOUNTS,
        "ITEM_LOGIN_REQUIRED": BAD_LOGIN,
        "ITEM_LOCKED": BAD_LOGIN,
        "INVALID_CREDENTIALS": BAD_LOGIN,
        "INVALID_UPDATED_USERNAME": BAD_LOGIN,
        "USER_SETUP_REQUIRED": BAD_LOGIN,
        "PASSWORD_RESET_REQUIRED": BAD_LOGIN,
        "ACCESS_NOT_GRANTED": BAD_LOGIN,
        "MANUAL_VERIFICATION_REQUIRED": BAD_LOGIN,
        "PRODUCT_NOT_READY": RETRY,
        "SOMETHING_NEW": RETRY,  # always the item of a single user
    },
    "INSTITUTION_ERROR": {
        "INSTITUTION_NO_LONGER_SUPPORTED": LINK_AGAIN,
        "UNSUPPORTED_RESPONSE": LINK_AGAIN,
        "INSTITUTION_DOWN": RETRY,
        "SOMETHING_NEW": RETRY,
        "UNAUTHORIZED_INSTITUTION": OURS,
        "INSTITUTION_REGISTRATION_REQUIRED": OURS,
        "INSTITUTION_NOT_ENABLED_IN_ENVIRONMENT": OURS,
    },
    "INVALID_INPUT": {
        "ADDITIONAL_CONSENT_REQUIRED": (ErrorClass.USER, None, Action.RECONNECT),
        "USER_PERMISSION_REVOKED": LINK_AGAIN,
        "INVALID_ACCESS_TOKEN": LINK_AGAIN,
        "INVALID_PRODUCT": OURS,
        "INVALID_API_KEYS": OURS,
        "UNAUTHORIZED_ROUTE_ACCESS": OURS,
    },
}


@pytest.mark.parametrize(
    ("error_type", "error_code", "expected"),
    [(kind, code, expected) for kind, codes in ON_A_SYNC.items() for code, expected in codes.items()],
)
def test_sync_errors_of_one_item_differ_from_configuration_errors(
    error_type: str, error_code: str, expected: tuple[ErrorClass, ItemStatus | None, Action | None]
) -> None:
    error = from_answer(400, body(error_type=error_type, error_code=error_code), endpoint=SYNC)
    assert effect(error) == expected


@pytest.mark.parametrize("code", sorted(BY_CODE_OF_A_SYNC))
def test_each_sync_error_that_needs_the_user_has_an_action(code: str) -> None:
    error = from_answer(400, body(error_code=code), endpoint=SYNC)
    assert action_for(error) is not None
    assert any(words in error.message for words in ("link the bank again", "in Link"))


@pytest.mark.parametrize("endpoint", ["/transactions/refresh", "/link/token/create", None])
@pytest.mark.parametrize("code", ["PRODUCTS_NOT_SUPPORTED", "PRODUCT_NOT_ENABLED"])
def test_missing_product_of_another_endpoint_does_not_affect_the_item(code: str, endpoint: str | None) -> None:
    assert event_of(from_answer(400, body(error_code=code), endpoint=endpoint)) is None


def test_plaids_error_messages_are_not_passed_on() -> None:
    error = from_answer(400, body())
    assert "access-" not in f"{error} {error!r} {error.details()}"


def test_rate_limit_waits_for_retry_after_or_a_minute() -> None:
    limited = body(error_type="RATE_LIMIT_EXCEEDED", error_code="TRANSACTIONS_SYNC_LIMIT")
    assert from_answer(429, limited).retry_after_seconds == 60
    assert from_answer(429, limited, retry_after="300").retry_after_seconds == 300
    assert from_answer(429, limited, retry_after="7").retry_after_seconds == 7
    assert from_answer(429, limited, retry_after="9" * 14).retry_after_seconds == 60
    assert from_answer(429, limited, retry_after="99999").retry_after_seconds == 3600
    assert from_answer(429, limited, retry_after="²").retry_after_seconds == 60
    assert from_answer(429, limited, retry_after="tomorrow").retry_after_seconds == 60


def test_two_errors_of_the_sync_loop_have_their_own_kinds() -> None:
    interrupted = body(error_type="TRANSACTIONS_ERROR", error_code="TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION")
    foreign = body(
        error_type="INVALID_REQUEST",
        error_code="INVALID_FIELD",
        error_message="cursor not associated with access_token",
    )
    assert isinstance(from_answer(400, interrupted), PagingInterrupted)
    assert isinstance(from_answer(400, foreign), CursorRejected)
    other = body(error_type="INVALID_REQUEST", error_code="INVALID_FIELD", error_message="count is too large")
    assert not isinstance(from_answer(400, other), CursorRejected)


@given(st.binary(max_size=60) | st.just(b"<html>502 Bad Gateway</html>") | st.just(b"[]") | st.just(b"null"))
def test_network_errors_and_proxies_count_as_an_outage(junk: bytes) -> None:
    assert from_answer(502, junk).error_class is ErrorClass.TRANSIENT


def test_every_error_status_has_an_action() -> None:
    errors = [from_answer(400, body(error_code=code)) for code in BY_CODE]
    assert all(action_for(error) for error in errors if breaks_login(error))


def test_amounts_are_exact() -> None:
    for text in ("12.50", "0.0000001", "-3", "1E-7", "123456789012345.123456789"):
        amount = json.loads(text, parse_float=Decimal)
        stored = transaction_mapping.transaction({**ROW, "amount": amount})["amount"]
        assert Decimal(stored) == Decimal(text)
        assert "E" not in stored
    assert transaction_mapping.transaction({**ROW, "amount": Decimal("12.50")})["amount"] == "12.50"


def test_nulls_and_unknown_values_are_accepted() -> None:
    optional = (
        *(
            "name",
            "merchant_name",
            "pending",
            "pending_transaction_id",
            "payment_channel",
            "counterparties",
            "location",
        ),
        *("personal_finance_category", "datetime", "iso_currency_code", "authorized_date", "website", "logo_url"),
    )
    assert transaction_mapping.transaction(ROW | dict.fromkeys(optional))["pending"] is False
    assert transaction_mapping.transaction({**ROW, "payment_channel": "by pigeon"})["payment_channel"] == "by pigeon"
    assert transaction_mapping.transaction({**ROW, "datetime": "not a time"})["datetime"] is None
    assert transaction_mapping.account({"account_id": "a", "balances": None})["balances"]["current"] is None


@pytest.mark.parametrize("field", ["added", "modified", "removed", "next_cursor", "has_more"])
def test_page_without_required_fields_is_unusable(field: str) -> None:
    broken = answer()
    del broken[field]
    with pytest.raises(Unusable):
        transaction_mapping.page(broken, size=1)
    with pytest.raises(Unusable):
        transaction_mapping.page(answer(has_more=True, next_cursor=""), size=1)


@pytest.mark.parametrize(
    ("status", "cursor", "history"),
    [
        ("NOT_READY", "", History.NOT_READY),
        ("INITIAL_UPDATE_COMPLETE", "c", History.RECENT),
        ("HISTORICAL_UPDATE_COMPLETE", "c", History.COMPLETE),
        ("HISTORICAL_UPDATE_COMPLETE", "", History.COMPLETE),  # only investment accounts
        ("TRANSACTIONS_UPDATE_STATUS_UNKNOWN", "", History.NOT_READY),
        ("TRANSACTIONS_UPDATE_STATUS_UNKNOWN", "c", History.RECENT),
        (None, None, History.NOT_READY),
    ],
)
def test_history_status_is_read(status: str | None, cursor: str | None, history: History) -> None:
    page = transaction_mapping.page(answer(transactions_update_status=status, next_cursor=cursor), size=1)
    assert page.history is history
    assert page.next_cursor == (cursor or None)


def test_lone_surrogate_and_infinite_number_do_not_stop_a_page() -> None:
    """JSON may hold both (https://www.rfc-editor.org/rfc/rfc8259#section-8.2); Firestore accepts neither."""
    raw = json.dumps({"name": "Caf\ud83d", "ok": ["\U0001f600", {"x": "\udc00!"}], "n": 10**30}).encode()
    parsed = parse_object(raw)
    assert parsed == {"name": "Caf\ufffd", "ok": ["\U0001f600", {"x": "\ufffd!"}], "n": 10**30}
    assert parse_object(b'{"name": "\xed\xa0\x80"}')["name"] == "\ufffd" * 3
    made = transaction_mapping.transaction({**ROW, "name": parsed["name"], "location": {"lat": parsed["n"]}})
    assert encoded(made)
    assert made["location"] == {"lat": 1e30}


def test_an_item_s_error_with_an_odd_number_in_it_is_read() -> None:
    error = from_error_object({"error_type": "ITEM_ERROR", "error_code": "ITEM_LOGIN_REQUIRED", "odd": Decimal("1.5")})
    assert error is not None
    assert error.error_code == "ITEM_LOGIN_REQUIRED"


@pytest.mark.parametrize("code", ["INTERNAL_SERVER_ERROR", "INVALID_API_KEYS", "ITEM_LOGIN_REQUIRED", "NEW_CODE"])
def test_call_that_failed_within_plaid_may_have_taken_effect(code: str) -> None:
    error = from_answer(500, json.dumps({"error_type": "API_ERROR", "error_code": code}))
    assert error.may_have_happened
