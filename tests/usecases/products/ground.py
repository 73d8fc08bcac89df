"""A world in which products are turned on, with an item that has accounts of every kind."""

from __future__ import annotations

import itertools
from datetime import timedelta
from functools import partial
from typing import Any

from shared.domain.account import Account
from shared.domain.products.kinds import ProductKind
from shared.domain.products.product_progress import ProductProgress
from shared.domain.products.product_state import ProductState, product_id
from shared.domain.region import Region
from shared.ports import TaskFunction
from shared.usecases.enqueue import enqueue_product
from shared.usecases.products.run_product import RunProduct
from shared.usecases.sync.run_sync import Outcome
from shared.usecases.sync.schedule_syncs import Scheduler
from shared.usecases.tokens.call_with_token import AccessTokens
from tests.fake_products import ProductData, holding_row, liability_row, stream_row, trade_row
from tests.fakes import FakeItem, account
from tests.usecases.conftest import World

RECURRING, LIABILITIES = ProductKind.RECURRING, ProductKind.LIABILITIES
HOLDINGS, TRADES = ProductKind.HOLDINGS, ProductKind.INVESTMENT_TRANSACTIONS
DAY = timedelta(days=1)


def typed(account_id: str, kind: str, subtype: str) -> Account:
    """An account of a type."""
    return {**account(account_id, name=account_id, mask=account_id[:4]), "type": kind, "subtype": subtype}


def every_account() -> list[Account]:
    """An account for each kind of product."""
    return [account(), typed("card", "credit", "credit card"), typed("broker", "investment", "brokerage")]


class ProductWorld(World):
    """A world that syncs products."""

    def __init__(self, *kinds: ProductKind) -> None:
        super().__init__()
        self.kinds = frozenset(kinds or ProductKind)
        self._product_deliveries = itertools.count()

    def data(self, name: str = "1") -> ProductData:
        """What the bank of a connection holds of products."""
        return self.plaid_products.data[f"item-{name}"]

    def invested(self, name: str = "1", *, region: Region = Region.US) -> FakeItem:
        """A connected item with rows of every kind, whose first sync is pending."""
        item = self.connected(name, region=region)
        item.accounts = every_account()
        data = self.data(name)
        data.put(RECURRING, stream_row("rent"), stream_row("gym", merchant_name="Gym"))
        data.put(LIABILITIES, liability_row("card"))
        data.put(HOLDINGS, holding_row("broker", "fund"), holding_row("broker", "cash"))
        data.put(TRADES, *(trade_row(f"t{number}", day=f"2026-02-0{number + 1}") for number in range(5)))
        return item

    def product(self, kind: ProductKind, name: str = "1") -> ProductState:
        """The state of a product."""
        return self.store.products[product_id(name, kind)].state

    def view(self, kind: ProductKind, name: str = "1") -> ProductProgress:
        """What clients see of a product."""
        return self.store.product_views[product_id(name, kind)]

    def stored(self, kind: ProductKind, name: str = "1") -> dict[str, dict[str, Any]]:
        """The rows as clients see them, without what a comparison adds."""
        added = ("connection_id", "app_user_id", "user", "updated_at", "amount_before", "amount_changed_at")
        rows = self.store.product_rows.get((name, kind), {})
        return {i: {name: value for name, value in row.items() if name not in added} for i, row in rows.items()}

    def truth(self, kind: ProductKind, name: str = "1") -> dict[str, dict[str, Any]]:
        """What the store must hold."""
        return {i: dict(row.fields) for i, row in self.data(name).rows[kind].items()}

    def products_equal_truth(self, name: str = "1") -> bool:
        """Whether the rows of every kind equal those of the bank."""
        return all(self.stored(kind, name) == self.truth(kind, name) for kind in self.kinds)

    def run(self, kind: ProductKind, name: str = "1", *, task: str | None = None) -> Outcome:
        """One delivery of a product's task."""
        run = RunProduct(
            kinds=self.kinds,
            products=self.products,
            paused=self.paused,
            plaid=self.plaid_products,
            access_tokens=AccessTokens(credentials=self.credentials, vault=self.vault),
            budgets=self.budgets,
            tasks=self.queue,
            clock=self.clock,
            sleep=lambda seconds: self.clock.move(timedelta(seconds=seconds)),
            read_accounts=self.sync_requests.by_product,
        )
        number = next(self._product_deliveries)
        return run(name, kind, delivery=f"{task or number}#{number}")

    def tick(self, *, at_once: int = 1) -> int:
        """One scheduler run, of products, too."""
        enqueued = super().tick(at_once=at_once)
        scheduler = Scheduler(
            syncs=self.products,
            paused=self.paused,
            enqueue=partial(enqueue_product, self.queue),
            clock=self.clock,
            executors=self.executors,
        )
        return enqueued + scheduler.run()

    def request(self, kind: ProductKind, name: str = "1") -> None:
        """Request a run, as a webhook does, and deliver its task."""
        self.product_requests.by_operator(name, [kind])
        self.deliver_products()

    def deliver_products(self) -> None:
        """Deliver waiting tasks of products and checks of items, as the queue does; other tasks keep waiting."""
        left = []
        while self.queue.others:
            function, payload = self.queue.others.pop(0)
            if function == TaskFunction.SYNC_PRODUCTS:
                self._deliver_product(payload["connection_id"], ProductKind(payload["kind"]))
            elif function == TaskFunction.CHECK_ITEM:
                self.check.daily_check(payload["connection_id"])
            else:
                left.append((function, payload))
        self.queue.others = left

    def _deliver_product(self, name: str, kind: ProductKind) -> None:
        task = f"task-{next(self._product_deliveries)}"
        for _ in range(8):
            if self.run(kind, name, task=task) is Outcome.DONE:
                return
            self.clock.move(timedelta(seconds=10))

    def synced(self, name: str = "1") -> None:
        """Sync the transactions, and then the products that were planned."""
        self.sync(name)
        self.deliver_products()

    def pass_days(self, days: float = 1.1) -> None:
        """Let the scheduler poll what is due after some days, and deliver its tasks."""
        self.clock.move(days * DAY)
        self.tick()
        while self.queue.tasks:
            name, connection_id = self.queue.tasks.pop(0)
            self.sync(connection_id, task=name)
        self.deliver_products()

    def settle_products(self, *, turns: int = 60) -> None:
        """Run queue and scheduler until every sync rests."""
        for _ in range(turns):
            self.settle()
            self.deliver_products()
            states = [one.state for one in self.store.products.values()]
            if len(states) >= len(self.kinds) and all(s.status == "completed" and not s.wanted for s in states):
                return
            self.clock.move(timedelta(hours=1))
            self.tick()
        raise AssertionError("the products never settled")
