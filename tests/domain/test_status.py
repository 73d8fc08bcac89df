"""The effect of each event on each status: the whole table, written independently from the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.plaid.errors import from_answer
from shared.domain.connection import REVOKED_CODE, Action, BankConnection, ItemStatus
from shared.domain.errors import ErrorClass, ErrorKind, ProviderError
from shared.domain.reminders import warning_due
from shared.domain.status import (
    ANNOUNCED_AHEAD,
    ERRORS,
    LONGEST_AHEAD,
    TABLE,
    StatusEvent,
    action_for,
    after,
    announcement,
    event_of,
    is_over,
    is_revoked,
    moment_of,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)

# event: good, bad, error, pending_expiration, pending_disconnect; each as status[/action][!notification]
EXPECTED = """
login_failed          bad/reconnect!needs_repair      bad/reconnect                bad/reconnect!needs_repair  bad/reconnect!needs_repair          bad/reconnect!needs_repair
unusable              error/relink!needs_relink       error/relink!needs_relink    error/relink                error/relink!needs_relink           error/relink!needs_relink
revoked               error/relink!revoked            error/relink!revoked         error/relink!revoked        error/relink!revoked                error/relink!revoked
consent_missing       good/reconnect!needs_repair     bad/reconnect                error/relink                pending_expiration/reconnect!needs_repair  pending_disconnect/reconnect!needs_repair
working               good                            good!repaired                good!repaired               pending_expiration/reconnect        pending_disconnect/reconnect
repaired              good                            good!repaired                good!repaired               good!renewed                        good!renewed
expiration_announced  pending_expiration/reconnect!expiring  bad/reconnect         error/relink                pending_expiration/reconnect!expiring  pending_expiration/reconnect!expiring
expiration_near       pending_expiration/reconnect!expiring  bad/reconnect         error/relink                pending_expiration/reconnect!expiring  pending_disconnect/reconnect!expiring
expiration_moved      good                            bad/reconnect                error/relink                good!renewed                        good!renewed
disconnect_announced  pending_disconnect/reconnect!disconnecting  bad/reconnect    error/relink                pending_disconnect/reconnect!disconnecting  pending_disconnect/reconnect
new_accounts          good/select_accounts!new_accounts  bad/reconnect!new_accounts  error/relink              pending_expiration/reconnect!new_accounts  pending_disconnect/reconnect!new_accounts
accounts_chosen       good                            bad/reconnect                error/relink                pending_expiration/reconnect        pending_disconnect/reconnect
"""  # noqa: E501 (a table)
ORDER = (
    ItemStatus.GOOD,
    ItemStatus.BAD,
    ItemStatus.ERROR,
    ItemStatus.PENDING_EXPIRATION,
    ItemStatus.PENDING_DISCONNECT,
)
CASES = [
    (StatusEvent(event), status, expected)
    for event, *row in (line.split() for line in EXPECTED.strip().splitlines())
    for status, expected in zip(ORDER, row, strict=True)
]
FAULTS = {
    StatusEvent.LOGIN_FAILED: "ITEM_LOGIN_REQUIRED",
    StatusEvent.UNUSABLE: "ITEM_NOT_FOUND",
    StatusEvent.REVOKED: REVOKED_CODE,
    StatusEvent.CONSENT_MISSING: "ADDITIONAL_CONSENT_REQUIRED",
}


def plaid_error(code: str) -> ProviderError:
    return from_answer(400, f'{{"error_type": "ITEM_ERROR", "error_code": "{code}"}}')


def connection(status: ItemStatus, **more: object) -> BankConnection:
    """A connection as produced by events."""
    faulty = {
        ItemStatus.BAD: {"action": Action.RECONNECT, "error_type": "ITEM_ERROR", "error_code": "ITEM_LOGIN_REQUIRED"},
        ItemStatus.ERROR: {"action": Action.RELINK, "error_type": "ITEM_ERROR", "error_code": "ITEM_NOT_FOUND"},
        ItemStatus.GOOD: {},
    }.get(status, {"action": Action.RECONNECT})
    plain = {
        "connection_id": "c",
        "app_user_id": "u",
        "institution_id": "ins_1",
        "item_id": "i",
        "status": status,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return BankConnection.model_validate(plain | faulty | more)


@pytest.mark.parametrize(("event", "status", "expected"), CASES)
def test_every_transition_of_the_table(event: StatusEvent, status: ItemStatus, expected: str) -> None:
    error = plaid_error(FAULTS[event]) if event in FAULTS else None
    change = after(connection(status), event, now=NOW, error=error)
    found = change.connection.status.value
    found += f"/{change.connection.action}" if change.connection.action else ""
    found += f"!{change.tells}" if change.tells else ""
    assert found == expected


def test_every_event_is_in_the_table() -> None:
    assert {(event, status) for event, status, _ in CASES} == {(e, s) for e in StatusEvent for s in ItemStatus}


def test_every_status_change_notifies_the_user() -> None:
    silent = [(e, before) for e, row in TABLE.items() for before, step in row.items() if not step.tells]
    assert all(TABLE[event][before].status is before for event, before in silent)


@pytest.mark.parametrize("status", ItemStatus)
def test_error_code_is_shown_exactly_as_long_as_the_error_lasts(status: ItemStatus) -> None:
    broken = after(connection(status), StatusEvent.LOGIN_FAILED, now=NOW, error=plaid_error("ITEM_LOCKED")).connection
    assert (broken.error_type, broken.error_code) == ("ITEM_ERROR", "ITEM_LOCKED")
    recovered = after(broken, StatusEvent.WORKING, now=NOW).connection
    assert (recovered.error_type, recovered.error_code, recovered.action) == (None, None, None)


@pytest.mark.parametrize("status", ItemStatus)
@pytest.mark.parametrize("then", ItemStatus)
def test_time_of_a_broken_login_does_not_move(status: ItemStatus, then: ItemStatus) -> None:
    later = NOW + timedelta(days=1)
    stays = status is then and status in (ItemStatus.BAD, ItemStatus.ERROR)
    assert moment_of(connection(status), then, now=later) == (NOW if stays else later)


def test_a_working_call_does_not_hide_a_consent_that_ends_soon() -> None:
    soon = connection(ItemStatus.BAD, consent_expiration_time=NOW + timedelta(days=3))
    assert after(soon, StatusEvent.WORKING, now=NOW).connection.status is ItemStatus.PENDING_EXPIRATION
    far = connection(ItemStatus.BAD, consent_expiration_time=NOW + timedelta(days=90))
    assert after(far, StatusEvent.WORKING, now=NOW).connection.status is ItemStatus.GOOD


@pytest.mark.parametrize("event", [StatusEvent.REPAIRED, StatusEvent.WORKING, StatusEvent.EXPIRATION_MOVED])
@pytest.mark.parametrize("status", [ItemStatus.GOOD, ItemStatus.PENDING_EXPIRATION, ItemStatus.PENDING_DISCONNECT])
def test_consent_that_is_still_missing_keeps_its_error_and_its_action(event: StatusEvent, status: ItemStatus) -> None:
    missing = plaid_error("ADDITIONAL_CONSENT_REQUIRED")
    before = after(connection(status), StatusEvent.CONSENT_MISSING, now=NOW, error=missing).connection
    error = None if event is StatusEvent.EXPIRATION_MOVED else missing
    change = after(before, event, now=NOW, error=error)
    found = change.connection
    assert (found.error_code, found.action) == ("ADDITIONAL_CONSENT_REQUIRED", Action.RECONNECT)
    assert error is None or change.tells is None


def test_working_call_keeps_the_offer_of_new_accounts_and_a_repair_clears_it() -> None:
    offered = after(connection(ItemStatus.GOOD), StatusEvent.NEW_ACCOUNTS, now=NOW).connection
    assert after(offered, StatusEvent.WORKING, now=NOW).connection.action is Action.SELECT_ACCOUNTS
    assert after(offered, StatusEvent.REPAIRED, now=NOW).connection.action is None


@pytest.mark.parametrize("event", StatusEvent)
def test_revoked_connection_stays_revoked(event: StatusEvent) -> None:
    gone = after(
        connection(ItemStatus.GOOD), StatusEvent.REVOKED, now=NOW, error=plaid_error("USER_PERMISSION_REVOKED")
    ).connection
    assert is_revoked(gone)
    assert after(gone, event, now=NOW, error=plaid_error("ITEM_LOGIN_REQUIRED")).connection == gone


def test_outages_and_configuration_errors_are_no_events() -> None:
    for code in ("INSTITUTION_DOWN", "INSTITUTION_NOT_RESPONDING", "INTERNAL_SERVER_ERROR", "RATE_LIMIT", "NEW_CODE"):
        assert event_of(plaid_error(code)) is None
    assert event_of(plaid_error("INVALID_API_KEYS")) is None


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_error_that_only_the_user_can_resolve_has_an_event_and_no_other_has(kind: ErrorKind) -> None:
    error = ProviderError("", kind=kind, error_type="", error_code="")
    in_link = (ErrorKind.LINK_AGAIN, ErrorKind.PUBLIC_TOKEN_INVALID)  # of a Link session, not of a connection
    of_a_product = kind.name.startswith("PRODUCT_")  # it changes the product alone
    is_users = kind.error_class in (ErrorClass.USER, ErrorClass.TERMINAL) and kind not in in_link and not of_a_product
    assert (event_of(error) is not None) == (action_for(error) is not None) == is_users


def test_an_error_asks_for_what_its_status_can_offer() -> None:
    good = connection(ItemStatus.GOOD)
    for kind in ERRORS:
        error = ProviderError("", kind=kind, error_type="", error_code="")
        event = event_of(error)
        assert event is not None
        found = after(good, event, now=NOW, error=error).connection
        assert (found.action is Action.RELINK) == (found.status is ItemStatus.ERROR)


@pytest.mark.parametrize(("days", "expected"), [(15, None), (14, 14), (8, 14), (7, 7), (2, 7), (1, 1), (0, 1), (-3, 1)])
def test_warnings_come_14_7_and_1_days_ahead(days: int, expected: int | None) -> None:
    due = warning_due(NOW + timedelta(days=days), now=NOW)
    assert due == (None if expected is None else timedelta(days=expected))


def test_a_consent_without_an_end_needs_no_warning() -> None:
    assert warning_due(None, now=NOW) is None


def test_selecting_accounts_clears_only_the_offer_of_new_accounts() -> None:
    offered = after(connection(ItemStatus.GOOD), StatusEvent.NEW_ACCOUNTS, now=NOW).connection
    assert after(offered, StatusEvent.ACCOUNTS_CHOSEN, now=NOW).connection.action is None
    broken = connection(ItemStatus.BAD)
    assert after(broken, StatusEvent.ACCOUNTS_CHOSEN, now=NOW).connection == broken


DAY = timedelta(days=1)
ENDS = NOW + 7 * DAY


@pytest.mark.parametrize(
    ("consent", "days", "works", "expected"),
    [
        (ENDS, 0, True, False),
        (None, 0, True, False),
        (ENDS + timedelta(hours=1), 0, True, False),  # the same date, rounded differently
        (ENDS + 180 * DAY, 0, True, True),
        (ENDS + 180 * DAY, 0, False, True),
        (None, 8, True, False),
        (None, 9, True, True),
        (None, 9, False, False),
    ],
)
def test_an_announcement_ends_with_a_renewal_or_when_its_day_has_passed_without_effect(
    consent: datetime | None, days: int, works: bool, expected: bool
) -> None:
    announced = announcement(ENDS, consent=ENDS, now=NOW)
    assert is_over(announced, consent=consent, works=works, now=NOW + days * DAY) is expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, NOW + ANNOUNCED_AHEAD),
        (ENDS, ENDS),
        (datetime(9999, 12, 31, tzinfo=UTC), NOW + LONGEST_AHEAD),
        (datetime(1, 1, 1, tzinfo=UTC), NOW),
    ],
)
def test_announcement_is_valid_for_a_bounded_time(said: datetime | None, expected: datetime) -> None:
    assert announcement(said, consent=None, now=NOW).ends_at == expected


@pytest.mark.parametrize("event", StatusEvent)
@pytest.mark.parametrize("status", ItemStatus)
def test_only_a_pending_connection_has_an_announcement(event: StatusEvent, status: ItemStatus) -> None:
    known = connection(status, announced=announcement(ENDS, consent=None, now=NOW))
    error = plaid_error(FAULTS[event]) if event in FAULTS else None
    changed = after(known, event, now=NOW, error=error).connection
    pending = changed.status in (ItemStatus.PENDING_EXPIRATION, ItemStatus.PENDING_DISCONNECT)
    assert (changed.announced is not None) is pending
