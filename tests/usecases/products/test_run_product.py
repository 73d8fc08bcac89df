"""One product's runs: answers, costs, requests, leases, pauses, notes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from shared.domain.connection import ItemStatus
from shared.domain.errors import ErrorClass
from shared.domain.products.kinds import ProductKind, ProductStatus
from shared.usecases.products import read_product, store_answer
from shared.usecases.sync.run_sync import Outcome
from tests.fake_products import holding_row, liability_row, product_problem, stream_row, trade_row
from tests.fakes import problem, row
from tests.usecases.products.ground import HOLDINGS, LIABILITIES, RECURRING, TRADES, ProductWorld

EIGHT = {
    "PRODUCTS_NOT_SUPPORTED": ProductStatus.UNSUPPORTED,
    "NO_INVESTMENT_ACCOUNTS": ProductStatus.NO_ACCOUNTS,
    "NO_LIABILITY_ACCOUNTS": ProductStatus.NO_ACCOUNTS,
    "NO_ACCOUNTS": ProductStatus.NO_ACCOUNTS,
    "ADDITIONAL_CONSENT_REQUIRED": ProductStatus.NEEDS_CONSENT,
    "ACCESS_NOT_GRANTED": ProductStatus.NEEDS_CONSENT,
    "INVALID_PRODUCT": ProductStatus.NOT_ENABLED,
    "PRODUCT_NOT_READY": ProductStatus.SYNCING,
}


def ready(*kinds: ProductKind) -> ProductWorld:
    """A world whose products have arrived."""
    world = ProductWorld(*kinds)
    world.invested()
    world.synced()
    assert world.products_equal_truth()
    return world


def answers(world: ProductWorld, kind: ProductKind, code: str, *, times: int = 1) -> None:
    """The next calls of a product are answered with an error."""
    world.plaid.errors[kind.value] = [product_problem(code) for _ in range(times)]


def refused(world: ProductWorld, kind: ProductKind, code: str) -> None:
    """A requested run is answered with an error, however often it is retried within its attempt."""
    answers(world, kind, code, times=8)
    world.request(kind)
    world.plaid.errors.pop(kind.value, None)


@pytest.mark.parametrize("kind", [LIABILITIES, HOLDINGS, TRADES, RECURRING])
def test_an_unchanged_product_costs_one_call_and_one_commit_without_rows(kind: ProductKind) -> None:
    world = ready(kind)
    world.request(kind)  # investment transactions: the second window is shorter than the first
    world.product_requests.by_operator("1", [kind])
    start, commits = len(world.calls.log), len(world.products.commits)
    assert world.run(kind) is Outcome.DONE
    used = world.calls.log[start:]
    assert used.count(f"bank.{kind}") == 1
    assert len(world.products.commits) == commits + 1
    assert world.products.commits[-1][1].writes == ()
    assert sum(name in ("products.load", "credentials.load", "products.stored_rows") for name in used) == 2


def test_sold_positions_are_deleted_and_changed_ones_written() -> None:
    world = ready(HOLDINGS)
    world.data().drop(HOLDINGS, "broker.fund")
    world.data().put(HOLDINGS, holding_row("broker", "cash", quantity="99"))
    world.request(HOLDINGS)
    assert world.products_equal_truth()
    written = world.products.commits[-1][1].writes
    assert len(written) == 2, "one commit: the changed row, and the deleted one"
    assert world.product(HOLDINGS).changed_at == world.product(HOLDINGS).as_of


def test_an_empty_answer_deletes_nothing_until_a_later_one_agrees() -> None:
    world = ready(HOLDINGS)
    world.data().hollow.add(HOLDINGS)
    world.request(HOLDINGS)
    assert len(world.stored(HOLDINGS)) == 2
    due_at = world.product(HOLDINGS).due_at
    assert due_at is not None
    assert due_at - world.clock.at < timedelta(hours=6, minutes=1)
    world.pass_days(0.3)
    assert world.stored(HOLDINGS) == {}


def test_an_answer_that_is_hollow_once_changes_nothing() -> None:
    world = ready(HOLDINGS)
    world.data().hollow.add(HOLDINGS)
    world.request(HOLDINGS)
    world.data().hollow.clear()
    world.pass_days()
    assert world.products_equal_truth()
    assert not world.product(HOLDINGS).hollow


def test_a_replaced_stream_inherits_what_its_user_wrote() -> None:
    world = ready(RECURRING)
    world.products.write_user("1", "rent", {"name": "Flat"})
    world.data().drop(RECURRING, "rent")
    world.data().put(RECURRING, stream_row("rent-2"))
    world.request(RECURRING)
    assert world.store.product_rows["1", RECURRING]["rent-2"]["user"] == {"name": "Flat"}
    assert "rent" not in world.stored(RECURRING)


def test_a_note_written_while_its_stream_is_replaced_is_not_lost() -> None:
    world = ready(RECURRING)
    world.data().drop(RECURRING, "rent")
    world.data().put(RECURRING, stream_row("rent-2"))

    def write(name: str) -> None:
        if name == "products.save" and "rent-2" not in world.stored(RECURRING):
            world.calls.before = None
            world.products.write_user("1", "rent", {"name": "Flat"})

    world.product_requests.by_operator("1", [RECURRING])
    world.calls.before = write
    world.deliver_products()
    assert world.store.product_rows["1", RECURRING]["rent-2"]["user"] == {"name": "Flat"}


def test_trades_that_vanished_from_the_window_are_deleted() -> None:
    world = ready(TRADES)
    world.data().drop(TRADES, "t1", "t3")
    world.request(TRADES)
    assert world.products_equal_truth()
    assert world.product(TRADES).rows == 3


def test_trades_before_the_window_stay_until_the_weekly_pass() -> None:
    world = ready(TRADES)
    world.pass_days(5)
    start = world.clock.at.date() - timedelta(days=400)
    world.data().put(TRADES, trade_row("old", day=str(start)))
    world.request(TRADES)
    assert "old" not in world.stored(TRADES)
    world.pass_days(3)
    assert world.products_equal_truth()


def test_a_total_that_changes_between_pages_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_product, "PAGE_ROWS", 2)
    world = ProductWorld(TRADES)
    world.invested()
    world.data().between_pages = [trade_row("late", day="2026-02-20"), trade_row("later", day="2026-02-21")]
    world.synced()
    assert world.products_equal_truth()
    assert {"late", "later"} <= world.stored(TRADES).keys()


def test_a_long_list_of_trades_is_paged_below_plaid_s_rate_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_product, "PAGE_ROWS", 2)
    world = ProductWorld(TRADES)
    world.invested()
    world.data().put(TRADES, *(trade_row(f"many-{number}") for number in range(100)))
    asked: list[datetime] = []
    world.calls.before = lambda name: asked.append(world.clock.at) if name == f"bank.{TRADES}" else None
    world.synced()
    assert world.products_equal_truth()
    assert len(asked) == 53
    minute = timedelta(minutes=1)
    assert max(sum(at <= other < at + minute for other in asked) for at in asked) <= 30


def test_the_first_read_of_trades_does_not_wait_for_the_bank() -> None:
    world = ProductWorld(TRADES)
    world.invested()
    world.data().not_ready.add(TRADES)
    world.synced()
    assert world.view(TRADES).status is ProductStatus.SYNCING
    world.data().not_ready.clear()
    world.pass_days(0.02)
    assert world.products_equal_truth()


@pytest.mark.parametrize(("code", "status"), EIGHT.items())
@pytest.mark.parametrize("kind", [LIABILITIES, HOLDINGS, TRADES, RECURRING])
def test_a_product_error_concerns_only_its_product(
    kind: ProductKind, code: str, status: ProductStatus, caplog: pytest.LogCaptureFixture
) -> None:
    world = ready()
    caplog.clear()
    told, before = len(world.store.notifications), world.store.connections["1"]
    refused(world, kind, code)
    assert world.view(kind).status is status
    assert world.store.connections["1"] == before
    assert len(world.store.notifications) == told
    others = {one: world.view(one).status for one in world.kinds - {kind}}
    assert others == dict.fromkeys(others, ProductStatus.READY)
    assert world.state().status == "completed"
    lines = {record.getMessage(): record.levelname for record in caplog.records}
    assert "sync.provider_error" not in lines, "the alert `misconfigured` counts these lines"
    assert "ERROR" not in lines.values()


def test_rows_stay_while_consent_is_missing_and_go_without_accounts() -> None:
    world = ready(HOLDINGS)
    refused(world, HOLDINGS, "ADDITIONAL_CONSENT_REQUIRED")
    assert world.stored(HOLDINGS) == world.truth(HOLDINGS)
    assert world.product(HOLDINGS).due_at is None
    refused(world, HOLDINGS, "NO_INVESTMENT_ACCOUNTS")
    assert world.stored(HOLDINGS) == {}
    assert world.product(HOLDINGS).due_at is None


def test_an_unsupported_product_is_asked_again_after_a_month() -> None:
    world = ready(LIABILITIES)
    refused(world, LIABILITIES, "PRODUCTS_NOT_SUPPORTED")
    asked = world.calls.log.count("bank.liabilities")
    world.pass_days(20)
    assert world.calls.log.count("bank.liabilities") == asked
    world.pass_days(11)
    assert world.view(LIABILITIES).status is ProductStatus.READY


def test_a_product_that_is_not_enabled_is_reported_once_a_day(caplog: pytest.LogCaptureFixture) -> None:
    world = ProductWorld(LIABILITIES)
    for name in ("1", "2", "3"):
        world.invested(name)
    answers(world, LIABILITIES, "INVALID_PRODUCT", times=3)
    for name in ("1", "2", "3"):
        world.synced(name)
    assert [record.message for record in caplog.records].count("product.not_enabled") == 1
    assert world.view(LIABILITIES, "3").status is ProductStatus.NOT_ENABLED
    assert world.view(LIABILITIES, "3").error is not None


def test_own_streams_take_the_place_of_those_that_plaid_does_not_deliver() -> None:
    world = ProductWorld(RECURRING)
    days = ("2025-11-03", "2025-12-03", "2026-01-03", "2026-02-03")
    world.invested().add(*(row(f"rent-{day}", date=day, name="Rent", merchant_name="Landlord") for day in days))
    answers(world, RECURRING, "PRODUCTS_NOT_SUPPORTED")
    world.synced()
    streams = world.stored(RECURRING)
    assert [(stream["source"], stream["merchant_name"]) for stream in streams.values()] == [("own", "Landlord")]
    assert world.view(RECURRING).status is ProductStatus.UNSUPPORTED
    asked = world.calls.log.count("bank.recurring")
    world.plaid.by_id("item-1").add(row("rent-5", date="2026-03-03", name="Rent", merchant_name="Landlord"))
    world.pass_days(3)
    assert world.calls.log.count("bank.recurring") == asked, "our own rows need no call"
    assert [stream["last_date"] for stream in world.stored(RECURRING).values()] == ["2026-03-03"]
    assert world.view(RECURRING).error is not None


def test_an_outage_is_retried_with_growing_delays() -> None:
    world = ready(HOLDINGS)
    world.plaid.errors["holdings"] = [problem(ErrorClass.TRANSIENT, "INSTITUTION_DOWN") for _ in range(3)]
    world.request(HOLDINGS)
    view = world.view(HOLDINGS)
    assert (view.status, view.error is not None and view.error.retryable) == (ProductStatus.FAILED, True)
    assert view.next_retry_at is not None
    world.pass_days(0.05)
    assert world.view(HOLDINGS).status is ProductStatus.READY


def test_a_login_error_has_the_item_checked_and_only_that_changes_the_connection() -> None:
    world = ready(HOLDINGS)
    item = world.plaid.by_id("item-1")
    item.error = item.refuses_data = problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED")
    world.request(HOLDINGS)
    world.deliver_products()
    assert world.store.connections["1"].status is ItemStatus.BAD
    assert world.view(HOLDINGS).status is ProductStatus.FAILED
    assert world.product(HOLDINGS).due_at is not None, "the login may be repaired elsewhere"


def test_a_request_during_a_run_makes_another_run() -> None:
    world = ready(HOLDINGS)

    def request(name: str) -> None:
        if name == "bank.holdings":
            world.calls.before = None
            world.data().put(HOLDINGS, holding_row("broker", "meanwhile"))
            world.product_requests.by_operator("1", [HOLDINGS])

    world.calls.before = request
    world.request(HOLDINGS)
    world.deliver_products()
    assert world.products_equal_truth()
    assert not world.product(HOLDINGS).wanted


def test_two_deliveries_at_once_write_each_row_once() -> None:
    world = ready(HOLDINGS)
    world.data().put(HOLDINGS, holding_row("broker", "new"))
    world.product_requests.by_operator("1", [HOLDINGS])
    outcomes: list[Outcome] = []

    def second(name: str) -> None:
        if name == "bank.holdings":
            world.calls.before = None
            outcomes.append(world.run(HOLDINGS))

    world.calls.before = second
    commits = len(world.products.commits)
    outcomes.append(world.run(HOLDINGS))
    assert outcomes == [Outcome.DONE, Outcome.RETRY]
    assert len(world.products.commits) == commits + 1
    assert world.products_equal_truth()


def test_a_paused_institution_is_not_called() -> None:
    world = ready(HOLDINGS)
    world.pauses.pause("ins_1", by="operator", reason="wrong data")
    asked = world.calls.log.count("bank.holdings")
    world.request(HOLDINGS)
    world.pass_days()
    assert world.calls.log.count("bank.holdings") == asked
    world.pauses.resume("ins_1")
    world.pass_days()
    assert world.calls.log.count("bank.holdings") == asked + 1


def test_a_row_that_the_store_refuses_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ready(HOLDINGS)
    monkeypatch.setattr(store_answer, "ROWS_AT_ONCE", 10)
    world.store.max_writes = 1
    world.data().put(HOLDINGS, holding_row("broker", "a"), holding_row("broker", "b"), holding_row("broker", "c"))
    world.request(HOLDINGS)
    assert world.products_equal_truth()
    assert world.product(HOLDINGS).rows == 5


def test_a_changed_row_that_the_store_refuses_stays_counted() -> None:
    """Without rows, a product would rest, and nothing would delete the row."""
    world = ready(LIABILITIES)
    world.store.refuses = {"refused"}
    world.data().put(LIABILITIES, liability_row("card", loan_name="refused"))
    world.request(LIABILITIES)
    assert world.stored(LIABILITIES).keys() == {"card"}
    assert world.product(LIABILITIES).rows == 1


def test_a_changed_liability_is_written_alone() -> None:
    world = ready(LIABILITIES)
    world.data().put(LIABILITIES, liability_row("card", last_statement_balance="1.00"))
    world.request(LIABILITIES)
    assert world.products_equal_truth()
