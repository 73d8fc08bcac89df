"""Whom the backend notifies of an outage: only users to whom it matters, each once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.institution_health.outage import CHECKED_EVERY, Outage, outage_news, plan_notices
from shared.domain.institution_health.outage import Recipient as To
from shared.domain.notification import NotificationKind

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OUTAGE = Outage("ins_1", since=NOW - timedelta(hours=3), next_check_at=NOW + timedelta(minutes=5))
LINKED = NOW - timedelta(days=90)


def connection(name: str, user: str, *, hours: float | None, **fields: Any) -> BankConnection:
    """A connection whose last sync was so many hours ago."""
    last_sync = None if hours is None else NOW - timedelta(hours=hours)
    facts: dict[str, Any] = {"institution_id": "ins_1", "item_id": name, "created_at": LINKED, "updated_at": LINKED}
    return BankConnection(connection_id=name, app_user_id=user, last_sync=last_sync, **facts | fields)


def recipients(*connections: BankConnection, notified: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    plan = plan_notices(OUTAGE, connections, notified=notified, now=NOW)
    return [(one.app_user_id, one.connection_id) for one in plan.recipients]


def test_users_with_old_data_are_notified_and_others_are_not() -> None:
    assert recipients(connection("1", "ann", hours=25), connection("2", "bob", hours=23)) == [("ann", "1")]


def test_a_user_with_several_connections_is_notified_of_the_one_with_the_oldest_data() -> None:
    all_of_ann = [connection(str(age), "ann", hours=age) for age in (25, 40, 3)]
    assert recipients(*all_of_ann) == [("ann", "40")]


def test_a_notified_user_is_not_notified_again() -> None:
    assert recipients(connection("1", "ann", hours=25), notified=("ann",)) == []


def test_a_login_that_was_broken_before_the_outage_is_not_blamed_on_it() -> None:
    long_broken = connection("1", "ann", hours=90, status=ItemStatus.BAD)
    broken_meanwhile = connection("2", "bob", hours=90, status=ItemStatus.BAD, updated_at=OUTAGE.since)
    unusable = connection("3", "cid", hours=90, status=ItemStatus.ERROR, updated_at=NOW)
    assert recipients(long_broken, broken_meanwhile, unusable) == [("bob", "2")]


def test_a_user_without_any_data_has_been_waiting_since_the_link() -> None:
    new = connection("1", "ann", hours=None, created_at=NOW - timedelta(hours=2))
    old = connection("2", "bob", hours=None, created_at=NOW - timedelta(hours=25))
    assert recipients(new, old) == [("bob", "2")]


def test_the_next_check_is_when_the_next_user_s_data_becomes_old() -> None:
    some = [connection("1", "ann", hours=30), connection("2", "bob", hours=20), connection("3", "cid", hours=10)]
    assert plan_notices(OUTAGE, some, notified=(), now=NOW).next_at == NOW + timedelta(hours=4)
    soon = connection("4", "dan", hours=23.9)
    assert plan_notices(OUTAGE, [*some, soon], notified=(), now=NOW).next_at == NOW + CHECKED_EVERY


def test_there_is_no_next_check_once_every_user_is_notified() -> None:
    both_of_ann = [connection("1", "ann", hours=30), connection("2", "ann", hours=1)]
    assert plan_notices(OUTAGE, both_of_ann, notified=(), now=NOW).next_at is None
    assert plan_notices(OUTAGE, both_of_ann, notified=("ann",), now=NOW).next_at is None


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_notifications_say_that_there_is_nothing_to_do(language: str) -> None:
    down, back = (
        outage_news(kind, OUTAGE, To("ann", "1"), bank="Chase", language=language, now=NOW)
        for kind in (NotificationKind.BANK_DOWN, NotificationKind.BANK_BACK)
    )
    assert {"en": "There is nothing for you to do", "es": "No tienes que hacer nada"}[language] in down.body
    assert "Chase" in down.title
    assert "Chase" in back.title
    assert down.notification_id == f"bank_down-{OUTAGE.outage_id}"
    assert back.notification_id == f"bank_back-{OUTAGE.outage_id}"
    assert (down.outage_id, back.outage_id) == (OUTAGE.outage_id, None)


def test_two_outages_of_a_bank_have_different_ids() -> None:
    later = Outage("ins_1", since=NOW, next_check_at=NOW)
    checked = Outage("ins_1", since=OUTAGE.since, next_check_at=NOW + timedelta(hours=1))
    assert later.outage_id != OUTAGE.outage_id == checked.outage_id
