"""Revoked accounts, revoked and removed connections, and erasures leave no document of any product."""

from __future__ import annotations

import itertools

import pytest

from shared.domain.products.kinds import ProductKind, ProductStatus
from shared.domain.removal import RemovalReason
from shared.usecases.removal import remove_account
from tests.fakes import Crash
from tests.usecases.conftest import ALICE
from tests.usecases.products.ground import HOLDINGS, LIABILITIES, TRADES, ProductWorld


def ready() -> ProductWorld:
    world = ProductWorld()
    world.invested()
    world.synced()
    return world


def product_documents(world: ProductWorld) -> list[str]:
    return [kind for kind in world.left_of() if kind.startswith("product")]


def test_a_removal_deletes_every_document() -> None:
    world = ready()
    world.remove()
    assert not world.store.products, "the states are gone with the first commit"
    world.clean_up()
    assert product_documents(world) == []


def test_an_erasure_deletes_every_document() -> None:
    world = ready()
    world.eraser.begin(ALICE, reason=RemovalReason.ERASURE)
    world.clean_up()
    assert world.left_of() == []


def test_a_revoked_connection_keeps_no_product() -> None:
    world = ready()
    body = {"webhook_type": "ITEM", "webhook_code": "USER_PERMISSION_REVOKED", "item_id": "item-1"}
    world.receive_webhook({**body, "environment": "sandbox"}, delivery_id="d")
    world.webhook_handler("d")
    assert not world.store.products
    world.clean_up()
    assert product_documents(world) == []


@pytest.mark.parametrize("kind", [HOLDINGS, TRADES])
def test_a_run_in_flight_brings_nothing_back_after_a_removal(kind: ProductKind) -> None:
    world = ready()
    world.product_requests.by_operator("1", [kind])

    def remove(name: str) -> None:
        if name == f"bank.{kind}":
            world.calls.before = None
            world.remove()
            world.clean_up()

    world.calls.before = remove
    world.run(kind)
    assert product_documents(world) == []


def test_a_revoked_account_loses_its_rows_in_every_product() -> None:
    world = ready()
    world.remove_account("1", "broker")
    assert world.stored(HOLDINGS) == world.stored(TRADES) == {}
    assert world.view(HOLDINGS).status is ProductStatus.NO_ACCOUNTS
    assert world.stored(LIABILITIES) == world.truth(LIABILITIES)
    for kind in world.kinds:
        world.request(kind)
    world.pass_days()
    assert world.stored(HOLDINGS) == world.stored(TRADES) == {}


@pytest.mark.parametrize("kind", [HOLDINGS, TRADES])
def test_a_run_in_flight_brings_nothing_back_of_a_revoked_account(kind: ProductKind) -> None:
    world = ready()
    world.product_requests.by_operator("1", [kind])

    def revoke(name: str) -> None:
        if name == f"bank.{kind}":
            world.calls.before = None
            world.remove_account("1", "broker")

    world.calls.before = revoke
    world.deliver_products()
    assert world.stored(kind) == {}


@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
def test_an_interrupted_revocation_of_an_account_is_resumed(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remove_account, "ROWS_AT_ONCE", 2)
    undisturbed = ready()
    start = len(undisturbed.calls.log)
    undisturbed.remove_account("1", "broker")
    for number in range(start, len(undisturbed.calls.log)):
        world = ready()
        setattr(world.calls, where, number)
        with pytest.raises(Crash):
            world.remove_account("1", "broker")
        setattr(world.calls, where, None)
        world.remove_account("1", "broker")
        assert world.stored(HOLDINGS) == world.stored(TRADES) == {}, f"{where} {number}"
        assert "broker" not in world.store.account_rows["1"]


@pytest.mark.parametrize("ends", ["removal", "revocation"])
def test_a_revocation_of_an_account_stops_when_its_connection_ends_meanwhile(ends: str) -> None:
    """The states of the products are gone, and their rows still wait for the purge."""
    world = ready()
    reads = itertools.count()
    body = {"webhook_type": "ITEM", "webhook_code": "USER_PERMISSION_REVOKED", "item_id": "item-1"}

    def end(name: str) -> None:
        if name != "products.stored_rows":
            return
        assert next(reads) < 100, "the revocation of the account never stops"
        if world.store.products:
            if ends == "removal":
                world.remove()
            else:
                world.receive_webhook({**body, "environment": "sandbox"}, delivery_id="d")
                world.webhook_handler("d")

    world.calls.before = end
    world.remove_account("1", "broker")
    world.calls.before = None
    world.clean_up()
    assert product_documents(world) == []


def test_a_product_that_is_planned_during_a_revocation_knows_the_revoked_account() -> None:
    world = ProductWorld(LIABILITIES)
    world.invested()
    world.synced()
    world.kinds = frozenset([LIABILITIES, HOLDINGS])

    def plan(name: str) -> None:
        if name == "store.save" and HOLDINGS not in world.state("1").products:
            world.calls.before = None
            world.plan_products.after_sync(world.state("1"))

    world.calls.before = plan
    world.remove_account("1", "broker")
    assert world.product(HOLDINGS).revoked_accounts == ("broker",)
    world.deliver_products()
    assert world.stored(HOLDINGS) == {}


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (("HOLDINGS", "DEFAULT_UPDATE"), HOLDINGS),
        (("INVESTMENTS_TRANSACTIONS", "DEFAULT_UPDATE"), TRADES),
        (("INVESTMENTS_TRANSACTIONS", "HISTORICAL_UPDATE"), TRADES),
        (("LIABILITIES", "DEFAULT_UPDATE"), LIABILITIES),
        (("TRANSACTIONS", "RECURRING_TRANSACTIONS_UPDATE"), ProductKind.RECURRING),
    ],
)
def test_a_webhook_makes_its_product_due_and_no_other(event: tuple[str, str], kind: ProductKind) -> None:
    world = ready()
    before = len(world.calls.log)
    body = {"webhook_type": event[0], "webhook_code": event[1], "item_id": "item-1", "environment": "sandbox"}
    world.receive_webhook(body, delivery_id="d")
    world.deliver_products()
    asked = [name for name in world.calls.log[before:] if name.removeprefix("bank.") in {*ProductKind}]
    assert asked == [f"bank.{kind}"]


def test_a_webhook_about_a_product_that_is_off_reads_nothing_of_products() -> None:
    world = ready()
    world.kinds = frozenset()
    before = len(world.calls.log)
    body = {"webhook_type": "HOLDINGS", "webhook_code": "DEFAULT_UPDATE", "item_id": "item-1"}
    world.receive_webhook({**body, "environment": "sandbox"}, delivery_id="d")
    assert not [name for name in world.calls.log[before:] if name.startswith(("products.", "bank."))]
