"""`make demo` as a user sees it at a terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from emulators.bank_user import BankUser
from emulators.countries import COUNTRIES, chosen_country
from emulators.demo import connect
from emulators.demo_view import View, money, spending
from emulators.plaid import institutions
from emulators.plaid.people import Login, open_bank
from emulators.ports import Ports, StackError, taken
from emulators.setup import ROOT
from emulators.stack import Stack
from tests.places import offset_number

BESIDE = 9  # the number of a stack that no worker uses
LAST_LINE = re.compile(
    r"demo: (?P<institution>.+): (?P<accounts>\d+) accounts, (?P<n>\d+) transactions, synced in .+ s"
)


def account(name: str, currency: str, *transactions: tuple[str, float, str]) -> dict[str, object]:
    rows = [
        {"date_transacted": day, "date_posted": day, "amount": amount, "description": what, "currency": currency}
        for day, amount, what in transactions
    ]
    return {
        "type": "depository",
        "subtype": "checking",
        "starting_balance": 1234.56,
        "currency": currency,
        "meta": {"name": name, "official_name": f"{name} account", "mask": "4321"},
        "transactions": rows,
    }


@pytest.fixture
def custom_user(tmp_path: Path) -> Path:
    file = tmp_path / "ada.json"
    dollars = account("Daily [things]", "USD", ("2026-01-05", 12.345, "TEA & [TOAST]"), ("2026-01-06", -900, "WAGES"))
    pounds = account("Holiday", "GBP", ("2026-02-01", 77.7, "FERRY"))
    file.write_text(json.dumps({"version": "2", "seed": "ada", "override_accounts": [dollars, pounds]}))
    return file


@pytest.mark.emulator
@pytest.mark.timeout(600)
def test_make_demo_with_a_custom_user_shows_what_the_file_holds(custom_user: Path) -> None:
    ports = Ports.at(offset_number(BESIDE))
    done = subprocess.run(
        ["make", "--no-print-directory", "demo"],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "DEMO_"))},
            "PORT_OFFSET": str(ports.offset),
            "DEMO_USER": str(custom_user),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    last = LAST_LINE.fullmatch(lines[-1])
    assert last, lines[-1]
    assert last.groupdict() == {"institution": "First Platypus Bank", "accounts": "2", "n": "3"}
    for shown in (
        "Daily [things]",
        "Holiday",
        "1,234.56 USD",
        "1,234.56 GBP",
        "TEA & [TOAST]",
        "12.345 USD",
        "77.70 GBP",
    ):
        assert shown in done.stdout
    assert re.search(r"\+900\.00 USD", done.stdout)
    assert "Spending by category (USD)" in done.stdout
    assert "Spending by category (GBP)" in done.stdout
    assert "Products: " in done.stdout
    assert "Net worth by month (GBP)" in done.stdout
    assert any("completed" in line for line in lines)
    assert [port for _, port in ports.items() if taken(port)] == []


@pytest.mark.timeout(600)
def test_generated_history_is_stored_completely(stack: Stack) -> None:
    out = StringIO()
    line = connect(stack, BankUser.choose({"DEMO_TRANSACTIONS": "1234"}), View(Console(file=out)))
    assert ", 1234 transactions, synced in " in line
    assert "(12 of 1234)" in out.getvalue()


@pytest.mark.timeout(600)
def test_plaids_own_user_is_the_default(stack: Stack) -> None:
    out = StringIO()
    connect(stack, BankUser.choose({}), View(Console(file=out)))
    for shown in ("First Platypus Bank", "Plaid Checking", "110.00 USD", "Newest transactions", "Spending by category"):
        assert shown in out.getvalue()


def test_refusal_by_plaid_is_reported_in_one_line(stack: Stack) -> None:
    with pytest.raises(StackError, match=r"^Plaid refused: 400 [A-Z_]+: .+$"):
        connect(stack, BankUser("user_custom", "no JSON"), View(Console(file=StringIO())))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"DEMO_USER": "/nowhere/at/all.json"}, "No such file"),
        ({"DEMO_USER": str(ROOT)}, "directory"),
        ({"DEMO_USER": str(ROOT / "Makefile")}, "not JSON"),
        ({"DEMO_TRANSACTIONS": "many"}, "DEMO_TRANSACTIONS"),
        ({"DEMO_TRANSACTIONS": "-5"}, "DEMO_TRANSACTIONS"),
        ({"DEMO_TRANSACTIONS": "5", "DEMO_USER": "x"}, "Set only one"),
    ],
)
def test_wrong_variable_is_reported_in_one_line(given: dict[str, str], said: str) -> None:
    with pytest.raises(StackError, match=said) as raised:
        BankUser.choose(given)
    assert "\n" not in str(raised.value)


def test_a_custom_user_reaches_plaid_unchanged(tmp_path: Path) -> None:
    text = '{ "version":"2",\n "seed": "ü", "override_accounts": [] }\n'
    file = tmp_path / "user.json"
    file.write_text(text, encoding="utf-8")
    assert BankUser.choose({"DEMO_USER": str(file)}).password == text


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("1234.5", "USD", "1,234.50 USD"),
        ("-0.1", "EUR", "-0.10 EUR"),
        ("23631.9805", "USD", "23,631.9805 USD"),
        ("1234567", "JPY", "1,234,567 JPY"),
        ("125450.5", "GBX", "125,450.5 GBX"),
        ("0.30000000000000004", "USD", "0.30000000000000004 USD"),
        (None, "USD", "-"),
    ],
)
def test_amounts_keep_every_digit(amount: str | None, currency: str, shown: str) -> None:
    assert money(amount, currency) == shown


def test_spending_keeps_currencies_apart_and_leaves_income_out() -> None:
    def row(amount: str, currency: str, primary: str | None) -> dict[str, object]:
        return {"amount": amount, "iso_currency_code": currency, "category": primary and {"primary": primary}}

    rows = [row("0.1", "USD", "FOOD"), row("0.2", "USD", "FOOD"), row("5", "EUR", None), row("-9", "USD", "INCOME")]
    assert spending(rows) == {"EUR": [("UNCATEGORIZED", Decimal(5), 1)], "USD": [("FOOD", Decimal("0.3"), 2)]}


@pytest.mark.emulator
@pytest.mark.timeout(600)
def test_make_demo_in_another_country_uses_its_bank_its_person_and_the_second_key_pair() -> None:
    ports = Ports.at(offset_number(BESIDE))
    done = subprocess.run(
        ["make", "--no-print-directory", "demo"],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "DEMO_"))},
            "PORT_OFFSET": str(ports.offset),
            "COUNTRY": "GB",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = LAST_LINE.fullmatch(done.stdout.splitlines()[-1])
    assert last, done.stdout
    assert (last["institution"], last["accounts"]) == ("Royal Bank of Plaid", "4")
    assert int(last["n"]) > 100
    for shown in ("-214.60 GBP", "1,000.00 GBP", "125,450.5 GBX", "Spending by category (GBP)", "Unsupported"):
        assert shown in done.stdout
    assert "USD" not in done.stdout


@pytest.mark.parametrize("code", COUNTRIES)
def test_each_country_has_a_bank_and_a_person_in_the_simulator(code: str) -> None:
    country = chosen_country({"COUNTRY": code.lower()})
    assert country is not None
    assert code in institutions.find(country.institution_id).countries
    assert country.name == institutions.find(country.institution_id).name
    user = BankUser.choose({}, country)
    login = Login(user.username or "user_good", user.password or "pass_good", "item", date(2026, 6, 15))
    assert open_bank(login).accounts
    assert BankUser.choose({"DEMO_TRANSACTIONS": "5"}, country).username == "user_generated"


def test_unknown_country_is_reported_in_one_line() -> None:
    assert chosen_country({}) is None
    with pytest.raises(StackError, match="COUNTRY must be one of US, CA, GB, FR, DE, NL, not 'XX'"):
        chosen_country({"COUNTRY": "xx"})
