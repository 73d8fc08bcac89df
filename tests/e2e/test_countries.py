"""Banks outside the United States on the running stack: data as at the bank, metadata, and clear refusals."""

from __future__ import annotations

from typing import Any

import pytest

from emulators.client import User
from tests.e2e.bank import Bank
from tests.refusals import refused


@pytest.mark.parametrize(
    ("institution_id", "username", "country", "currencies"),
    [
        ("ins_117650", "user_gb", "GB", {("GBP", None), (None, "GBX")}),
        ("ins_900033", "user_fr", "FR", {("EUR", None)}),
        ("ins_43", "user_ca", "CA", {("CAD", None)}),
    ],
)
def test_bank_of_another_country_is_stored_as_it_is(
    bank: Bank, user: User, institution_id: str, username: str, country: str, currencies: set[tuple[str | None, ...]]
) -> None:
    assert bank.rest("GET", "connect", user, params={"country_codes": [country]}).status_code == 200
    login = {"institution_id": institution_id, "username": username, "password": "pass_good"}
    connected = bank.connect(user, country=country, **login)
    connection_id = connected["connection_id"]
    bank.wait_until_synced(user, connection_id)
    bank.wait_until_equal(user, connection_id)
    accounts = list(bank.store(user).owned(user.uid, "bank_accounts"))
    codes = ("iso_currency_code", "unofficial_currency_code")
    assert {tuple(one["balances"][code] for code in codes) for one in accounts} == currencies
    rows = bank.transactions(user)
    assert {row["category"]["version"] for row in rows if row["category"]} == {"v2"}
    assert all(row["original_description"] for row in rows)
    stored: dict[str, Any] = bank.store(user).get(f"bank_connections/{connection_id}") or {}
    assert (stored["region"], stored["update_type"]) == ("us" if country == "CA" else "eu", "background")


def test_request_for_several_regions_is_refused_before_any_call(bank: Bank, user: User) -> None:
    before = bank.control("GET", "counters")["endpoints"].get("/link/token/create", 0)
    queries: list[dict[str, list[str]]] = [
        {"country_codes": ["US", "GB"]},
        {"country_codes": ["FR", "GB"]},
        {"country_codes": ["GB"], "products": ["liabilities"]},
    ]
    for query in queries:
        refused(bank.rest("GET", "connect", user, params=query), "INVALID_ARGUMENT", 400)
    assert bank.control("GET", "counters")["endpoints"].get("/link/token/create", 0) == before
