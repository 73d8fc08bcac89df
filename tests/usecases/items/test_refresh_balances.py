"""Live balances: off by default, within limits, stored for clients, and never a reason to change a connection."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.plaid.errors import from_answer
from shared.domain.account import Account
from shared.domain.ceilings import LiveBalanceCeilings
from shared.domain.connection import Action, ItemStatus
from shared.domain.errors import (
    ErrorClass,
    FailedPrecondition,
    NotFound,
    ProviderError,
    ResourceExhausted,
    Unavailable,
)
from shared.domain.pause import Pause, Pauses
from shared.usecases.items.refresh_balances import CurrentBalances, RefreshBalances
from shared.usecases.tokens.call_with_token import AccessTokens
from tests.fake_products import product_problem
from tests.fakes import Crash, FakeItem, account, problem, row
from tests.usecases.conftest import ALICE, World

ORDINARY = [
    "PRODUCTS_NOT_SUPPORTED",
    "ADDITIONAL_CONSENT_REQUIRED",
    "ACCESS_NOT_GRANTED",
    "PRODUCT_NOT_READY",
    "INVALID_PRODUCT",
    "NO_ACCOUNTS",
    "LAST_UPDATED_DATETIME_OUT_OF_RANGE",
]


def refresher(world: World, per_day: int = 5) -> RefreshBalances:
    return RefreshBalances(
        connections=world.store,
        syncs=world.store,
        paused=world.paused,
        plaid=world.plaid_products,
        access_tokens=AccessTokens(credentials=world.credentials, vault=world.vault),
        item_status=world.check,
        budgets=world.budgets,
        ceilings=LiveBalanceCeilings(per_user_and_day=per_day),
        clock=world.clock,
    )


def refresh(world: World, *, per_day: int = 5, name: str = "1") -> CurrentBalances:
    return refresher(world, per_day)(name, app_user_id=ALICE)


def at_bank(item: FakeItem, current: str | None, account_id: str = "checking") -> Account:
    """Change the balance at the bank, without a change of transactions."""
    plain = account(account_id)
    changed: Account = {**plain, "balances": {**plain["balances"], "current": current, "available": current}}
    item.accounts = [one for one in item.accounts if one["account_id"] != account_id] + [changed]
    return changed


def stored(world: World, account_id: str = "checking") -> str | None:
    return world.store.account_rows["1"][account_id]["balances"]["current"]


def live_calls(world: World) -> int:
    return world.calls.log.count("bank.live_balances")


@pytest.fixture
def item(world: World) -> FakeItem:
    item = world.connected("1", row("t1"))
    world.settle()
    world.clock.move(timedelta(minutes=10))
    at_bank(item, "77")
    return item


def test_live_balances_are_off_by_default(world: World, item: FakeItem) -> None:
    calls = [name for name in world.calls.log if name.startswith("bank.")]
    for _ in range(3):
        found = refresh(world, per_day=0)
        assert (found.source, found.accounts[0]["balances"]["current"]) == ("cached", "110")
    assert [name for name in world.calls.log if name.startswith("bank.")] == calls
    assert found.as_of == world.store.balances_read["1", "checking"][0]


def test_live_balances_are_returned_and_stored(world: World, item: FakeItem) -> None:
    found = refresh(world)
    [only] = found.accounts
    assert found.source == only["balances_source"] == "live"
    assert only["balances"]["current"] == stored(world) == "77"
    assert found.as_of == only["balances_at"]
    assert found.as_of is not None
    assert world.clock.at - found.as_of < timedelta(seconds=1)
    assert live_calls(world) == 1
    assert world.state().status == "completed", "a sync is neither started nor needed"


def test_stored_balances_after_a_live_refresh_are_the_live_ones(world: World, item: FakeItem) -> None:
    refresh(world)
    again = refresh(world, per_day=0)
    assert (again.source, again.accounts[0]["balances"]["current"]) == ("cached", "77")


def test_second_call_within_a_minute_is_refused_and_not_counted(world: World, item: FakeItem) -> None:
    refresh(world)
    for _ in range(3):
        with pytest.raises(ResourceExhausted) as refused:
            refresh(world)
        assert refused.value.code == "balances_too_soon"
        assert refused.value.retry_after_seconds == 60
    world.clock.move(timedelta(minutes=1))
    assert refresh(world).source == "live"
    assert live_calls(world) == 2


def test_spacing_is_per_connection(world: World, item: FakeItem) -> None:
    world.connected("2", row("t2"))
    world.settle()
    assert refresh(world).source == "live"
    assert refresh(world, name="2").source == "live"


def test_daily_limit_is_per_user_and_answers_stored_balances(world: World, item: FakeItem) -> None:
    world.connected("2", row("t2"))
    world.settle()
    for name in ("1", "2"):
        assert refresh(world, per_day=2, name=name).source == "live"
    assert refresh(world, per_day=2).source == "cached", "even within a minute of the last"
    world.clock.move(timedelta(hours=23))
    assert refresh(world, per_day=2).source == "cached"
    world.clock.move(timedelta(hours=2))
    assert refresh(world, per_day=2).source == "live"
    assert live_calls(world) == 3


def test_without_a_count_there_is_no_call(world: World, item: FakeItem, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> None:
        raise Unavailable("no", code="store_unavailable")

    monkeypatch.setattr(world.budgets, "spend", down)
    assert refresh(world).source == "cached"
    assert live_calls(world) == 0


def test_paused_bank_is_not_asked(world: World, item: FakeItem) -> None:
    pauses, version = world.paused.load()
    pause = Pause(since=world.clock.now(), by="op", reason="outage")
    world.paused.save(Pauses(everything=None, institutions={"ins_1": pause}), expected=version)
    assert refresh(world).source == "cached"
    assert live_calls(world) == 0
    assert pauses == Pauses()


@pytest.mark.parametrize("code", ORDINARY)
def test_bank_without_live_balances_answers_the_stored_ones_and_changes_nothing(
    world: World, item: FakeItem, code: str
) -> None:
    before = world.store.connections["1"], len(world.store.commits), len(world.store.audit[ALICE])
    world.plaid.fail("live_balances", product_problem(code))
    found = refresh(world)
    assert (found.source, found.accounts[0]["balances"]["current"]) == ("cached", "110")
    assert (world.store.connections["1"], len(world.store.commits), len(world.store.audit[ALICE])) == before
    assert set(world.store.notifications) == {"first_sync_done-1"}


@pytest.mark.parametrize("error_class", [ErrorClass.TRANSIENT, ErrorClass.CONFIGURATION])
def test_outage_is_reported_and_changes_nothing(world: World, item: FakeItem, error_class: ErrorClass) -> None:
    before = world.store.connections["1"]
    world.plaid.fail("live_balances", problem(error_class, "INSTITUTION_DOWN"))
    with pytest.raises(ProviderError) as outage:
        refresh(world)
    assert outage.value.status == "UNAVAILABLE"
    assert (world.store.connections["1"], stored(world)) == (before, "110")


def test_login_that_the_bank_refuses_makes_the_connection_bad(world: World, item: FakeItem) -> None:
    error = from_answer(400, '{"error_type": "ITEM_ERROR", "error_code": "ITEM_LOGIN_REQUIRED"}')
    item.error = error
    world.plaid.fail("live_balances", error)
    with pytest.raises(ProviderError) as refused:
        refresh(world)
    assert refused.value.status == "FAILED_PRECONDITION"
    connection = world.store.connections["1"]
    assert (connection.status, connection.action) == (ItemStatus.BAD, Action.RECONNECT)
    assert sorted(news.kind for news in world.store.notifications.values()) == ["first_sync_done", "needs_repair"]


def test_unknown_token_is_first_treated_as_wrong_keys(world: World, item: FakeItem) -> None:
    before = world.store.connections["1"]
    world.plaid.fail("live_balances", *[problem(ErrorClass.TERMINAL, "INVALID_ACCESS_TOKEN")] * 3)
    with pytest.raises(ProviderError) as ours:
        refresh(world)
    assert ours.value.status == "UNAVAILABLE"
    assert world.store.connections["1"] == before


def test_connection_of_another_user_and_unknown_connection_are_not_found(world: World, item: FakeItem) -> None:
    for name, user in (("1", "bob"), ("none", ALICE)):
        with pytest.raises(NotFound):
            refresher(world)(name, app_user_id=user)
    assert live_calls(world) == 0


def test_dead_connection_must_be_linked_again(world: World, item: FakeItem) -> None:
    world.store.describe("1", {"status": ItemStatus.ERROR})
    for per_day in (0, 5):
        with pytest.raises(FailedPrecondition) as refused:
            refresh(world, per_day=per_day)
        assert refused.value.code == "relink_required"
    assert live_calls(world) == 0


def test_card_whose_bank_has_no_live_balance_names_the_oldest_that_is_accepted(
    world: World, item: FakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    real = world.plaid_products.live_balances

    def noting(token: Any, **options: Any) -> list[Account]:
        asked.append(options["min_last_updated"])
        return real(token, **options)

    monkeypatch.setattr(world.plaid_products, "live_balances", noting)
    refresh(world)
    world.store.describe("1", {"institution_id": "ins_128026"})
    world.clock.move(timedelta(minutes=2))
    refresh(world)
    assert asked[0] is None
    assert timedelta(days=29) < world.clock.at - asked[1] < timedelta(days=31)


def test_balance_that_the_bank_does_not_send_replaces_none(world: World, item: FakeItem) -> None:
    at_bank(item, None)
    found = refresh(world)
    assert stored(world) == "110"
    assert found.as_of == world.store.balances_read["1", "checking"][0]


def test_unknown_and_revoked_accounts_are_not_stored(world: World, item: FakeItem) -> None:
    at_bank(item, "5", "savings")
    item.add(row("s1", account_id="savings"))
    world.sync_requests.by_user("1", app_user_id=ALICE, count=lambda: None)
    world.settle()
    world.remove_account("1", "savings")
    at_bank(item, "6", "savings")
    at_bank(item, "7", "of no sync yet")
    found = refresh(world)
    assert [one["account_id"] for one in found.accounts] == ["checking"]
    assert set(world.store.account_rows["1"]) == {"checking"}
    assert world.store.balance_months("1", "savings") == []


def test_first_live_balance_of_a_day_is_that_day_s_entry(world: World, item: FakeItem) -> None:
    refresh(world)
    world.clock.move(timedelta(days=1))
    at_bank(item, "88")
    refresh(world)
    world.clock.move(timedelta(minutes=5))
    at_bank(item, "99")
    refresh(world)
    [month] = world.store.balance_months("1", "checking")
    assert {day: entry["current"] for day, entry in month["days"].items()} == {"01": "110", "02": "88"}
    assert stored(world) == "99"
    assert world.state().balances_day == "2026-03-02"


def test_removal_during_the_call_leaves_nothing(world: World, item: FakeItem) -> None:
    def remove(name: str) -> None:
        if name == "bank.live_balances":
            world.calls.before = None
            world.remove()
            world.clean_up()

    world.calls.before = remove
    with pytest.raises((NotFound, ProviderError)):
        refresh(world)
    assert world.left_of("1") == []


def test_revocation_of_the_connection_during_the_call_stores_nothing(world: World, item: FakeItem) -> None:
    def revoke(name: str) -> None:
        if name == "bank.live_balances":
            world.calls.before = None
            body = {"webhook_type": "ITEM", "webhook_code": "USER_PERMISSION_REVOKED", "item_id": item.item_id}
            world.receive_webhook({**body, "environment": "sandbox"}, delivery_id="d")
            world.webhook_handler("d")

    at_bank(item, "5")
    world.calls.before = revoke
    before = world.store.account_rows["1"]["checking"]["balances"]
    with pytest.raises((NotFound, ProviderError)):
        refresh(world)
    assert world.store.account_rows["1"]["checking"]["balances"] == before


def test_sync_that_commits_during_the_call_loses_nothing(world: World, item: FakeItem) -> None:
    def sync(name: str) -> None:
        if name == "store.save":
            world.calls.before = None
            item.add(row("t2"))
            world.sync_requests.by_user("1", app_user_id=ALICE, count=lambda: None)
            world.settle()

    world.calls.before = sync
    assert refresh(world).source == "live"
    assert world.equals_truth()
    assert stored(world) == "77"


@pytest.mark.parametrize("where", ["before", "after"])
def test_process_that_dies_at_any_call_wastes_a_call_at_most(where: str) -> None:
    def begin() -> World:
        world = World()
        item = world.connected("1", row("t1"))
        world.settle()
        at_bank(item, "77")
        return world

    undisturbed = begin()
    start = len(undisturbed.calls.log)
    refresh(undisturbed)
    calls = len(undisturbed.calls.log)
    for number in range(start, calls):
        world = begin()
        setattr(world.calls, f"crash_{where}", number)
        with pytest.raises(Crash):
            refresh(world)
        world.clock.move(timedelta(minutes=1))
        assert refresh(world).source == "live"
        assert stored(world) == "77"
        assert live_calls(world) <= 2
        assert world.store.balance_rows == undisturbed.store.balance_rows
