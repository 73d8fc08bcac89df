"""What webhooks and daily checks do to a connection: the item's state at Plaid decides, in any order of events."""

from __future__ import annotations

import itertools
import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shared.domain.connection import Action, BankConnection, ItemStatus
from shared.domain.errors import ErrorClass, FailedPrecondition, NotFound, ProviderError
from shared.domain.progress import SyncStatus
from shared.ports import Profile
from shared.usecases.items.handle_webhook import ReplayResult, WebhookHandler
from tests.fakes import FakeItem, account, problem, row
from tests.usecases.conftest import ALICE, World

_numbers = itertools.count()


def login_required() -> ProviderError:
    return problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED")


def not_found() -> ProviderError:
    return problem(ErrorClass.TERMINAL, "ITEM_NOT_FOUND")


def receive(world: World, code: str, **body: Any) -> str:
    """Receive and acknowledge a webhook; its task waits in the queue."""
    delivery = f"jwt-{next(_numbers)}"
    world.clock.move(timedelta(seconds=1))
    world.receive_webhook(
        {"webhook_type": "ITEM", "webhook_code": code, "item_id": "item-1", "environment": "sandbox", **body},
        delivery_id=delivery,
    )
    return delivery


def handler(world: World) -> WebhookHandler:
    return world.webhook_handler


def work(world: World) -> None:
    """Deliver the waiting tasks."""
    while world.queue.others:
        function, payload = world.queue.others.pop(0)
        assert function in ("handlewebhook", "removeitem")
        if function == "handlewebhook":
            handler(world)(payload["delivery_id"])


def tell(world: World, code: str, **body: Any) -> BankConnection:
    receive(world, code, **body)
    work(world)
    return connection(world)


def connection(world: World) -> BankConnection:
    return world.store.connections["1"]


def kinds(world: World) -> list[str]:
    return [
        notification.kind
        for notification in world.store.notifications.values()
        if notification.kind != "first_sync_done"
    ]


def breaks(item: FakeItem) -> None:
    item.error = login_required()


@pytest.fixture
def item(world: World) -> FakeItem:
    item = world.connected("1", row("t1"))
    world.settle()
    return item


def test_broken_login_sets_status_audit_entry_and_notification_in_one_commit(world: World, item: FakeItem) -> None:
    breaks(item)
    before = len(world.store.commits)
    updated = tell(world, "ERROR", error={"error_code": "ITEM_LOGIN_REQUIRED"})
    assert (updated.status, updated.action, updated.error_code) == (
        ItemStatus.BAD,
        Action.RECONNECT,
        "ITEM_LOGIN_REQUIRED",
    )
    (_, writes), *more = world.store.commits[before:]
    assert not more
    assert writes.connection is not None
    assert [entry.action for entry in writes.audit] == ["status_changed"]
    assert [one.kind for one in writes.notifications] == ["needs_repair"]


def test_repaired_login_is_good_at_once_and_syncs(world: World, item: FakeItem) -> None:
    breaks(item)
    tell(world, "ERROR")
    item.error = None
    item.add(row("t2"))
    assert tell(world, "LOGIN_REPAIRED").status is ItemStatus.GOOD
    assert world.state().status is SyncStatus.PENDING
    world.settle()
    assert world.equals_truth()
    assert kinds(world) == ["needs_repair", "repaired"]


def test_late_error_or_repair_webhook_does_not_override_the_item(world: World, item: FakeItem) -> None:
    breaks(item)
    tell(world, "ERROR")
    item.error = None
    tell(world, "LOGIN_REPAIRED")
    assert tell(world, "ERROR").status is ItemStatus.GOOD
    breaks(item)
    assert tell(world, "LOGIN_REPAIRED").status is ItemStatus.BAD


def test_webhook_delivered_twice_notifies_once(world: World, item: FakeItem) -> None:
    breaks(item)
    for _ in range(3):
        tell(world, "ERROR")
    item.error, ends = None, world.clock.at + timedelta(days=6)
    item.consent_expiration_time = ends
    for _ in range(3):
        tell(world, "LOGIN_REPAIRED")
        tell(world, "PENDING_EXPIRATION", consent_expiration_time=ends.isoformat())
    assert kinds(world) == ["needs_repair", "repaired", "expiring"]


def test_consent_end_announced_early_is_the_same_the_day_after(world: World, item: FakeItem) -> None:
    ends = item.consent_expiration_time = world.clock.at + timedelta(days=20)
    tell(world, "PENDING_EXPIRATION", consent_expiration_time=ends.isoformat())
    world.check.daily_check("1")
    assert connection(world).status is ItemStatus.PENDING_EXPIRATION
    assert kinds(world) == ["expiring"]
    item.consent_expiration_time = ends + timedelta(days=180)
    world.check.daily_check("1")
    assert connection(world).status is ItemStatus.GOOD
    assert kinds(world) == ["expiring", "renewed"]


def test_a_consent_that_ends_is_pending_until_it_is_renewed(world: World, item: FakeItem) -> None:
    ends = world.clock.at + timedelta(days=6)
    updated = tell(world, "PENDING_EXPIRATION", consent_expiration_time=ends.isoformat())
    assert (updated.status, updated.action) == (ItemStatus.PENDING_EXPIRATION, Action.RECONNECT)
    assert updated.consent_expiration_time == ends
    world.store.describe("1", {"status": ItemStatus.PENDING_EXPIRATION})
    item.add(row("t2"))
    world.clock.move(timedelta(hours=13))
    world.tick()
    world.settle()
    assert connection(world).status is ItemStatus.PENDING_EXPIRATION, "a working call does not hide the pending end"
    item.consent_expiration_time = world.clock.at + timedelta(days=180)
    assert tell(world, "PENDING_EXPIRATION", consent_expiration_time=ends.isoformat()).status is ItemStatus.GOOD


def test_a_disconnect_that_is_announced_is_pending_until_the_login_is_repaired(world: World, item: FakeItem) -> None:
    assert tell(world, "PENDING_DISCONNECT").status is ItemStatus.PENDING_DISCONNECT
    assert tell(world, "LOGIN_REPAIRED").status is ItemStatus.GOOD


@pytest.mark.parametrize("days", [5, 90])
def test_user_is_notified_when_a_pending_end_is_averted(world: World, item: FakeItem, days: int) -> None:
    item.consent_expiration_time = world.clock.at + timedelta(days=days)
    tell(world, "PENDING_DISCONNECT")
    tell(world, "LOGIN_REPAIRED")
    assert every_change_is_notified(world)
    assert kinds(world) == ["disconnecting", "expiring" if days == 5 else "renewed"]
    item.consent_expiration_time = world.clock.at + timedelta(days=180)
    world.check.daily_check("1")
    assert connection(world).status is ItemStatus.GOOD
    assert every_change_is_notified(world)
    assert kinds(world)[-1] == "renewed"


def test_new_accounts_are_offered_and_the_status_stays(world: World, item: FakeItem) -> None:
    updated = tell(world, "NEW_ACCOUNTS_AVAILABLE")
    assert (updated.status, updated.action) == (ItemStatus.GOOD, Action.SELECT_ACCOUNTS)
    assert kinds(world) == ["new_accounts"]


def test_a_revoked_permission_is_final_stops_every_run_and_leaves_a_tombstone(world: World, item: FakeItem) -> None:
    item.add(row("t2"))
    receive(world, "SYNC_UPDATES_AVAILABLE", webhook_type="TRANSACTIONS")

    def revoke(name: str) -> None:
        if name == "bank.changes":
            world.calls.before = None
            tell(world, "USER_PERMISSION_REVOKED")

    world.calls.before = revoke
    world.sync()
    gone = connection(world)
    assert (gone.status, gone.action, gone.error_code) == (ItemStatus.ERROR, Action.RELINK, "USER_PERMISSION_REVOKED")
    assert world.store.tombstones["1"].access_token is not None
    assert set(world.rows()) == {"t1"}, "the running sync wrote nothing more"
    assert world.state().status is SyncStatus.FAILED
    for code in ("LOGIN_REPAIRED", "PENDING_EXPIRATION", "NEW_ACCOUNTS_AVAILABLE", "ERROR"):
        assert tell(world, code) == gone
    receive(world, "SYNC_UPDATES_AVAILABLE", webhook_type="TRANSACTIONS")
    assert world.state().status is SyncStatus.FAILED
    assert kinds(world) == ["revoked"]


def test_revocation_reported_by_a_call_leaves_a_tombstone_too(world: World, item: FakeItem) -> None:
    error = problem(ErrorClass.TERMINAL, "USER_PERMISSION_REVOKED")
    world.plaid.fail("changes", error)
    receive(world, "SYNC_UPDATES_AVAILABLE", webhook_type="TRANSACTIONS")
    world.sync()
    assert connection(world).status is ItemStatus.ERROR
    assert "1" in world.store.tombstones


def test_revoked_account_and_its_rows_are_removed_for_good(world: World) -> None:
    item = world.connected("1", row("t1"), row("s1", account_id="savings"))
    item.accounts.append(account("savings"))
    world.settle()
    item.accounts.pop()
    updated = tell(world, "USER_ACCOUNT_REVOKED", account_id="savings")
    assert updated.account_ids == ("checking",)
    assert set(world.rows()) == {"t1"}
    item.add(row("s2", account_id="savings"), row("t2"))
    receive(world, "SYNC_UPDATES_AVAILABLE", webhook_type="TRANSACTIONS")
    world.settle()
    assert set(world.rows()) == {"t1", "t2"}
    assert set(world.store.account_rows["1"]) == {"checking"}
    assert kinds(world) == ["account_revoked"]


def test_revoked_account_that_a_sync_found_gone_is_notified_once_and_leaves_no_rows(world: World) -> None:
    item = world.connected("1", row("t1"), row("s1", account_id="savings"))
    item.accounts.append(account("savings"))
    world.settle()
    item.accounts.pop()
    item.add(row("t2"))
    receive(world, "SYNC_UPDATES_AVAILABLE", webhook_type="TRANSACTIONS")
    world.settle()
    assert connection(world).account_ids == ("checking",)
    tell(world, "USER_ACCOUNT_REVOKED", account_id="savings")
    assert set(world.rows()) == {"t1", "t2"}
    assert kinds(world) == ["account_revoked"]
    trail = {user: len(chain) for user, chain in world.store.audit.items()}
    tell(world, "USER_ACCOUNT_REVOKED", account_id="savings")
    assert kinds(world) == ["account_revoked"]
    assert {user: len(chain) for user, chain in world.store.audit.items()} == trail


def test_account_revocation_interrupted_before_a_sync_is_completed(world: World) -> None:
    item = world.connected("1", row("t1"), row("s1", account_id="savings"))
    item.accounts.append(account("savings"))
    world.settle()
    loaded = world.store.load("1")
    assert loaded is not None
    world.store.save(loaded.state.remove_account("savings"), expected=loaded.version)  # and then the process died
    item.accounts.pop()
    item.add(row("t2"))
    receive(world, "SYNC_UPDATES_AVAILABLE", webhook_type="TRANSACTIONS")
    world.settle()
    tell(world, "USER_ACCOUNT_REVOKED", account_id="savings")
    assert set(world.store.account_rows["1"]) == {"checking"}
    assert connection(world).account_ids == ("checking",)
    assert set(world.rows()) == {"t1", "t2"}
    assert kinds(world) == ["account_revoked"]


def test_a_revocation_that_names_no_account_changes_nothing(world: World, item: FakeItem) -> None:
    before = connection(world)
    assert tell(world, "USER_ACCOUNT_REVOKED") == before


def test_webhook_during_a_plaid_outage_is_applied_after_it(world: World, item: FakeItem) -> None:
    breaks(item)
    receive(world, "ERROR")
    world.plaid.fail("item", problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))
    with pytest.raises(ProviderError):
        work(world)
    assert connection(world).status is ItemStatus.GOOD
    world.clock.move(timedelta(minutes=15))
    assert world.sweep_inbox() == 1
    work(world)
    assert connection(world).status is ItemStatus.BAD
    assert world.sweep_inbox() == 0


def test_removed_item_is_reported_as_an_error(world: World, item: FakeItem) -> None:
    world.plaid.fail("item", not_found())
    updated = tell(world, "ERROR")
    assert (updated.status, updated.action) == (ItemStatus.ERROR, Action.RELINK)


def test_unknown_access_token_is_first_treated_as_a_configuration_error(world: World, item: FakeItem) -> None:
    dead = problem(ErrorClass.TERMINAL, "INVALID_ACCESS_TOKEN")
    world.plaid.fail("item", dead)
    with pytest.raises(ProviderError):
        tell(world, "ERROR")
    assert connection(world).status is ItemStatus.GOOD


def test_webhooks_of_a_connection_are_handled_in_arrival_order(world: World, item: FakeItem) -> None:
    receive(world, "PENDING_DISCONNECT")
    receive(world, "LOGIN_REPAIRED")
    world.queue.others.reverse()
    work(world)
    assert connection(world).status is ItemStatus.GOOD


def test_of_two_concurrent_checks_the_one_with_the_older_answer_is_repeated(world: World, item: FakeItem) -> None:
    breaks(item)
    receive(world, "ERROR")

    def repair_meanwhile(name: str) -> None:
        if name == "store.save":
            world.calls.before = None
            item.error = None
            receive(world, "LOGIN_REPAIRED")
            handler(world).handle(list(world.inbox.deliveries.values())[-1])

    world.calls.before = repair_meanwhile
    work(world)
    assert connection(world).status is ItemStatus.GOOD


def test_concurrent_webhooks_both_take_effect(world: World, item: FakeItem) -> None:
    receive(world, "NEW_ACCOUNTS_AVAILABLE")

    def disconnect_meanwhile(name: str) -> None:
        if name == "store.save":
            world.calls.before = None
            receive(world, "PENDING_DISCONNECT")
            handler(world).handle(list(world.inbox.deliveries.values())[-1])

    world.calls.before = disconnect_meanwhile
    work(world)
    after = connection(world)
    assert (after.status, after.action) == (ItemStatus.PENDING_DISCONNECT, Action.RECONNECT)
    assert sorted(kinds(world)) == ["disconnecting", "new_accounts"]


def test_run_started_before_the_login_broke_does_not_clear_the_error(world: World, item: FakeItem) -> None:
    item.add(row("t2"))
    receive(world, "SYNC_UPDATES_AVAILABLE", webhook_type="TRANSACTIONS")

    def break_meanwhile(name: str) -> None:
        if name == "bank.changes":
            world.calls.before = None
            breaks(item)
            tell(world, "ERROR")

    world.calls.before = break_meanwhile
    world.sync()
    assert connection(world).status is ItemStatus.BAD
    item.error = None
    receive(world, "SYNC_UPDATES_AVAILABLE", webhook_type="TRANSACTIONS")
    world.settle()
    assert connection(world).status is ItemStatus.GOOD, "the next working run does"


def test_replay_of_the_inbox_handles_its_webhooks(world: World, item: FakeItem) -> None:
    began = world.clock.now()
    breaks(item)
    receive(world, "ERROR")
    receive(world, "SYNC_UPDATES_AVAILABLE", webhook_type="TRANSACTIONS")
    world.queue.others.clear()  # its task was lost
    requested = world.state().requested
    assert handler(world).replay(began, connection_id="other") == ReplayResult(handled=0, skipped=0)
    assert handler(world).replay(began) == ReplayResult(handled=1, skipped=1)
    assert connection(world).status is ItemStatus.BAD
    assert world.state().requested == requested
    assert handler(world).replay(began) == ReplayResult(handled=0, skipped=2)
    assert handler(world).replay(began, include_handled=True) == ReplayResult(handled=2, skipped=0)
    assert world.state().requested == requested + 1


def test_replay_leaves_handled_webhooks_unchanged(world: World) -> None:
    item = world.connected("1", row("t1"), row("s1", account_id="savings"))
    item.accounts.append(account("savings"))
    world.settle()
    began = world.clock.now()
    tell(world, "PENDING_DISCONNECT")
    tell(world, "NEW_ACCOUNTS_AVAILABLE")
    tell(world, "USER_ACCOUNT_REVOKED", account_id="savings")
    item.add(row("s2", account_id="savings"))
    assert reconnect(world) is ItemStatus.GOOD  # with all accounts selected again
    world.settle()
    before, rows, notified = connection(world), world.rows(), kinds(world)
    assert "savings" in before.account_ids
    assert "s2" in rows
    assert handler(world).replay(began) == ReplayResult(handled=0, skipped=3)
    assert (connection(world), world.rows(), kinds(world)) == (before, rows, notified)
    assert handler(world).replay(began, include_handled=True) == ReplayResult(handled=2, skipped=1)
    assert connection(world).status is ItemStatus.PENDING_DISCONNECT, (
        "an explicit replay of handled webhooks repeats their effect"
    )
    assert world.rows() == rows, "but an account shared again since is kept"
    assert kinds(world).count("account_revoked") == 1


def test_users_are_notified_in_their_language(world: World, item: FakeItem) -> None:
    world.profiles.profile = Profile(language="es-MX")
    world.store.describe("1", {"institution_name": "Banco Uno"})
    breaks(item)
    tell(world, "ERROR")
    assert [notification.title for notification in world.store.notifications.values()][
        -1
    ] == "Banco Uno necesita tu atención"


def test_first_sync_is_notified_once(world: World, item: FakeItem) -> None:
    assert [notification.kind for notification in world.store.notifications.values()] == ["first_sync_done"]
    receive(world, "SYNC_UPDATES_AVAILABLE", webhook_type="TRANSACTIONS")
    world.settle()
    assert len(world.store.notifications) == 1


# -- reconnect --


def reconnect(world: World, user: str = ALICE) -> ItemStatus:
    return world.reconnect_connection("1", app_user_id=user).status


def test_status_after_update_mode_matches_the_item(world: World, item: FakeItem) -> None:
    breaks(item)
    tell(world, "ERROR")
    assert reconnect(world) is ItemStatus.BAD
    item.error = None
    assert reconnect(world) is ItemStatus.GOOD
    assert reconnect(world) is ItemStatus.GOOD
    assert world.state().status is SyncStatus.PENDING


@pytest.mark.parametrize("code", ["PENDING_EXPIRATION", "PENDING_DISCONNECT"])
def test_update_mode_clears_what_was_pending(world: World, item: FakeItem, code: str) -> None:
    tell(world, code, consent_expiration_time=(world.clock.at + timedelta(days=5)).isoformat())
    assert reconnect(world) is ItemStatus.GOOD
    assert connection(world).action is None
    assert kinds(world)[1:] == ["renewed"]
    assert reconnect(world) is ItemStatus.GOOD
    assert kinds(world)[1:] == ["renewed"]


OUTAGE = problem(ErrorClass.TRANSIENT, "INSTITUTION_DOWN")
NEW_TO_US = problem(ErrorClass.CONFIGURATION, "SOMETHING_NEW")


@pytest.mark.parametrize("error", [OUTAGE, NEW_TO_US])
@pytest.mark.parametrize("code", ["ERROR", "PENDING_DISCONNECT", None])
def test_error_that_the_user_did_not_cause_changes_no_status(
    world: World, item: FakeItem, error: ProviderError, code: str | None
) -> None:
    if code == "ERROR":
        breaks(item)
    if code is not None:
        tell(world, code)
    world.settle()
    before, notified = connection(world), kinds(world)
    item.error = error
    assert reconnect(world) is before.status
    assert world.state().status is SyncStatus.PENDING
    assert connection(world) == before
    tell(world, "LOGIN_REPAIRED")
    tell(world, "ERROR")
    assert connection(world) == before
    assert kinds(world) == notified
    world.settle()
    assert connection(world).status in (before.status, ItemStatus.GOOD), (
        "working data calls prove a repair, whatever the item reports"
    )


@pytest.mark.parametrize(("code", "left"), [("ERROR", ("savings",)), ("LOGIN_REPAIRED", ())])
def test_revoked_account_returns_with_a_repair_but_not_with_an_outage(
    world: World, item: FakeItem, code: str, left: tuple[str, ...]
) -> None:
    loaded = world.store.states["1"]
    world.store.save(loaded.state.remove_account("savings"), expected=loaded.version)
    item.error = OUTAGE
    tell(world, code)
    assert world.state().revoked_accounts == left


def test_announcements_are_applied_during_an_outage(world: World, item: FakeItem) -> None:
    item.error = OUTAGE
    assert tell(world, "PENDING_DISCONNECT").status is ItemStatus.PENDING_DISCONNECT


def test_update_mode_adds_new_accounts_and_removes_deselected_ones(world: World, item: FakeItem) -> None:
    tell(world, "NEW_ACCOUNTS_AVAILABLE")
    item.accounts[:] = [account("new")]
    reconnect(world)
    world.settle()
    assert connection(world).account_ids == ("new",)
    assert set(world.store.account_rows["1"]) == {"new"}
    assert connection(world).action is None


def test_while_plaid_is_down_a_reconnect_changes_nothing(world: World, item: FakeItem) -> None:
    breaks(item)
    tell(world, "ERROR")
    before = connection(world)
    world.plaid.fail("item", problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))
    with pytest.raises(ProviderError) as refused:
        reconnect(world)
    assert refused.value.http == 503
    assert connection(world) == before


def test_connection_beyond_repair_must_be_linked_again(world: World, item: FakeItem) -> None:
    world.plaid.fail("item", not_found())
    tell(world, "ERROR")
    with pytest.raises(FailedPrecondition) as refused:
        reconnect(world)
    assert refused.value.code == "relink_required"


def test_connection_of_another_user_does_not_exist(world: World, item: FakeItem) -> None:
    with pytest.raises(NotFound):
        reconnect(world, "mallory")


# -- daily checks --


def test_user_is_warned_once_14_7_and_1_days_before_consent_ends(world: World, item: FakeItem) -> None:
    item.consent_expiration_time = world.clock.at + timedelta(days=20)
    for _ in range(20):
        world.clock.move(timedelta(days=1))
        for _ in range(2):
            world.check.daily_check("1")
    assert connection(world).status is ItemStatus.PENDING_EXPIRATION
    assert kinds(world) == ["expiring"] * 3
    item.consent_expiration_time = world.clock.at + timedelta(days=180)
    world.check.daily_check("1")
    assert connection(world).status is ItemStatus.GOOD


def test_user_is_reminded_of_a_broken_login_after_7_and_30_days(world: World, item: FakeItem) -> None:
    breaks(item)
    tell(world, "ERROR")
    for _ in range(40):
        world.clock.move(timedelta(days=1))
        for _ in range(2):
            world.check.daily_check("1")
    assert kinds(world) == ["needs_repair"] * 3
    assert connection(world).status is ItemStatus.BAD


def test_new_data_without_a_webhook_is_fetched(world: World, item: FakeItem) -> None:
    world.clock.move(timedelta(hours=5))
    item.add(row("t2"))
    item.last_update = world.clock.at - timedelta(hours=2)
    world.check.daily_check("1")
    world.settle()
    assert world.equals_truth()


def test_daily_check_without_news_changes_nothing(world: World, item: FakeItem) -> None:
    item.last_update = connection(world).last_sync
    world.check.daily_check("1")
    assert connection(world).last_successful_update == item.last_update
    commits = len(world.store.commits)
    world.check.daily_check("1")
    assert len(world.store.commits) == commits


def test_daily_check_stores_what_apps_show_about_the_item(world: World, item: FakeItem) -> None:
    item.update_type, item.auth_method = "user_present_required", "INSTANT_AUTH"
    item.last_update = world.clock.now()
    world.check.daily_check("1")
    stored = connection(world)
    assert (stored.update_type, stored.auth_method) == ("user_present_required", "INSTANT_AUTH")
    item.update_type = None
    item.error = problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED")
    world.check.daily_check("1")
    assert connection(world).status is ItemStatus.BAD
    assert connection(world).update_type == "user_present_required", "what an answer leaves out stays"


def test_repair_without_a_webhook_is_detected_from_new_data(world: World, item: FakeItem) -> None:
    breaks(item)
    tell(world, "ERROR")
    item.error = None
    world.check.daily_check("1")
    world.settle()
    assert connection(world).status is ItemStatus.GOOD


# -- lost webhooks --


def days(world: World, count: int) -> None:
    for _ in range(count):
        world.clock.move(timedelta(days=1))
        world.check.daily_check("1")
        world.settle()


def announce(world: World, item: FakeItem, code: str, *, dated: bool) -> None:
    """Plaid announces an end in 7 days, which the item also reports."""
    ends = world.clock.at + timedelta(days=7)
    item.consent_expiration_time = ends
    name = {"PENDING_EXPIRATION": "consent_expiration_time", "PENDING_DISCONNECT": "disconnect_time"}[code]
    tell(world, code, **({name: ends.isoformat()} if dated else {}))


@pytest.mark.parametrize("other", ["ERROR", "NEW_ACCOUNTS_AVAILABLE", "PENDING_DISCONNECT", "PENDING_EXPIRATION", None])
@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize("code", ["PENDING_EXPIRATION", "PENDING_DISCONNECT"])
def test_a_renewal_whose_webhook_was_lost_is_found_by_a_daily_check(
    world: World, item: FakeItem, code: str, dated: bool, other: str | None
) -> None:
    announce(world, item, code, dated=dated)
    announced = connection(world).status
    first = world.clock.at
    item.consent_expiration_time = world.clock.at + timedelta(days=180)
    if other is not None and (other == code or not other.startswith("PENDING")):
        said = {"consent_expiration_time": (first + timedelta(days=7)).isoformat()} if "EXP" in other else {}
        tell(world, other, **said)
    world.check.daily_check("1")
    after = connection(world)
    assert announced.startswith("pending")
    assert after.status is ItemStatus.GOOD
    assert after.announced is None
    assert after.consent_expiration_time == item.consent_expiration_time
    assert kinds(world)[-1] in ("renewed", "new_accounts")
    assert "renewed" in kinds(world)
    assert every_change_is_notified(world)


@pytest.mark.parametrize("code", ["PENDING_EXPIRATION", "PENDING_DISCONNECT"])
def test_announcement_that_the_item_does_not_report_expires(world: World, item: FakeItem, code: str) -> None:
    tell(world, code)
    days(world, 7)
    assert connection(world).status.startswith("pending")
    days(world, 10)
    assert connection(world).status is ItemStatus.GOOD
    assert kinds(world)[-1] == "renewed"


def test_an_announcement_without_a_date_of_a_consent_that_ends_much_later_does_not_stick(
    world: World, item: FakeItem
) -> None:
    item.consent_expiration_time = world.clock.at + timedelta(days=170)
    tell(world, "PENDING_EXPIRATION")
    assert connection(world).status is ItemStatus.PENDING_EXPIRATION
    days(world, 17)
    assert connection(world).status is ItemStatus.GOOD


def test_announced_day_that_passes_during_an_outage_changes_nothing(world: World, item: FakeItem) -> None:
    tell(world, "PENDING_DISCONNECT", disconnect_time=(world.clock.at + timedelta(days=7)).isoformat())
    item.error = OUTAGE
    days(world, 12)
    assert connection(world).status is ItemStatus.PENDING_DISCONNECT
    item.error = None
    days(world, 1)
    assert connection(world).status is ItemStatus.GOOD


def test_a_renewal_during_an_announced_disconnect_that_ends_soon_is_an_expiry(world: World, item: FakeItem) -> None:
    item.consent_expiration_time = world.clock.at + timedelta(days=2)
    tell(world, "PENDING_DISCONNECT")
    item.consent_expiration_time = world.clock.at + timedelta(days=10)
    days(world, 1)
    assert connection(world).status is ItemStatus.PENDING_EXPIRATION
    assert every_change_is_notified(world)


@pytest.mark.parametrize("consent", [None, 180])
@pytest.mark.parametrize("status", ["pending_expiration", "pending_disconnect"])
def test_a_pending_connection_that_was_stored_without_its_announcement_does_not_stick(
    world: World, item: FakeItem, status: str, consent: int | None
) -> None:
    renewed = None if consent is None else world.clock.at + timedelta(days=consent)
    item.consent_expiration_time = renewed
    world.store.describe(
        "1", {"status": ItemStatus(status), "action": Action.RECONNECT, "consent_expiration_time": renewed}
    )
    days(world, 17)
    assert connection(world).status is ItemStatus.GOOD
    assert connection(world).action is None
    assert kinds(world) == ["renewed"]


def test_new_accounts_selected_without_a_report_of_the_app_are_offered_no_more(world: World, item: FakeItem) -> None:
    tell(world, "NEW_ACCOUNTS_AVAILABLE")
    item.add(row("t2"))
    receive(world, "SYNC_UPDATES_AVAILABLE", webhook_type="TRANSACTIONS")
    world.settle()
    assert connection(world).action is Action.SELECT_ACCOUNTS
    item.accounts.append(account("savings"))
    item.add(row("s1", account_id="savings"))
    receive(world, "SYNC_UPDATES_AVAILABLE", webhook_type="TRANSACTIONS")
    world.settle()
    assert connection(world).action is None
    entries = [e for e in world.store.audit[ALICE] if e.action == "status_changed"]
    assert entries[-1].details["event"] == "accounts_chosen"


# -- any order --

HAPPENINGS = st.sampled_from(["break", "repair", "expire", "renew"])
FATES = st.sampled_from(["at once", "late", "twice", "lost"])
STORIES = st.lists(st.tuples(HAPPENINGS, FATES), max_size=8)


@example(  # the renewal's webhook is lost, and a late one about something else reads the new date first
    story=[("expire", "at once"), ("break", "late"), ("renew", "lost")], shuffle=random.Random(0)
)
@given(story=STORIES, shuffle=st.randoms(use_true_random=False))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_status_matches_the_item_in_any_order_of_webhooks(story: list[tuple[str, str]], shuffle: Any) -> None:
    world = World()
    item = world.connected("1", row("t1"))
    world.settle()
    late: list[tuple[str, dict[str, Any]]] = []
    for happening, fate in story:
        code, body = happen(item, happening, now=world.clock.at)
        if fate == "lost":
            continue
        if fate == "late":
            late.append((code, body))
            continue
        for _ in range(2 if fate == "twice" else 1):
            tell(world, code, **body)
    shuffle.shuffle(late)
    for code, body in late:
        tell(world, code, **body)
    if item.error is None:
        world.settle()
    world.check.daily_check("1")
    if item.error is None:
        world.settle()
    assert connection(world).status is truth(item)
    chain = world.store.audit[ALICE]
    moves = [(e.details["from"], e.details["to"]) for e in chain if e.action == "status_changed"]
    assert all(before == after for (_, before), (after, _) in itertools.pairwise(moves)), (
        "the audit log records each change"
    )
    assert every_change_is_notified(world)


def every_change_is_notified(world: World) -> bool:
    """Whether each commit that changes a status also notifies its user."""
    return all(
        writes.notifications or entry.action != "status_changed" or entry.details["from"] == entry.details["to"]
        for _, writes in world.store.commits
        for entry in writes.audit
    )


def happen(item: FakeItem, happening: str, *, now: datetime) -> tuple[str, dict[str, Any]]:
    match happening:
        case "break":
            breaks(item)
            return "ERROR", {"error": {"error_code": "ITEM_LOGIN_REQUIRED"}}
        case "repair":
            item.error = None
            return "LOGIN_REPAIRED", {}
        case "expire":
            item.consent_expiration_time = now + timedelta(days=6)
            return "PENDING_EXPIRATION", {"consent_expiration_time": item.consent_expiration_time.isoformat()}
        case _:
            item.consent_expiration_time, item.error = now + timedelta(days=180), None
            return "LOGIN_REPAIRED", {}


def truth(item: FakeItem) -> ItemStatus:
    if item.error is not None:
        return ItemStatus.BAD
    ends = item.consent_expiration_time
    soon = ends is not None and ends.year == 2026 and ends.month < 5
    return ItemStatus.PENDING_EXPIRATION if soon else ItemStatus.GOOD


@given(codes=st.lists(st.sampled_from(["PENDING_DISCONNECT", "LOGIN_REPAIRED", "PENDING_EXPIRATION"]), min_size=1))
@settings(max_examples=60, deadline=None)
def test_last_delivered_webhook_decides_what_the_item_does_not_report(codes: list[str]) -> None:
    world = World()
    world.connected("1", row("t1"))
    world.settle()
    for code in codes:
        tell(world, code)
    assert every_change_is_notified(world)
    assert (
        connection(world).status
        == {
            "PENDING_DISCONNECT": ItemStatus.PENDING_DISCONNECT,
            "LOGIN_REPAIRED": ItemStatus.GOOD,
            "PENDING_EXPIRATION": ItemStatus.PENDING_EXPIRATION,
        }[codes[-1]]
    )
