"""The maximum cost per day that callers can cause at default settings: the table in docs/security.md.

The cost of one call of each kind is measured here on the real store's adapters, with Plaid and the vault counted. The
number of calls per day is limited by settings; each limit has its own tests.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass
from typing import Any

import pytest

from benchmarks.meter import Metered, metered
from emulators.setup import ROOT
from emulators.stack import Stack
from shared.adapters.firestore import commit
from shared.adapters.plaid.webhook_key_cache import UNKNOWN_PER_MINUTE
from shared.domain.errors import BankError
from shared.domain.link import LinkProducts
from shared.domain.removal import RemovalReason
from shared.settings import Settings
from shared.usecases.items.refresh_balances import RefreshBalances
from shared.usecases.linking.create_link_token import CreateLinkToken
from shared.usecases.linking.link_options import LinkDefaults, LinkOptions
from shared.usecases.tokens.call_with_token import AccessTokens
from tests.contract.stored_world import stored_world
from tests.fakes import FakeClock, FakeInstitutions, row
from tests.usecases.conftest import World
from tests.usecases.linking_ground import exchange

SETTINGS = Settings(project="demo-bank")
MINUTES = 24 * 60
BEGIN = "<!-- costs of a day -->"


@dataclass(frozen=True)
class Cost:
    """Numbers of calls to Plaid and KMS, and of round trips to Firestore."""

    plaid: int = 0
    kms: int = 0
    firestore: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, times: int) -> Cost:
        return Cost(*(one * times for one in astuple(self)))


@pytest.fixture
def meter(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Metered]]:
    """A separate Firestore client with a meter."""
    from google.cloud.firestore import Client

    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{stack.ports.firestore}")
    monkeypatch.setattr(commit, "send", commit.send)  # restores what `metered` replaces
    client = Client(project="demo-bank")
    yield client, metered(client)
    client.close()  # type: ignore[no-untyped-call]


class Ground:
    """One user and the calls that the user can make."""

    def __init__(self, client: Any, meter: Metered) -> None:
        self.world: World = stored_world(client, FakeClock())
        self.meter = meter
        self.uid = f"payer-{uuid.uuid4().hex[:12]}"
        self.number = 0

    def cost(self, *steps: Callable[[], object]) -> Cost:
        calls, before = len(self.world.calls.log), self.meter.spent.copy()
        for step in steps:
            with suppress(BankError):
                step()
        made = self.world.calls.log[calls:]
        return Cost(
            sum(call.startswith("bank.") for call in made),
            sum(call.startswith("vault.") for call in made),
            self.meter.spent.since(before).calls,
        )

    def count(self, action: str) -> None:
        limits: Any = getattr(self.world, "limits")  # noqa: B009 (the fake world has none)
        assert limits.spend(self.uid, action, per_minute=1_000, now=self.world.clock.now()) is None

    def link_token(self, connection_id: str | None = None) -> None:
        self.count("link_token")
        CreateLinkToken(
            defaults=LinkDefaults("en", ("US",), LinkProducts(("transactions",)), "https://us.example/"),
            plaid=self.world.plaid,
            vault=self.world.vault,
            connections=self.world.store,
            credentials=self.world.credentials,
            institutions=self.world.institutions,
            product_consents=self.world.product_consents,
            profiles=self.world.profiles,
            links=self.world.links,
            cap=self.world.cap,
            clock=self.world.clock,
        )(LinkOptions(connection_id=connection_id), app_user_id=self.uid)

    def exchange(self, public_token: str) -> str:
        self.count("exchange")
        return str(exchange(self.world, public_token, user=self.uid, allow_duplicate=True).answer["connection_id"])

    def connect(self) -> str:
        """Connect a new bank, up to the first complete sync."""
        self.number += 1
        name = f"{self.uid}-{self.number}"
        self.world.plaid.new_item(name).add(row("t1"))
        connection_id = self.exchange(f"public-{name}")
        self.world.welcome(FakeInstitutions(self.world.calls), name=connection_id)
        self.world.sync(connection_id)
        return connection_id

    def sync(self, connection_id: str) -> None:
        self.world.sync_requests.by_user(connection_id, app_user_id=self.uid, count=lambda: self.count("sync"))
        self.world.sync(connection_id)

    def reconnect(self, connection_id: str) -> None:
        self.count("reconnect")
        self.world.reconnect_connection(connection_id, app_user_id=self.uid)
        self.world.sync(connection_id)

    def remove(self, connection_id: str) -> None:
        self.count("removal")
        self.world.connection_remover.by_user(connection_id, app_user_id=self.uid)
        self.world.remover.resume(connection_id)

    def balances(self, connection_id: str) -> None:
        self.count("balances")
        world = self.world
        RefreshBalances(
            connections=world.store,
            syncs=world.store,
            paused=world.paused,
            plaid=world.plaid_products,
            access_tokens=AccessTokens(credentials=world.credentials, vault=world.vault),
            item_status=world.check,
            tasks=world.queue,
            budgets=world.budgets,
            ceilings=SETTINGS.live_balance_ceilings,
            clock=world.clock,
        )(connection_id, app_user_id=self.uid)

    def erase_nothing(self) -> None:
        self.count("erasure")
        self.world.eraser.begin(self.uid, reason=RemovalReason.ERASURE)


@dataclass(frozen=True)
class Day:
    """The maximum cost of a user per day: what Plaid bills per unit, and all calls."""

    refreshes: int
    new_items: int
    calls: Cost

    def of_many(self, users: int) -> Day:
        """The cost of many users: the project's limit on refreshes applies to all of them together."""
        refreshes = min(self.refreshes * users, SETTINGS.refreshes_per_minute * MINUTES)
        return Day(refreshes, self.new_items * users, self.calls * users)

    def row(self) -> list[str]:
        return [f"{number:,}" for number in (self.refreshes, self.new_items, *astuple(self.calls))]


@pytest.fixture
def ground(meter: tuple[Any, Metered]) -> Ground:
    return Ground(*meter)


def without_a_bank(g: Ground) -> Day:
    """A user who never completes Link, which every visitor can be while anonymous users are allowed."""
    calls = Cost()
    for cost, per_minute in (
        (g.cost(g.link_token), SETTINGS.link_tokens_per_minute),
        (g.cost(lambda: g.exchange(f"public-{uuid.uuid4().hex}")), SETTINGS.exchanges_per_minute),
        (g.cost(lambda: g.balances("nothing")), SETTINGS.balance_refreshes_per_minute),
        (g.cost(lambda: g.remove("nothing")), SETTINGS.removals_per_minute),
        (g.cost(g.erase_nothing), SETTINGS.removals_per_minute),
    ):
        calls += cost * (per_minute * MINUTES)
    return Day(0, 0, calls)


def with_banks(g: Ground) -> Day:
    """A user with real bank logins who links, syncs, repairs and removes as fast as the limits allow."""
    first = g.connect()
    g.sync(first)  # includes its refresh; the next one within the hour has none
    calls = Cost()
    for cost, per_minute in (
        (g.cost(lambda: g.link_token(first)), SETTINGS.link_tokens_per_minute),
        (g.cost(lambda: g.sync(first)), SETTINGS.syncs_per_minute),
        (g.cost(lambda: g.reconnect(first)), SETTINGS.reconnects_per_minute),
        (g.cost(lambda: g.balances(first)), SETTINGS.balance_refreshes_per_minute),
        (g.cost(lambda: g.remove(g.connect())), SETTINGS.exchanges_per_minute),
        (g.cost(lambda: g.remove("nothing")), SETTINGS.removals_per_minute - SETTINGS.exchanges_per_minute),
    ):
        calls += cost * (per_minute * MINUTES)
    g.remove(first)
    calls += g.cost(g.erase_nothing) * (SETTINGS.removals_per_minute * MINUTES)
    calls += Cost(plaid=1, firestore=4) * SETTINGS.refreshes_per_user_and_day
    return Day(SETTINGS.refreshes_per_user_and_day, SETTINGS.exchanges_per_minute * MINUTES, calls)


def test_a_refresh_costs_one_call_of_plaid_and_four_of_the_store(ground: Ground) -> None:
    connection_id = ground.connect()
    with_refresh = ground.cost(lambda: ground.sync(connection_id))
    without = ground.cost(lambda: ground.sync(connection_id))
    assert with_refresh == without + Cost(plaid=1, firestore=4), "the counters twice, the state twice"


def test_documented_table_equals_the_measured_maximum_costs(ground: Ground) -> None:
    poor, rich = without_a_bank(ground), with_banks(ground)
    rows = {
        "a user who links no bank, anonymous or not": poor,
        "a thousand of them": poor.of_many(1_000),
        "a user who links banks": rich,
        "a thousand of those": rich.of_many(1_000),
    }
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").partition(BEGIN)[2]
    lines = re.findall(r"^\|.*\|$", text, re.MULTILINE)
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    documented = {cells[0]: cells[1:6] for cells in found if cells[0] in rows}
    assert documented == {who: day.row() for who, day in rows.items()}


def test_the_calls_that_forged_webhooks_can_cause_in_a_day_are_documented() -> None:
    documented = " ".join((ROOT / "docs" / "security.md").read_text(encoding="utf-8").split())
    unknown = f"{UNKNOWN_PER_MINUTE * MINUTES:,} calls of Plaid in a day, {UNKNOWN_PER_MINUTE} a minute"
    assert unknown in documented
    assert f"{MINUTES:,} per instance for each key" in documented
