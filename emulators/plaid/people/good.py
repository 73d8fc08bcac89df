"""`user_good`: Plaid's standard accounts, with the same transactions every month.

Source: plaid.com/docs/sandbox/test-credentials. The balances of accounts that Plaid added later are invented here.
"""

# ruff: noqa: E501 - tables whose rows are long

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from emulators.plaid.bank import Account, Portfolio, portfolio
from emulators.plaid.ids import derive
from emulators.plaid.merchants import INTEREST, Merchant
from emulators.plaid.people import custom_products, defaults
from emulators.plaid.transactions import Booking

D = Decimal
_PERIOD, _INVESTED_DAYS = 30, 730
_WITHOUT_LIABILITY = "9999"  # the tests of Plaid's clients expect one credit liability

_ACCOUNTS: list[tuple[str, str, str, str, str | None, str, str | None, str | None]] = [
    # mask, name, type, subtype, available, current, limit, official name
    ("0000", "Plaid Checking", "depository", "checking", "100", "110", None, "Plaid Gold Standard 0% Interest Checking"),
    ("1111", "Plaid Saving", "depository", "savings", "200", "210", None, "Plaid Silver Standard 0.1% Interest Saving"),
    ("2222", "Plaid CD", "depository", "cd", None, "1000", None, "Plaid Bronze Standard 0.2% Interest CD"),
    ("3333", "Plaid Credit Card", "credit", "credit card", None, "410", "2000", "Plaid Diamond 12.5% APR Interest Credit Card"),
    ("4444", "Plaid Money Market", "depository", "money market", "43200", "43200", None, "Plaid Platinum Standard 1.85% Interest Money Market"),
    ("5555", "Plaid IRA", "investment", "ira", None, "320.76", None, None),
    ("6666", "Plaid 401k", "investment", "401k", None, "23631.9805", None, None),
    ("7777", "Plaid Student Loan", "loan", "student", None, "65262", None, None),
    ("8888", "Plaid Mortgage", "loan", "mortgage", None, "56302.06", None, None),
    ("9001", "Plaid HSA", "depository", "hsa", None, "6009", None, "Plaid Cares Health Savings Account"),
    ("9002", "Plaid Cash Management", "depository", "cash management", None, "12060", None, "Plaid Growth Cash Management"),
    ("9999", "Plaid Business Credit Card", "credit", "credit card", "4980", "5020", "10000", "Plaid Platinum Small Business Credit Card"),
    ("9003", "Plaid Auto Loan", "loan", "auto", None, "12500", None, None),
    ("9004", "Plaid Home Equity Line of Credit", "loan", "home equity", None, "25000", "50000", None),
]  # fmt: skip

_AIR = Merchant("United Airlines", "United Airlines", "TRAVEL_FLIGHTS", "in store", website="united.com")
_UBER = Merchant("Uber", "Uber", "TRANSPORTATION_TAXIS_AND_RIDE_SHARES", "online", website="uber.com")
_MONTHLY: list[tuple[str, int, str, str, Merchant]] = [
    # account's mask, days before today, amount, booking, merchant
    ("0000", 4, "5.4", "Uber 063015 SF**POOL**", _UBER),
    ("0000", 8, "6.33", "Uber 072515 SF**POOL**", _UBER),
    ("0000", 10, "-500", "United Airlines", _AIR),
    ("0000", 12, "12", "McDonald's", Merchant("McDonald's", "McDonald's", "FOOD_AND_DRINK_FAST_FOOD", website="mcdonalds.com")),
    ("0000", 13, "4.33", "Starbucks", Merchant("Starbucks", "Starbucks", "FOOD_AND_DRINK_COFFEE", website="starbucks.com")),
    ("0000", 14, "89.4", "SparkFun", Merchant("SparkFun", "FUN", "ENTERTAINMENT_SPORTING_EVENTS_AMUSEMENT_PARKS_AND_MUSEUMS")),
    ("1111", 9, "-4.22", "INTRST PYMNT", INTEREST),
    ("1111", 24, "25", "CREDIT CARD 3333 PAYMENT *//", Merchant("CREDIT CARD", None, "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT", "other")),
    ("2222", 25, "1000", "CD DEPOSIT .INITIAL.", Merchant("CD DEPOSIT", None, "TRANSFER_OUT_SAVINGS", "other")),
    ("3333", 11, "78.5", "Touchstone Climbing", Merchant("Touchstone", "Touchstone Climbing", "PERSONAL_CARE_GYMS_AND_FITNESS_CENTERS", website="touchstoneclimbing.com")),
    ("3333", 15, "-25", "CREDIT CARD PAYMENT - THANK YOU", Merchant("PAYMENT", None, "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT", "other")),
    ("3333", 16, "500", "KFC", Merchant("KFC", "KFC", "FOOD_AND_DRINK_FAST_FOOD", website="kfc.com")),
    ("3333", 17, "500", "Madison Bicycle Shop", Merchant("Madison", "Madison Bicycle Shop", "GENERAL_MERCHANDISE_SPORTING_GOODS")),
    ("3333", 18, "2078.5", "AUTOMATIC PAYMENT - THANK", Merchant("AUTOMATIC PAYMENT", None, "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT", "other")),
    ("3333", 19, "500", "Tectra Inc", Merchant("Tectra", "Tectra Inc", "ENTERTAINMENT_OTHER_ENTERTAINMENT")),
    ("4444", 26, "5850", "ACH Electronic CreditGUSTO PAY 123456", Merchant("GUSTO", None, "TRANSFER_OUT_ACCOUNT_TRANSFER", "other")),
]  # fmt: skip


_MORE: dict[str, dict[str, Any]] = {
    # account's mask: its data for other products, in the format of a custom user; investment transactions are monthly
    "3333": {
        "liability": {
            "purchase_apr": D("12.5"),
            "cash_apr": D("27.95"),
            "balance_transfer_apr": D("15.24"),
            "last_payment_amount": D("168.25"),
            "last_payment_date": "2026-05-22",
            "minimum_payment_amount": D(20),
            "next_payment_due_date": "2026-06-28",
            "is_overdue": False,
        }
    },
    "5555": {
        "holdings": [
            {
                "institution_price": D(1),
                "quantity": D("320.76"),
                "cost_basis": D("320.76"),
                "currency": "USD",
                "security": {"name": "U S Dollar", "ticker_symbol": "CUR:USD", "type": "cash", "currency": "USD"},
            }
        ],
        "investment_transactions": [
            {
                "days_ago": 18,
                "name": "DEPOSIT",
                "type": "cash",
                "quantity": D(0),
                "price": D(0),
                "amount": D(-50),
                "fees": D(0),
                "currency": "USD",
            }
        ],
    },
    "6666": {
        "holdings": [
            {
                "institution_price": D("24.5"),
                "institution_price_as_of": "2026-05-20",
                "quantity": D("213.471"),
                "cost_basis": D("4300.25"),
                "currency": "USD",
                "security": {"name": "Simulated Index Fund", "ticker_symbol": "SIMX", "type": "mutual fund"},
            },
            {
                "institution_price": D("0.011"),
                "quantity": D("10000.12345678901234"),
                "currency": "USD",
                "security": {"name": "Simulated Penny Stock", "ticker_symbol": "SIMP", "type": "equity"},
            },
        ],
        "investment_transactions": [
            {
                "days_ago": 20,
                "name": "BUY SIMX",
                "type": "buy",
                "quantity": D("12.5"),
                "price": D("23.1"),
                "fees": D("1.99"),
                "currency": "USD",
                "security": {"name": "Simulated Index Fund", "ticker_symbol": "SIMX", "type": "mutual fund"},
            },
            {
                "days_ago": 25,
                "name": "SELL SIMP",
                "type": "sell",
                "quantity": D(-500),
                "price": D("0.01"),
                "amount": D(-5),
                "fees": None,
                "currency": "USD",
                "security": {"name": "Simulated Penny Stock", "ticker_symbol": "SIMP", "type": "equity"},
            },
        ],
    },
    "7777": {
        "liability": {
            "origination_date": "2021-08-28",
            "principal": D(25000),
            "nominal_apr": D("5.25"),
            "guarantor": "DEPT OF ED",
            "loan_name": "Consolidation",
            "repayment_model": {"type": "standard"},
            "is_overdue": False,
        }
    },
    "8888": {"liability": {"origination_date": "2015-08-01", "principal": D(425000), "nominal_apr": D("3.99")}},
}


def open_bank(item_id: str, today: date, days: int) -> Portfolio:
    accounts = [_account(item_id, today, *row) for row in _ACCOUNTS]
    by_mask = {account.mask: account.account_id for account in accounts}
    return portfolio(accounts, _bookings(item_id, by_mask, today, days), today)


def _bookings(item_id: str, by_mask: dict[str | None, str], today: date, days: int) -> Iterator[Booking]:
    for line, (mask, offset, amount, name, merchant) in enumerate(_MONTHLY):
        for age in range(offset, days + 1, _PERIOD):
            day = today - timedelta(days=age)
            yield Booking(
                derive(item_id, "transaction", line, age),
                by_mask[mask],
                D(amount),
                day,
                name,
                authorized=day - timedelta(days=1),
                merchant=merchant,
            )


def _account(
    item_id: str,
    today: date,
    mask: str,
    name: str,
    kind: str,
    subtype: str,
    available: str | None,
    current: str,
    limit: str | None,
    official: str | None,
) -> Account:
    account = Account(
        derive(item_id, "account", mask),
        name,
        kind,
        subtype,
        current=D(current),
        available=None if available is None else D(available),
        limit=None if limit is None else D(limit),
        official_name=official,
        mask=mask,
        holder_category="business" if "Business" in name else "personal",
        owners=[defaults.default_owner()],
        numbers=defaults.default_numbers(mask) if subtype in {"checking", "savings", "cash management"} else {},
    )
    more = _MORE.get(mask, {})
    monthly = [
        {**written, "date": str(today - timedelta(days=age))}
        for written in more.get("investment_transactions", ())
        for age in range(written["days_ago"], _INVESTED_DAYS, _PERIOD)
    ]
    custom_products.attach_more(account, {**more, "investment_transactions": monthly}, item_id)
    if mask == _WITHOUT_LIABILITY:
        account.liability = None
    return account
