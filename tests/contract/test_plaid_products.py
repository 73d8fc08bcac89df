"""The contract of the port `PlaidProducts`: the same tests over the fake and over Plaid's client and simulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

import pytest

from shared.adapters.plaid.product_client import PlaidProductsClient
from shared.domain.errors import ErrorKind, ProviderError
from shared.domain.plaid_token import PlaidToken
from shared.domain.products.investment_transactions import InvestmentPage, Window, WindowRead
from shared.domain.products.kinds import ProductKind, ProductStatus
from shared.domain.products.outcomes import product_outcome
from shared.domain.products.snapshot import Snapshot
from shared.domain.region import Region
from shared.ports.products import PlaidProducts
from shared.settings import Settings
from tests.fake_products import FakeProducts, ProductData, holding_row, liability_row, stream_row, trade_row
from tests.fakes import FakeClock, FakePlaid, account, problem
from tests.simulator.harness import Linked, Sim, running_simulator

RECURRING, LIABILITIES, HOLDINGS, TRADES = ProductKind
WINDOW = Window(date(2026, 1, 1), date(2026, 12, 31), is_full=True)


class Bank(Protocol):
    """One item with a checking account, a card and a broker's account, and the products of Plaid."""

    token: PlaidToken
    accounts: list[str]

    @property
    def products(self) -> PlaidProducts: ...

    def fill(self) -> None:
        """One stream, one liability, two positions, three transactions on the 1st of January, February and March."""

    def sell(self) -> None:
        """The first position goes."""

    def hollow(self, kind: ProductKind) -> None: ...
    def withhold(self, kind: ProductKind) -> None: ...
    def arrive_between_pages(self) -> None: ...
    def break_login(self) -> None: ...
    def revoke_broker(self) -> None: ...


@dataclass
class FakeBank:
    plaid: FakePlaid = field(default_factory=lambda: FakePlaid(FakeClock()))
    token: PlaidToken = field(default_factory=lambda: PlaidToken("token-1", Region.US))
    accounts: list[str] = field(default_factory=lambda: ["checking", "card", "broker"])

    def __post_init__(self) -> None:
        card: Any = account("card") | {"type": "credit", "subtype": "credit card"}
        broker: Any = account("broker") | {"type": "investment", "subtype": "brokerage"}
        self.item = self.plaid.new_item("1", accounts=[account("checking"), card, broker])
        self.products = FakeProducts(self.plaid)

    @property
    def data(self) -> ProductData:
        return self.products.data[self.item.item_id]

    def fill(self) -> None:
        self.data.put(RECURRING, stream_row("s1"))
        self.data.put(LIABILITIES, liability_row("card"))
        self.data.put(HOLDINGS, holding_row("broker", "acme"), holding_row("broker", "other"))
        self.data.put(TRADES, *(trade_row(f"t{month}", day=f"2026-0{month}-01") for month in (2, 1, 3)))

    def sell(self) -> None:
        self.data.drop(HOLDINGS, "broker.acme")

    def hollow(self, kind: ProductKind) -> None:
        self.data.hollow.add(kind)

    def withhold(self, kind: ProductKind) -> None:
        self.data.not_ready.add(kind)

    def arrive_between_pages(self) -> None:
        self.data.between_pages.append(trade_row("new", day="2026-04-01"))

    def break_login(self) -> None:
        self.item.refuses_data = problem(ErrorKind.LOGIN_REQUIRED.error_class, "ITEM_LOGIN_REQUIRED")

    def revoke_broker(self) -> None:
        self.item.accounts = self.item.accounts[:2]


def _share(ticker: str) -> dict[str, Any]:
    return {"quantity": 2, "institution_price": 10.5, "security": {"ticker_symbol": ticker}}


PEOPLE: dict[str, Any] = {
    "override_accounts": [
        {"type": "depository", "subtype": "checking"},
        {"type": "credit", "subtype": "credit card"},
        {"type": "investment", "subtype": "brokerage", "starting_balance": 100},
    ]
}


@dataclass
class SimulatedBank:
    sim: Sim
    item: Linked
    products: PlaidProducts
    token: PlaidToken
    accounts: list[str]

    def fill(self) -> None:
        checking, _, broker = self.accounts
        self.item.control("recurring", add=[{"account_id": checking, "amount": 9.99}])
        added = self.item.control("holdings", add=[_share("ACME") | {"account_id": broker}, _share("OTHER")])["added"]
        self.acme = added[0]["security_id"]
        days = ("2026-02-01", "2026-01-01", "2026-03-01")
        self.item.control("investment_transactions", add=[_trade(day) for day in days])

    def sell(self) -> None:
        self.item.control("holdings", remove=[{"security_id": self.acme}])

    def hollow(self, kind: ProductKind) -> None:
        self.item.control("products", hollow=[kind])

    def withhold(self, kind: ProductKind) -> None:
        self.item.control("products", not_ready={kind: None})

    def arrive_between_pages(self) -> None:
        self.item.control("investment_transactions", between_pages=[_trade("2026-04-01")])

    def break_login(self) -> None:
        self.item.control("state", state="login_required")

    def revoke_broker(self) -> None:
        self.item.control("accounts", revoke=[self.accounts[2]])


def _trade(day: str) -> dict[str, Any]:
    return {"date": day, "name": "BUY", "type": "buy", "quantity": 2, "price": 10.5}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Sim]:
    with running_simulator() as running:
        yield running


@pytest.fixture(params=["fake", "simulator"])
def bank(request: pytest.FixtureRequest) -> Bank:
    if request.param == "fake":
        return FakeBank()
    sim: Sim = request.getfixturevalue("simulator")
    sim.control("/reset")
    item = sim.link("user_custom", PEOPLE)
    given: dict[str, Any] = {"plaid_client_id": "id", "plaid_secret": "secret", "plaid_base_url": sim.url}
    products = PlaidProductsClient(settings=Settings(project="demo-bank", **given))
    return SimulatedBank(sim, item, products, PlaidToken(item.access_token, Region.US), item.account_ids())


def pages(bank: Bank, **more: Any) -> InvestmentPage:
    asked: dict[str, Any] = {"start": WINDOW.start, "end": WINDOW.end, "offset": 0, **more}
    return bank.products.investment_transactions(bank.token, **asked)


def read(bank: Bank, kind: ProductKind) -> Snapshot | InvestmentPage:
    match kind:
        case ProductKind.RECURRING:
            return bank.products.recurring(bank.token, account_ids=())
        case ProductKind.LIABILITIES:
            return bank.products.liabilities(bank.token)
        case ProductKind.HOLDINGS:
            return bank.products.holdings(bank.token)
        case ProductKind.INVESTMENT_TRANSACTIONS:
            return pages(bank)


def days(page: InvestmentPage) -> list[str]:
    return [row.fields["date"] for row in page.rows]


def test_each_product_lists_its_rows_under_their_accounts(bank: Bank) -> None:
    bank.fill()
    checking, card, broker = bank.accounts
    found = {kind: [row.account_id for row in read(bank, kind).rows] for kind in ProductKind}
    assert found == {RECURRING: [checking], LIABILITIES: [card], HOLDINGS: [broker] * 2, TRADES: [broker] * 3}
    for kind in ProductKind:
        answer = read(bank, kind)
        assert answer.request_id
        assert {one["account_id"] for one in answer.accounts} == (set() if kind is RECURRING else {*bank.accounts})


@pytest.mark.parametrize("kind", ProductKind)
def test_fields_of_a_kind_are_complete(bank: Bank, kind: ProductKind) -> None:
    bank.fill()
    fake = FakeBank()
    fake.fill()
    assert read(bank, kind).rows[0].fields.keys() == read(fake, kind).rows[0].fields.keys()


def test_sold_position_is_no_longer_listed(bank: Bank) -> None:
    bank.fill()
    both = bank.products.holdings(bank.token).rows
    bank.sell()
    assert bank.products.holdings(bank.token).rows == both[1:]


@pytest.mark.parametrize("kind", ProductKind)
def test_hollow_answer_has_no_rows_but_the_accounts(bank: Bank, kind: ProductKind) -> None:
    bank.fill()
    accounts = read(bank, kind).accounts
    bank.hollow(kind)
    assert (read(bank, kind).rows, read(bank, kind).accounts) == ((), accounts)


@pytest.mark.parametrize("kind", ProductKind)
def test_product_that_is_not_ready_says_so(bank: Bank, kind: ProductKind) -> None:
    bank.withhold(kind)
    with pytest.raises(ProviderError) as raised:
        read(bank, kind)
    assert product_outcome(kind, raised.value) is ProductStatus.SYNCING


@pytest.mark.parametrize("kind", ProductKind)
def test_broken_login_breaks_every_product_and_is_no_matter_of_the_product(bank: Bank, kind: ProductKind) -> None:
    bank.break_login()
    with pytest.raises(ProviderError) as raised:
        read(bank, kind)
    assert (product_outcome(kind, raised.value), raised.value.kind) == (None, ErrorKind.LOGIN_REQUIRED)


def test_without_a_fitting_account_the_product_says_so(bank: Bank) -> None:
    bank.fill()
    bank.revoke_broker()
    for kind in (HOLDINGS, TRADES):
        with pytest.raises(ProviderError) as raised:
            read(bank, kind)
        assert product_outcome(kind, raised.value) is ProductStatus.NO_ACCOUNTS
    assert len(read(bank, LIABILITIES).rows) == 1


def test_streams_are_read_for_the_named_accounts_only(bank: Bank) -> None:
    bank.fill()
    checking, card, _ = bank.accounts
    assert len(bank.products.recurring(bank.token, account_ids=(checking, card)).rows) == 1
    assert bank.products.recurring(bank.token, account_ids=(card,)).rows == ()
    with pytest.raises(ProviderError) as raised:
        bank.products.recurring(bank.token, account_ids=("gone",))
    assert raised.value.kind is ErrorKind.TRY_LATER


def test_transactions_come_page_by_page_the_newest_first(bank: Bank) -> None:
    bank.fill()
    assert days(pages(bank)) == ["2026-03-01", "2026-02-01", "2026-01-01"]
    first, last, beyond = (pages(bank, offset=offset, count=2) for offset in (0, 2, 5))
    assert (days(first), days(last), days(beyond)) == (["2026-03-01", "2026-02-01"], ["2026-01-01"], [])
    assert (first.size, last.size, beyond.size) == (2, 1, 0)
    assert first.total == last.total == beyond.total == 3


def test_both_days_of_a_window_belong_to_it(bank: Bank) -> None:
    bank.fill()
    page = pages(bank, start=date(2026, 1, 1), end=date(2026, 2, 1))
    assert (days(page), page.total) == (["2026-02-01", "2026-01-01"], 2)


def test_transaction_that_arrives_between_two_pages_changes_the_total_and_is_not_lost(bank: Bank) -> None:
    bank.fill()
    bank.arrive_between_pages()
    reading = WindowRead(WINDOW)
    while not reading.is_complete:
        reading = reading.take(pages(bank, offset=reading.offset, count=1))
    assert reading.restarts == 1
    assert sorted(row.fields["date"] for row in reading.snapshot().rows) == [f"2026-0{i}-01" for i in (1, 2, 3, 4)]


def test_live_balances_of_all_or_of_some_accounts(bank: Bank) -> None:
    assert [one["account_id"] for one in bank.products.live_balances(bank.token)] == bank.accounts
    [card] = bank.products.live_balances(bank.token, account_ids=(bank.accounts[1],))
    assert (card["account_id"], card["type"]) == (bank.accounts[1], "credit")
    with pytest.raises(ProviderError):
        bank.products.live_balances(bank.token, account_ids=("gone",))
