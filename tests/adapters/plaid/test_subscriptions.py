"""What Plaid bills: the simulator counts the calls and the subscriptions that the backend's runs cause."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from shared.adapters.plaid import transaction_mapping
from shared.adapters.plaid.product_client import PlaidProductsClient
from shared.adapters.plaid.values import Oddities
from shared.domain.plaid_token import PlaidToken
from shared.domain.products.kinds import ProductKind
from shared.domain.region import Region
from shared.settings import Settings
from tests.adapters.plaid.product_people import BROKERAGE, CARD, CHECKING, MORTGAGE, STUDENT_LOAN
from tests.simulator.harness import Linked, Sim
from tests.usecases.products.ground import HOLDINGS, LIABILITIES, RECURRING, TRADES, ProductWorld

Json = dict[str, Any]
ITEMS: dict[str, list[Json]] = {
    "cash": [CHECKING],
    "card": [CHECKING, CARD],
    "loans": [STUDENT_LOAN, MORTGAGE],
    "broker": [BROKERAGE],
}


class SimulatedProducts:
    """The port `PlaidProducts` over the simulator: the fake items' tokens stand for those of simulated ones."""

    def __init__(self, sim: Sim, tokens: dict[str, str]) -> None:
        keys: dict[str, Any] = {"plaid_client_id": "a-client", "plaid_secret": SecretStr("a-secret")}
        self._client = PlaidProductsClient(settings=Settings(project="demo-bank", plaid_base_url=sim.url, **keys))
        self._tokens = tokens

    def __getattr__(self, name: str) -> Any:
        def call(token: PlaidToken, **more: Any) -> Any:
            return getattr(self._client, name)(PlaidToken(self._tokens[token.reveal()], Region.US), **more)

        return call


def synced(sim: Sim, *kinds: ProductKind) -> dict[str, Linked]:
    """Items with different accounts, a week after their first sync with these products."""
    world = ProductWorld()
    world.kinds = frozenset(kinds)
    items = {name: sim.link("user_custom", {"override_accounts": accounts}) for name, accounts in ITEMS.items()}
    world.plaid_products = SimulatedProducts(  # type: ignore[assignment]
        sim, {f"token-{name}": item.access_token for name, item in items.items()}
    )
    for name, item in items.items():
        fake = world.connected(name)
        fake.accounts = transaction_mapping.accounts(item.call("/accounts/get")["accounts"], Oddities())
        world.sync(name)
    for _ in range(7):
        world.deliver_products()
        world.pass_days()
    return items


def billed(items: dict[str, Linked]) -> dict[str, set[str]]:
    """The products besides transactions that Plaid bills for each item."""
    counted = next(iter(items.values())).sim.look("/counters")["billed"]
    return {name: {*counted[item.item_id]} - {"transactions"} for name, item in items.items()}


def product_calls(items: dict[str, Linked]) -> set[str]:
    """The endpoints that were called, besides those of transactions and accounts."""
    calls = next(iter(items.values())).sim.look("/counters")["items"]
    asked = {path for item in items.values() for path in calls[item.item_id]}
    return {path for path in asked if path.startswith(("/liabilities", "/investments", "/transactions/recurring"))}


def test_without_products_there_is_no_call_and_no_subscription(sim: Sim) -> None:
    items = synced(sim)
    assert product_calls(items) == set()
    assert billed(items) == {name: set() for name in ITEMS}


def test_liabilities_are_billed_for_exactly_the_items_that_have_a_fitting_account(sim: Sim) -> None:
    items = synced(sim, LIABILITIES)
    assert product_calls(items) == {"/liabilities/get"}
    assert billed(items) == {"cash": set(), "card": {"liabilities"}, "loans": {"liabilities"}, "broker": set()}


def test_each_product_is_billed_only_where_an_account_fits(sim: Sim) -> None:
    items = synced(sim, LIABILITIES, RECURRING, HOLDINGS, TRADES)
    assert billed(items) == {
        "cash": {"recurring_transactions"},
        "card": {"recurring_transactions", "liabilities"},
        "loans": {"liabilities"},
        "broker": {"investments", "investments_transactions"},
    }
