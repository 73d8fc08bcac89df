"""Custom users with data of every product, in the format of Plaid's Sandbox, and canaries in all that is sensitive.

Also the calls that the tests make for them.

Source of the format: https://plaid.com/docs/sandbox/user-custom/
"""

from __future__ import annotations

from datetime import date
from typing import Any

from shared.adapters.plaid.product_client import PlaidProductsClient
from shared.domain.plaid_token import PlaidToken
from shared.domain.products.investment_transactions import InvestmentPage, Window
from shared.domain.region import Region
from tests.simulator.harness import Linked, Sim

Json = dict[str, Any]

CANARY = "CANARY"
ADDRESS: Json = {
    "street": f"{CANARY} street",
    "city": f"{CANARY} city",
    "region": "NY",
    "postal_code": f"{CANARY}-10001",
    "country": "US",
}

CARD: Json = {
    "type": "credit",
    "subtype": "credit card",
    "starting_balance": 803.55,
    "meta": {"name": "Blue card", "limit": 5000},
    "liability": {
        "type": "credit",
        "purchase_apr": 19.24,
        "cash_apr": 27.99,
        "balance_transfer_apr": 21.5,
        "special_apr": 0,
        "last_payment_amount": 212.5,
        "last_payment_date": "2026-02-03",
        "last_statement_balance": 640.1,
        "last_statement_issue_date": "2026-02-10",
        "minimum_payment_amount": 40,
        "next_payment_due_date": "2026-03-07",
        "is_overdue": True,
    },
}
STUDENT_LOAN: Json = {
    "type": "loan",
    "subtype": "student",
    "starting_balance": 21000.75,
    "liability": {
        "type": "student",
        "origination_date": "2021-09-01",
        "principal": 24500,
        "nominal_apr": 5.05,
        "loan_name": "Direct subsidized",
        "guarantor": f"{CANARY} guarantor",
        "account_number": f"{CANARY}-account",
        "payment_reference_number": f"{CANARY}-reference",
        "servicer_address": {"data": ADDRESS, "primary": True},
        "is_overdue": False,
        "last_payment_amount": 138.05,
        "last_payment_date": "2026-02-01",
        "minimum_payment_amount": 138.05,
        "next_payment_due_date": "2026-03-01",
        "loan_status": {"type": "repayment", "end_date": "2031-09-01"},
        "repayment_plan_type": "graduated",
        "expected_payoff_date": "2031-09-01",
    },
}
MORTGAGE: Json = {
    "type": "loan",
    "subtype": "mortgage",
    "starting_balance": 288000,
    "currency": "CAD",
    "liability": {
        "type": "mortgage",
        "principal": 320000,
        "nominal_apr": 3.99,
        "origination_date": "2019-07-31",
        "last_payment_amount": 1525.9,
        "property_address": ADDRESS,
    },
}
BROKERAGE: Json = {
    "type": "investment",
    "subtype": "brokerage",
    "starting_balance": 4321.09,
    "holdings": [
        {
            "quantity": 0.00293644,
            "institution_price": 19999.54,
            "institution_price_as_of": "2026-01-22",
            "cost_basis": 120.03,
            "currency": "USD",
            "security": {"ticker_symbol": "CUR:BTC", "currency": "USD"},
        },
        {
            "quantity": 512.25,
            "institution_price": 1,
            "currency": "USD",
            "security": {"ticker_symbol": "CUR:USD", "currency": "USD"},
        },
        {
            "quantity": 12,
            "institution_price": 140.4,
            "institution_price_as_of": "2026-02-27",
            "currency": "USD",
            "security": {"ticker_symbol": "ACME", "name": "Acme Corp", "isin": "US0000000001", "currency": "USD"},
        },
    ],
    "investment_transactions": [
        {
            "date": "2026-02-24",
            "name": "buy stock",
            "quantity": 12,
            "price": 139.05,
            "fees": 4.25,
            "type": "buy",
            "currency": "USD",
            "security": {"ticker_symbol": "ACME", "name": "Acme Corp", "isin": "US0000000001", "currency": "USD"},
        },
        {
            "date": "2026-01-09",
            "name": "sell stock",
            "quantity": -3.5,
            "price": 20,
            "type": "sell",
            "currency": "USD",
            "security": {"ticker_symbol": "OLD", "currency": "USD"},
        },
        {
            "date": "2025-12-31",
            "name": "dividend",
            "quantity": 0,
            "price": 0,
            "amount": -7.77,
            "type": "cash",
            "currency": "USD",
        },
    ],
}
CHECKING: Json = {
    "type": "depository",
    "subtype": "checking",
    "starting_balance": 900,
    "numbers": {"account": f"{CANARY}-number", "ach_routing": "011401533"},
    "identity": {"names": [f"{CANARY} name"], "addresses": [{"primary": True, "data": ADDRESS}]},
    "transactions": [
        {
            "date_transacted": f"2026-{month:02}-05",
            "date_posted": f"2026-{month:02}-05",
            "amount": amount,
            "description": "Video",
            "currency": "USD",
        }
        for month, amount in ((1, 9.99), (2, 9.99), (3, 12.49))
    ],
}
EVERYTHING: Json = {"override_accounts": [CHECKING, CARD, STUDENT_LOAN, MORTGAGE, BROKERAGE]}
YEARS = Window(date(2025, 1, 1), date(2026, 12, 31), is_full=True)


def linked(sim: Sim, *accounts: Json) -> Linked:
    return sim.link("user_custom", {"override_accounts": [*accounts]})


def token(item: Linked) -> PlaidToken:
    return PlaidToken(item.access_token, Region.US)


def trades(plaid: PlaidProductsClient, item: Linked, **more: Any) -> InvestmentPage:
    asked = {"offset": 0, **more}
    return plaid.investment_transactions(token(item), start=YEARS.start, end=YEARS.end, **asked)
