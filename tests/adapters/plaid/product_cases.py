"""An ordinary row of each product, and how an answer with such rows is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.adapters.plaid import exact_json, investment_mapping, liability_mapping, recurring_mapping
from shared.domain.products.investment_transactions import InvestmentPage
from shared.domain.products.snapshot import Snapshot

Json = dict[str, Any]
Answer = Snapshot | InvestmentPage

SECURITY: Json = {
    "security_id": "s1",
    "ticker_symbol": "ACME",
    "name": "Acme",
    "type": "equity",
    "close_price": 1.5,
    "close_price_as_of": "2026-02-01",
    "isin": "US0000000001",
    "is_cash_equivalent": False,
}
HOLDING: Json = {
    "account_id": "a1",
    "security_id": "s1",
    "quantity": 1.25,
    "institution_price": 10,
    "institution_price_as_of": "2026-02-01",
    "institution_value": 12.5,
    "cost_basis": 9.5,
    "iso_currency_code": "USD",
    "unofficial_currency_code": None,
}
TRADE: Json = {
    "investment_transaction_id": "t1",
    "account_id": "a1",
    "security_id": "s1",
    "date": "2026-02-01",
    "name": "BUY ACME",
    "type": "sell",
    "subtype": "sell",
    "quantity": 1.25,
    "price": 10,
    "fees": 0.5,
    "amount": -12.5,
    "iso_currency_code": "USD",
    "unofficial_currency_code": None,
}
STREAM: Json = {
    "stream_id": "r1",
    "account_id": "a1",
    "description": "VIDEO",
    "merchant_name": "Video",
    "personal_finance_category": {"primary": "FUN", "detailed": "FUN_TV", "confidence_level": "HIGH"},
    "frequency": "MONTHLY",
    "status": "MATURE",
    "is_active": True,
    "first_date": "2025-12-01",
    "last_date": "2026-02-01",
    "predicted_next_date": "2026-03-01",
    "average_amount": {"amount": 9.99, "iso_currency_code": "USD", "unofficial_currency_code": None},
    "last_amount": {"amount": 9.99, "iso_currency_code": "USD", "unofficial_currency_code": None},
    "transaction_ids": ["t1", "t2", "t3"],
}
LOAN: Json = {
    "account_id": "a1",
    "next_payment_due_date": "2026-03-01",
    "minimum_payment_amount": 30,
    "next_monthly_payment": 30,
    "last_statement_balance": 1.5,
    "last_statement_issue_date": "2026-02-01",
    "last_payment_amount": 30,
    "last_payment_date": "2026-02-01",
    "is_overdue": False,
    "past_due_amount": 0,
    "aprs": [{"apr_type": "purchase_apr", "apr_percentage": 19.99, "balance_subject_to_apr": 100}],
    "interest_rate_percentage": 5.5,
    "interest_rate": {"percentage": 3.99, "type": "fixed"},
    "origination_date": "2020-01-01",
    "origination_principal_amount": 1000,
    "maturity_date": "2030-01-01",
    "expected_payoff_date": "2030-01-01",
    "loan_name": "Loan",
    "loan_type_description": "conventional",
    "loan_status": {"type": "repayment"},
    "repayment_plan": {"type": "standard"},
}


@dataclass(frozen=True)
class Case:
    """A kind of row: an ordinary one, its required fields and those of its id, and how an answer with rows is read."""

    plain: Json
    required: frozenset[str]
    id_fields: frozenset[str]
    wrap: Callable[[list[Any]], Json]
    read: Callable[[Any], Answer]

    def innocent(self) -> Json:
        return self.plain | {name: f"innocent-{name}" for name in self.id_fields}

    def answer(self, *rows: Any) -> Answer:
        raw = json.dumps({**self.wrap([*rows, self.innocent()]), "request_id": "r", "accounts": []}).encode()
        return self.read(exact_json.parse(raw))


CASES = {
    "holding": Case(
        HOLDING,
        frozenset({"account_id", "security_id", "quantity"}),
        frozenset({"account_id", "security_id"}),
        lambda rows: {"holdings": rows, "securities": [SECURITY]},
        investment_mapping.holdings,
    ),
    "trade": Case(
        TRADE,
        frozenset({"investment_transaction_id", "account_id", "date", "amount"}),
        frozenset({"investment_transaction_id"}),
        lambda rows: {
            "investment_transactions": rows,
            "securities": [SECURITY],
            "total_investment_transactions": len(rows),
        },
        investment_mapping.transactions,
    ),
    "stream": Case(
        STREAM,
        frozenset({"stream_id", "account_id", "first_date", "last_date"}),
        frozenset({"stream_id"}),
        lambda rows: {"inflow_streams": rows, "outflow_streams": []},
        recurring_mapping.snapshot,
    ),
    "liability": Case(
        LOAN,
        frozenset({"account_id"}),
        frozenset({"account_id"}),
        lambda rows: {"liabilities": {"credit": None, "student": rows}},
        liability_mapping.snapshot,
    ),
}
