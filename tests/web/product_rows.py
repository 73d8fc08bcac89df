"""Rows of products of a connected user, written to Firestore directly: other tests cover their syncs.

They belong to accounts in EUR beside the user's own, which are in USD, so that their sums are known.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.firestore_rest import BACKEND, Client
from tests.web.person import Person

Json = dict[str, Any]
SAVINGS, BROKER, CARD, LOAN, COPY = "eur-savings", "eur-broker", "eur-card", "eur-loan", "eur-copy"
OPTION = "F241108C00005000"


def today() -> date:
    return datetime.now(UTC).date()


def day(ago: int) -> str:
    return str(today() - timedelta(days=ago))


def add(person: Person, *documents: tuple[str, Json]) -> None:
    """Stores documents below the user's first connection, each with the fields that name its owner."""
    [connection, *_] = person.connections()
    owner = {name: connection[name] for name in ("connection_id", "app_user_id")}
    root = f"bank_connections/{connection['connection_id']}"
    store = Client(person.http, person.stack.ports.url("firestore"), BACKEND)
    store.seed({f"{root}/{path}": owner | fields for path, fields in documents})


def account(account_id: str, name: str, kind: str, current: str, **other: Any) -> tuple[str, Json]:
    money = {"iso_currency_code": "EUR", "unofficial_currency_code": None, "available": None, "limit": None}
    base = {"account_id": account_id, "name": name, "official_name": None, "mask": "7777", "type": kind}
    rest = {"subtype": None, "persistent_account_id": None, "duplicate_of": None, "updated_at": datetime.now(UTC)}
    return f"bank_accounts/{account_id}", base | rest | {"balances": money | {"current": current}} | other


def accounts(person: Person) -> list[tuple[str, Json]]:
    [connection, *_] = person.connections()
    counted = {"connection_id": connection["connection_id"], "account_id": SAVINGS}
    return [
        account(SAVINGS, "Euro savings", "depository", "1000.10"),
        account(BROKER, "Euro broker", "investment", "5000"),
        account(CARD, "Euro card", "credit", "300.30"),
        account(LOAN, "Euro loan", "loan", "20000"),
        account(COPY, "Euro savings", "depository", "1000.10", duplicate_of=counted),
    ]


def history(account_id: str, balances: dict[int, str], *, derived_until: int = 0) -> list[tuple[str, Json]]:
    """The months of balances by how many days ago they were; those of `derived_until` and earlier were computed."""
    months: defaultdict[str, Json] = defaultdict(lambda: {"days": {}, "derived": {}})
    for ago, current in balances.items():
        when = day(ago)
        month = months[when[:7]]
        month["days"][when[8:]] = {"current": current, "available": None, "limit": None}
        if derived_until and ago >= derived_until:
            month["derived"][when[8:]] = True
    return [
        (f"bank_balances/{account_id}-{name}", {"account_id": account_id, "month": name, "currency": "EUR"} | fields)
        for name, fields in months.items()
    ]


def histories() -> list[tuple[str, Json]]:
    """Sixty days: computed until 30 days ago, a gap from 12 to 10 days ago, a broker since 20 days ago."""
    known = [ago for ago in range(60) if ago not in (10, 11, 12)]
    return [
        *history(SAVINGS, {ago: f"{1000 + 2 * (59 - ago)}.10" for ago in known}, derived_until=30),
        *history(COPY, {ago: f"{1000 + 2 * (59 - ago)}.10" for ago in known}, derived_until=30),
        *history(CARD, dict.fromkeys(range(60), "300.30"), derived_until=30),
        *history(BROKER, {ago: str(5000 + 10 * (20 - ago)) for ago in range(21)}),
    ]


def stream(stream_id: str, name: str, amount: str, **fields: Any) -> tuple[str, Json]:
    base = {"stream_id": stream_id, "account_id": SAVINGS, "direction": "out", "description": name.upper()}
    category = {"primary": "ENTERTAINMENT", "detailed": "ENTERTAINMENT_TV_AND_MOVIES", "confidence_level": None}
    kind = {"merchant_name": name, "category": category, "frequency": "MONTHLY", "status": "MATURE", "is_active": True}
    days = {"first_date": day(200), "last_date": day(25), "predicted_next_date": day(-5)}
    amounts = {"average_amount": amount, "last_amount": amount, "currency": "EUR"}
    rest = {"transaction_ids": [], "source": "plaid"}
    return f"bank_recurring/{stream_id}", base | kind | days | amounts | rest | fields


def streams() -> list[tuple[str, Json]]:
    changed = {"amount_before": "10.99", "amount_changed_at": datetime.now(UTC) - timedelta(days=25)}
    return [
        stream("video", "Video Club", "12.99", **changed),
        stream("gym", "Gym", "30.10", predicted_next_date=day(2)),
        stream("rent", "Landlord", "900", predicted_next_date=day(-60)),
        stream("old", "Old Magazine", "5", is_active=False, status="TOMBSTONED", last_date=day(90)),
        stream("pay", "Employer", "-2500", direction="in", predicted_next_date=day(-9)),
    ]


def liability(account_id: str, **fields: Any) -> tuple[str, Json]:
    names = (
        *("next_payment_due_date", "minimum_payment_amount", "last_statement_balance", "last_statement_issue_date"),
        *("last_payment_amount", "last_payment_date", "is_overdue", "past_due_amount", "interest_rate"),
        *("interest_rate_type", "origination_date", "origination_principal", "maturity_date", "expected_payoff_date"),
        *("loan_name", "loan_type", "loan_status", "repayment_plan"),
    )
    base = {"account_id": account_id, "kind": "credit", "aprs": [], "currency": "EUR", "updated_at": datetime.now(UTC)}
    return f"bank_liabilities/{account_id}", dict.fromkeys(names) | base | fields


def liabilities() -> list[tuple[str, Json]]:
    rate = {"type": "purchase_apr", "percentage": "19.99", "balance_subject_to_apr": None}
    due = {"next_payment_due_date": day(3), "minimum_payment_amount": "25.50"}
    late = {"is_overdue": True, "past_due_amount": "25.50", "last_payment_amount": "60", "last_payment_date": day(40)}
    studies = {"kind": "student", "loan_name": "Studies", "interest_rate": "4.23", "interest_rate_type": "fixed"}
    plan = {"repayment_plan": "income-based repayment", "loan_status": "in school", "origination_principal": "45123"}
    return [
        liability(CARD, **due, **late, aprs=[rate | {"interest_charge_amount": None}]),
        liability(LOAN, **studies, **plan, expected_payoff_date="2033-01-01"),
    ]


def holding(
    security_id: str, value: str | None, cost: str | None, *, named: Json | None = None, **fields: Any
) -> tuple[str, Json]:
    names = {"ticker": security_id.upper(), "name": f"{security_id.title()} Fund"}
    security = {"security_id": security_id} | names | (named or {})
    rest = {"type": "etf", "close_price": None, "close_price_as_of": None, "isin": None}
    price = {"quantity": "10.5", "institution_price": "100", "institution_price_as_of": day(1)}
    base = {"account_id": BROKER, "institution_value": value, "cost_basis": cost, "currency": "EUR", "is_cash": False}
    return f"bank_holdings/{BROKER}.{security_id}", base | price | {"security": security | rest} | fields


def holdings() -> list[tuple[str, Json]]:
    return [
        holding("world", "4000", "3200.50"),
        holding("bond", "750", None, institution_price_as_of=day(400)),
        holding("cash", "250", "250", is_cash=True),
        holding("odd", "0", None, named={"ticker": None, "name": None}),
        holding("option", None, "10", named={"ticker": OPTION, "name": OPTION}),
    ]


def trade(trade_id: str, kind: str, amount: str, units: str, ago: int) -> tuple[str, Json]:
    _, world = holding("world", None, None)
    base = {"investment_transaction_id": trade_id, "account_id": BROKER, "date": day(ago), "name": f"{kind} WORLD"}
    rest = {"type": kind, "subtype": kind, "quantity": units, "units": units, "price": "100", "fees": "1"}
    money = {"amount": amount, "currency": "EUR", "security": world["security"]}
    return f"bank_investment_transactions/{trade_id}", base | rest | money


def trades() -> list[tuple[str, Json]]:
    return [trade("bought", "buy", "1050", "10.5", 3), trade("sold", "sell", "-200", "-2", 1)]


def product(kind: str, status: str, **fields: Any) -> tuple[str, Json]:
    now = datetime.now(UTC)
    base = {"kind": kind, "status": status, "as_of": now, "changed_at": now, "counts": {}}
    return f"bank_products/{kind}", base | {"error": None, "next_retry_at": None} | fields


def ready() -> list[tuple[str, Json]]:
    kinds = ("recurring", "liabilities", "holdings", "investment_transactions")
    return [product(kind, "ready") for kind in kinds]


def troubled() -> list[tuple[str, Json]]:
    retry = datetime.now(UTC) + timedelta(minutes=150)
    return [
        product("recurring", "failed", next_retry_at=retry),
        product("liabilities", "unsupported"),
        product("holdings", "needs_consent"),
        product("investment_transactions", "no_accounts"),
    ]


def add_everything(person: Person) -> None:
    """All rows of all products."""
    add(
        person,
        *[*accounts(person), *histories(), *streams(), *liabilities(), *holdings(), *trades(), *ready()],
    )
