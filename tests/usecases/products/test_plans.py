"""When product syncs are created, changed and turned off; the sync of transactions plans them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.errors import ErrorClass, Unavailable
from shared.domain.products.kinds import ProductKind, ProductStatus
from shared.domain.transaction import History
from tests.fakes import account, institution, problem, row
from tests.usecases.products.ground import HOLDINGS, LIABILITIES, RECURRING, TRADES, ProductWorld, typed


def calls(world: ProductWorld) -> list[str]:
    """The calls of products' endpoints."""
    return [name for name in world.calls.log if name.removeprefix("bank.") in {*ProductKind}]


def test_without_products_a_sync_reads_and_writes_nothing_more() -> None:
    plain, off = ProductWorld(), ProductWorld()
    plain.kinds = off.kinds = frozenset()
    for world in (plain, off):
        world.invested()
        world.synced()
    assert not [name for name in off.calls.log if name.startswith("products.")]
    assert not calls(off)
    assert not off.store.products


def test_the_first_complete_sync_plans_every_product_and_their_rows_arrive() -> None:
    world = ProductWorld()
    world.invested()
    world.synced()
    assert world.products_equal_truth()
    assert {kind: world.view(kind).status for kind in world.kinds} == dict.fromkeys(world.kinds, ProductStatus.READY)
    assert world.view(HOLDINGS).counts == {"rows": 2}
    assert world.view(HOLDINGS).as_of is not None


def test_only_products_with_a_fitting_account_are_called() -> None:
    world = ProductWorld()
    world.connected("1").accounts = [account()]
    world.synced()
    assert calls(world) == ["bank.recurring"]
    assert world.view(HOLDINGS).status is ProductStatus.NO_ACCOUNTS
    assert world.view(LIABILITIES).status is ProductStatus.NO_ACCOUNTS


def test_recurring_streams_wait_for_the_complete_history() -> None:
    world = ProductWorld()
    item = world.invested()
    item.ready = History.RECENT
    world.synced()
    assert "bank.recurring" not in calls(world)
    assert world.view(RECURRING).status is ProductStatus.SYNCING
    item.ready = History.COMPLETE
    item.add(row("late"))
    world.pass_days(0.1)
    assert world.stored(RECURRING) == world.truth(RECURRING)


def test_a_run_without_a_change_plans_nothing() -> None:
    world = ProductWorld()
    item = world.invested()
    world.synced()
    before = len(world.calls.log)
    item.add(row("new"))
    world.sync_requests.by_event("1")
    world.synced()
    assert not [name for name in world.calls.log[before:] if name.startswith("products.")]


def test_a_new_account_makes_its_product_due() -> None:
    world = ProductWorld(HOLDINGS)
    item = world.invested()
    broker = item.accounts.pop()
    world.synced()
    assert world.view(HOLDINGS).status is ProductStatus.NO_ACCOUNTS
    item.accounts.append(broker)
    item.add(row("with-the-account", account_id="broker"))
    world.pass_days()
    assert world.products_equal_truth()


def test_an_account_without_transactions_is_noticed_by_its_product() -> None:
    world = ProductWorld(HOLDINGS)
    item = world.invested()
    item.accounts_on_pages = [account()]
    world.synced()
    item.accounts = [*item.accounts, typed("ira", "investment", "ira")]
    world.request(HOLDINGS)
    assert "ira" not in world.store.account_rows["1"]
    world.settle()
    world.deliver_products()
    assert "ira" in world.store.account_rows["1"]
    assert world.product(HOLDINGS).account_ids == ("broker", "ira")
    world.request(HOLDINGS)
    assert world.state().status == "completed", "a known account needs no further sync"


def test_rows_of_a_product_whose_last_account_left_are_deleted_without_a_call() -> None:
    world = ProductWorld(HOLDINGS)
    item = world.invested()
    world.synced()
    item.accounts = [one for one in item.accounts if one["account_id"] != "broker"]
    item.add(row("changes-the-accounts"))
    before = len(calls(world))
    world.pass_days(0.6)
    assert world.stored(HOLDINGS) == {}
    assert world.view(HOLDINGS).status is ProductStatus.NO_ACCOUNTS
    assert len(calls(world)) == before


def test_a_product_that_is_turned_off_keeps_its_rows_and_is_not_called_again() -> None:
    world = ProductWorld(HOLDINGS, LIABILITIES)
    item = world.invested()
    world.synced()
    world.kinds = frozenset({LIABILITIES})
    item.add(row("new"))
    world.pass_days()
    assert world.view(HOLDINGS).status is ProductStatus.OFF
    assert world.stored(HOLDINGS) == world.truth(HOLDINGS)
    assert world.product(HOLDINGS).due_at is None
    before = calls(world).count("bank.holdings")
    world.pass_days()
    assert calls(world).count("bank.holdings") == before
    world.kinds = frozenset({LIABILITIES, HOLDINGS})
    world.pass_days()
    assert world.view(HOLDINGS).status is ProductStatus.READY


def test_a_due_product_that_is_turned_off_is_not_called() -> None:
    world = ProductWorld(HOLDINGS)
    world.invested()
    world.synced()
    before = calls(world)
    world.kinds = frozenset({LIABILITIES})
    world.clock.move(timedelta(days=2))
    world.run(HOLDINGS)
    world.tick()
    world.deliver_products()
    assert calls(world) == before
    assert world.view(HOLDINGS).status is ProductStatus.OFF


def test_update_mode_reads_every_product_again() -> None:
    world = ProductWorld()
    world.invested()
    world.synced()
    before = len(calls(world))
    world.reconnect_connection("1", app_user_id="alice")
    world.settle()
    world.deliver_products()
    assert len(calls(world)) - before == len(world.kinds)


def test_a_repaired_login_reads_products_again_that_had_failed_for_it() -> None:
    world = ProductWorld(HOLDINGS)
    item = world.invested()
    world.synced()
    item.error = item.refuses_data = problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED")
    world.pass_days()
    assert world.view(HOLDINGS).status is ProductStatus.FAILED
    item.error = item.refuses_data = None
    world.reconnect_connection("1", app_user_id="alice")
    world.settle()
    world.deliver_products()
    assert world.view(HOLDINGS).status is ProductStatus.READY


def test_a_reconciliation_compares_every_row_again() -> None:
    world = ProductWorld(HOLDINGS)
    world.invested()
    world.synced()
    world.store.product_rows["1", HOLDINGS]["broker.fund"]["quantity"] = "wrong"
    world.request(HOLDINGS)
    assert world.stored(HOLDINGS) != world.truth(HOLDINGS)
    world.sync_requests.reconcile("1")
    world.settle()
    world.deliver_products()
    assert world.stored(HOLDINGS) == world.truth(HOLDINGS)


def test_a_plan_that_is_lost_with_its_process_is_made_after_the_next_run() -> None:
    world = ProductWorld(HOLDINGS)
    world.invested()

    def no_answer(name: str) -> None:
        if name == "products.of_connection":
            raise Unavailable("the store did not answer", code="store_unavailable")

    world.calls.before = no_answer
    with pytest.raises(Unavailable):
        world.sync()
    world.calls.before = None
    assert world.state().status == "completed"
    world.pass_days()
    assert world.products_equal_truth()


def test_a_removal_during_a_plan_leaves_no_state() -> None:
    world = ProductWorld(HOLDINGS)
    world.invested()

    def remove(name: str) -> None:
        if name == "products.of_connection":
            world.calls.before = None
            world.remove()

    world.calls.before = remove
    world.sync()
    assert not world.store.products


def test_the_kinds_of_accounts_decide_which_products_fit() -> None:
    world = ProductWorld(LIABILITIES, TRADES)
    world.connected("1").accounts = [typed("loan", "loan", "student"), typed("car", "loan", "auto")]
    world.synced()
    assert world.product(LIABILITIES).account_ids == ("loan",)
    assert world.product(TRADES).account_ids == ()


@pytest.mark.parametrize(("country", "asked"), [("CA", set(ProductKind)), ("GB", {RECURRING}), ("FR", set())])
def test_plaid_is_not_called_for_products_that_it_does_not_offer_in_the_banks_country(
    country: str, asked: set[ProductKind]
) -> None:
    world = ProductWorld()
    world.invested()
    world.institutions.put(institution("ins_1", countries=(country,)))
    world.synced()
    world.pass_days(40)
    assert {name.removeprefix("bank.") for name in calls(world)} == asked
    unsupported = {kind for kind in ProductKind if world.view(kind).status is ProductStatus.UNSUPPORTED}
    assert unsupported == set(ProductKind) - asked


def test_recurring_payments_are_detected_where_plaid_does_not_offer_them() -> None:
    world = ProductWorld(RECURRING)
    months = [f"2025-{month:02}-03" for month in range(8, 13)]
    world.connected("1", *(row(f"r{day}", date=day, name="Loyer", amount="950") for day in months))
    world.institutions.put(institution("ins_1", countries=("FR",)))
    world.synced()
    assert len(world.stored(RECURRING)) == 1
    assert not calls(world)
