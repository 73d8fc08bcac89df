"""The project's own custom users, in the format of Plaid's Sandbox."""

from __future__ import annotations

from typing import Any

OWNER = {
    "names": ["Ada Example", "Bob Example"],
    "phone_numbers": [{"data": "5550100", "primary": True, "type": "mobile"}],
    "emails": [{"data": "ada@example.com", "primary": True, "type": "primary"}],
    "addresses": [
        {
            "primary": True,
            "data": {"street": "1 High St", "city": "Paris", "region": None, "postal_code": "1", "country": "FR"},
        }
    ],
}

CHECKING: dict[str, Any] = {
    "type": "depository",
    "subtype": "checking",
    "starting_balance": 1234.5,
    "force_available_balance": 1200,
    "currency": "EUR",
    "meta": {"name": "Joint account", "official_name": "Compte joint", "mask": "77", "limit": 500},
    "numbers": {"account": "000011112222", "ach_routing": "011401533"},
    "identity": OWNER,
    "transactions": [
        {
            "date_transacted": "2026-03-01",
            "date_posted": "2026-03-02",
            "amount": 12.3456789,
            "description": "Starbucks Coffee",
            "currency": "EUR",
        },
        {
            "date_transacted": "2026-03-03",
            "date_posted": "2026-03-04",
            "amount": -2500,
            "description": "Salary",
            "currency": "USD",
        },
        {
            "date_transacted": "2026-04-03",
            "date_posted": "2026-04-04",
            "amount": 12.0,
            "description": "Café Zürich",
            "currency": "USD",
        },
        {
            "date_transacted": "2026-04-03",
            "date_posted": "2099-04-04",
            "amount": 5,
            "description": "Not yet posted",
            "currency": "USD",
        },
    ],
}

EVERYTHING: dict[str, Any] = {
    "version": "2",
    "seed": "a seed",
    "override_accounts": [
        CHECKING,
        {
            "type": "credit",
            "subtype": "credit card",
            "starting_balance": 410,
            "meta": {"name": "Card", "limit": 2000},
            "transactions": [
                {
                    "date_transacted": "2026-05-01",
                    "date_posted": "2026-05-02",
                    "amount": 99.99,
                    "description": "Amazon.com Purchase",
                    "currency": "USD",
                }
            ],
            "liability": {"type": "credit", "purchase_apr": 16.99, "is_overdue": False, "last_payment_amount": 250},
        },
        {
            "type": "loan",
            "subtype": "student",
            "liability": {"type": "student", "principal": 45123, "nominal_apr": 4.23, "loan_name": "Study"},
        },
        {"type": "loan", "subtype": "mortgage", "liability": {"principal": 300000, "nominal_apr": 3.5}},
        {
            "type": "investment",
            "subtype": "brokerage",
            "starting_balance": 100.25,
            "holdings": [
                {
                    "institution_price": 140.4,
                    "institution_price_as_of": "2026-06-03",
                    "quantity": 12,
                    "currency": "USD",
                    "security": {"ticker_symbol": "AAPL", "currency": "USD"},
                }
            ],
            "investment_transactions": [
                {
                    "date": "2026-02-10",
                    "name": "buy stock",
                    "quantity": 36,
                    "price": 120.03,
                    "fees": 4.25,
                    "type": "buy",
                    "currency": "USD",
                    "security": {"ticker_symbol": "NYA", "currency": "USD"},
                }
            ],
        },
    ],
}
