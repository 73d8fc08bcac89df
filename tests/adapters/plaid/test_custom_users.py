"""Everything that a Sandbox custom user's file states, compared field by field with what the backend makes of it.

The files are those of tests/data, and one with every product. `CUSTOM_USERS=<folder>` adds the files of a folder, such
as a clone of https://github.com/plaid/sandbox-custom-users. Format: https://plaid.com/docs/sandbox/user-custom/
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.plaid import transaction_mapping
from shared.adapters.plaid.product_client import PlaidProductsClient
from shared.adapters.plaid.values import Oddities
from shared.domain.account import Account
from shared.domain.errors import ErrorKind, ProviderError
from shared.domain.products.kinds import ProductKind, fitting_accounts
from tests.adapters.plaid.product_people import EVERYTHING, Json, token, trades
from tests.e2e.bank import custom_user
from tests.simulator.harness import Linked, Sim

FOLDERS = [Path(__file__).parents[2] / "data", *map(Path, filter(None, [os.environ.get("CUSTOM_USERS")]))]
USERS = {path.stem: custom_user(path) for folder in FOLDERS for path in sorted(folder.glob("*.json"))}
USERS["every_product"] = json.dumps(EVERYTHING)
LIABILITY = {
    "origination_date": "origination_date",
    "principal": "origination_principal",
    "nominal_apr": "interest_rate",
    "loan_name": "loan_name",
    "expected_payoff_date": "expected_payoff_date",
    "repayment_plan_type": "repayment_plan",
    **{
        name: name
        for name in (
            *("last_payment_amount", "last_payment_date", "last_statement_balance", "last_statement_issue_date"),
            *("minimum_payment_amount", "next_payment_due_date", "is_overdue"),
        )
    },
}
APRS = {"purchase_apr": "purchase_apr", "cash_apr": "cash_apr", "balance_transfer_apr": "balance_transfer_apr"}
APRS |= {"special_apr": "special"}
SENSITIVE = ("guarantor", "payment_reference_number", "account_number", "servicer_address", "property_address")


class Compared:
    """Counts the values that were compared, and collects those that differ."""

    def __init__(self) -> None:
        self.count = 0
        self.differ: list[str] = []

    def values(self, where: str, stated: Mapping[str, Any], made: Mapping[str, Any]) -> None:
        """Compare the values that a file states; null states nothing."""
        for name, value in stated.items():
            if value is None:
                continue
            self.count += 1
            if not equal(value, made.get(name)):
                self.differ.append(f"{where} {name}: the file has {value!r}, the backend {made.get(name)!r}")


def equal(stated: Any, made: Any) -> bool:
    is_number = isinstance(stated, int | float | Decimal) and not isinstance(stated, bool)
    return bool(made is not None and Decimal(str(made)) == Decimal(str(stated)) if is_number else made == stated)


def overrides_of(text: str) -> list[Json]:
    """The accounts of a file; a template without values has none."""
    found = json.loads(text, parse_float=Decimal)["override_accounts"]
    return [one for one in found if one["type"] is not None]


@pytest.mark.parametrize("name", USERS)
def test_every_value_of_a_custom_users_file_arrives(name: str, sim: Sim, plaid: PlaidProductsClient) -> None:
    overrides = overrides_of(USERS[name])
    if not overrides:
        pytest.skip("a template without values")
    item = sim.link("user_custom", USERS[name])
    accounts = transaction_mapping.accounts(item.call("/accounts/get")["accounts"], Oddities())
    assert len(accounts) == len(overrides)
    pairs = list(zip(overrides, accounts, strict=True))
    found = Compared()
    for stated, account in pairs:
        compare_account(stated, account, found)
    compare_transactions(overrides, item, found)
    made = [*compare_liabilities(pairs, item, plaid, found), *compare_investments(pairs, item, plaid, found)]
    assert found.differ == []
    assert found.count >= 2 * len(overrides)
    for secret in sensitive(overrides):
        assert secret not in repr(made)


def compare_account(stated: Json, account: Account, found: Compared) -> None:
    meta, balances = stated.get("meta") or {}, account["balances"]
    found.values("account", {name: stated.get(name) for name in ("type", "subtype")}, account)
    found.values("account", {name: meta.get(name) for name in ("name", "official_name", "mask")}, account)
    amounts = {
        "current": stated.get("starting_balance"),
        "available": stated.get("force_available_balance"),
        "limit": meta.get("limit"),
    }
    found.values("balance", amounts, balances)
    found.values("balance", {"iso_currency_code": stated.get("currency")}, balances)


def compare_transactions(overrides: Iterable[Json], item: Linked, found: Compared) -> None:
    """Compare all transactions as a multiset, since equal ones can occur."""
    stated = [row for one in overrides for row in one.get("transactions") or ()]
    names = ("description", "date_posted", "date_transacted")
    wanted = Counter(
        (Decimal(str(row["amount"])), *(row[name] for name in names), row["currency"] or "USD") for row in stated
    )
    rows = [transaction_mapping.transaction(row) for row in item.sync(count=500)["added"]]
    ours = ("name", "date", "authorized_date", "iso_currency_code")
    made = Counter((Decimal(row["amount"]), *(row[name] for name in ours)) for row in rows)  # type: ignore[literal-required]
    found.count += 5 * len(stated)
    found.differ += [f"transaction: the file has {row}" for row in wanted - made]
    found.differ += [f"transaction: the backend has {row}" for row in made - wanted]


def compare_liabilities(
    pairs: list[tuple[Json, Account]], item: Linked, plaid: PlaidProductsClient, found: Compared
) -> list[Any]:
    accounts = [account for _, account in pairs]
    if not fitting_accounts(ProductKind.LIABILITIES, accounts):
        with pytest.raises(ProviderError) as raised:
            plaid.liabilities(token(item))
        assert raised.value.kind is ErrorKind.PRODUCT_NO_ACCOUNTS
        return []
    rows = {row.account_id: row.fields for row in plaid.liabilities(token(item)).rows}
    for stated, account in pairs:
        if liability := stated.get("liability"):
            row = rows[account["account_id"]]
            found.values("liability", {LIABILITY[name]: liability.get(name) for name in LIABILITY}, row)
            found.values("liability", {"kind": liability["type"]}, row)
            found.values("loan", {"loan_status": (liability.get("loan_status") or {}).get("type")}, row)
            aprs = {apr["type"]: apr["percentage"] for apr in row["aprs"]}
            found.values("APR", {APRS[name]: liability.get(name) for name in APRS}, aprs)
    return [*rows.values()]


def compare_investments(
    pairs: list[tuple[Json, Account]], item: Linked, plaid: PlaidProductsClient, found: Compared
) -> list[Any]:
    if not fitting_accounts(ProductKind.HOLDINGS, [account for _, account in pairs]):
        with pytest.raises(ProviderError) as raised:
            plaid.holdings(token(item))
        assert raised.value.kind is ErrorKind.PRODUCT_NO_ACCOUNTS
        return []
    holdings, page = plaid.holdings(token(item)).rows, trades(plaid, item)
    for stated, account in pairs:
        mine = [row.fields for row in holdings if row.account_id == account["account_id"]]
        compare_rows(stated.get("holdings") or [], mine, ("quantity", "institution_price", "cost_basis"), found)
        bought = [row.fields for row in page.rows if row.account_id == account["account_id"]]
        newest = sorted(stated.get("investment_transactions") or [], key=lambda one: str(one["date"]), reverse=True)
        compare_rows(newest, bought, ("quantity", "price", "fees", "amount"), found)
    assert page.size == page.total
    return [*holdings, *page.rows]


def compare_rows(stated: list[Json], made: list[Mapping[str, Any]], numbers: Iterable[str], found: Compared) -> None:
    """Compare rows in their order, with their securities."""
    if stated:
        assert len(made) == len(stated)
    names = (*numbers, "date", "name", "type", "currency", "institution_price_as_of")
    for one, row in zip(stated, made, strict=False):
        found.values("investment", {name: one.get(name) for name in names}, row)
        security = one.get("security") or {}
        words = {"ticker": security.get("ticker_symbol"), "name": security.get("name"), "isin": security.get("isin")}
        found.values("security", words, row["security"] or {})


def sensitive(overrides: Iterable[Json]) -> set[str]:
    """The values of a file that must never be stored."""
    liabilities = [one.get("liability") or {} for one in overrides]
    numbers = [value for one in overrides for value in (one.get("numbers") or {}).values()]
    return {str(value) for value in (*(row.get(name) for row in liabilities for name in SENSITIVE), *numbers) if value}
