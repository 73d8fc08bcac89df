"""Consent by product, and what Plaid bills for an item."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from emulators.plaid.billing import Bill

from .harness import BANK, Linked, Refused, Sim, running_simulator
from .test_items import code
from .test_requests import LINK

Json = dict[str, Any]
OAUTH_BANK, BRITISH_BANK = "ins_127287", "ins_117650"
PERIOD = {"start_date": "2026-01-01", "end_date": "2026-12-31"}


def through_link(sim: Sim, *, finish: Json | None = None, **asked: Any) -> Linked:
    """An item of a Link session with this token."""
    token = sim.call("/link/token/create", **{**LINK, **asked})["link_token"]
    done = sim.control(f"/link/{token}/finish", **{"institution_id": BANK, **(finish or {})})
    exchanged = sim.call("/item/public_token/exchange", public_token=done["public_token"])
    sim.advance(10)
    return Linked(sim, exchanged["item_id"], exchanged["access_token"])


def repair(item: Linked, *, finish: Json | None = None, **asked: Any) -> None:
    """The user completes update mode."""
    fields = {name: value for name, value in LINK.items() if name != "products"}
    token = item.call("/link/token/create", **fields, **asked)["link_token"]
    item.sim.control(f"/link/{token}/finish", **(finish or {}))


def test_item_of_link_has_the_consent_that_its_token_asked_for(sim: Sim) -> None:
    item = through_link(sim, additional_consented_products=["liabilities"])
    assert code(item.call, "/transactions/sync") == "ok"
    assert code(item.call, "/transactions/recurring/get") == "ok"
    assert code(item.call, "/accounts/balance/get") == "ok"
    assert code(item.call, "/liabilities/get") == "ok"
    with pytest.raises(Refused, match="consent to access the PRODUCT_INVESTMENTS product") as refused:
        item.call("/investments/holdings/get")
    assert (refused.value.code, refused.value.body["error_type"]) == ("ADDITIONAL_CONSENT_REQUIRED", "INVALID_INPUT")
    for path in ("/auth/get", "/investments/transactions/get"):
        assert code(item.call, path, **(PERIOD if "transactions" in path else {})) == "ADDITIONAL_CONSENT_REQUIRED"
    assert item.call("/item/get")["item"]["error"] is None


@pytest.mark.parametrize(
    "place", ["required_if_supported_products", "optional_products", "additional_consented_products"]
)
def test_every_list_of_a_link_token_asks_for_consent(sim: Sim, place: str) -> None:
    asked: Json = {place: ["investments"]}
    item = through_link(sim, **asked)
    assert code(item.call, "/investments/holdings/get") == "ok"
    assert code(item.call, "/liabilities/get") == "ADDITIONAL_CONSENT_REQUIRED"


def test_consent_is_given_to_kinds_of_data_so_that_it_covers_products_with_the_same_data(sim: Sim) -> None:
    item = through_link(sim, products=["assets"])
    described = item.call("/item/get")["item"]
    assert {"transactions", "identity", "balance", "assets"} <= set(described["consented_products"])
    assert not {"auth", "investments", "liabilities"} & set(described["consented_products"])
    assert set(described["consented_data_scopes"]) == {"account_balance_info", "contact_info", "transactions"}
    assert code(item.call, "/transactions/sync") == "ok"


def test_update_mode_that_asks_for_the_product_resolves_missing_consent(sim: Sim) -> None:
    item = through_link(sim)
    assert code(item.call, "/liabilities/get") == "ADDITIONAL_CONSENT_REQUIRED"
    repair(item)
    repair(item, additional_consented_products=["auth"])
    assert code(item.call, "/liabilities/get") == "ADDITIONAL_CONSENT_REQUIRED"
    repair(item, additional_consented_products=["liabilities"])
    assert code(item.call, "/liabilities/get") == "ok"
    assert "liabilities" in item.call("/item/get")["item"]["products"]


def test_item_of_the_sandbox_has_consent_to_everything_until_it_is_taken_away(sim: Sim) -> None:
    item = sim.link()
    assert "consented_products" not in item.call("/item/get")["item"]
    for path in ("/liabilities/get", "/investments/holdings/get", "/auth/get", "/identity/get"):
        assert code(item.call, path) == "ok"
    item.control("state", state="consent_missing", products=["investments"])
    assert code(item.call, "/investments/holdings/get") == "ADDITIONAL_CONSENT_REQUIRED"
    assert code(item.call, "/investments/transactions/get", **PERIOD) == "ADDITIONAL_CONSENT_REQUIRED"
    assert code(item.call, "/liabilities/get") == "ok"
    assert "investments" not in item.call("/item/get")["item"]["consented_products"]


def test_consent_by_product_exists_in_america_only(sim: Sim) -> None:
    item = through_link(sim, country_codes=["GB"], finish={"institution_id": BRITISH_BANK})
    assert code(item.call, "/identity/get") == "ok"
    assert code(item.call, "/auth/get") == "ok"
    assert "consented_products" not in item.call("/item/get")["item"]


def test_product_refused_at_the_bank_is_not_granted_until_update_mode(sim: Sim) -> None:
    lists: Json = {"optional_products": ["liabilities"], "additional_consented_products": ["investments"]}
    refused = {"institution_id": OAUTH_BANK, "refuse": ["liabilities", "investments"]}
    item = through_link(sim, finish=refused, **lists)
    assert item.call("/item/get")["item"]["products"] == ["transactions"]
    for path in ("/liabilities/get", "/investments/holdings/get"):
        with pytest.raises(Refused, match="access to this product was not granted") as error:
            item.call(path)
        assert (error.value.code, error.value.body["error_type"]) == ("ACCESS_NOT_GRANTED", "ITEM_ERROR")
    assert code(item.call, "/transactions/sync") == "ok"
    repair(item, finish={"refuse": ["investments"]})
    assert code(item.call, "/liabilities/get") == "ok"
    assert code(item.call, "/investments/holdings/get") == "ACCESS_NOT_GRANTED"
    repair(item)
    assert code(item.call, "/investments/holdings/get") == "ok"


@pytest.mark.parametrize("place", ["products", "required_if_supported_products"])
def test_link_fails_if_the_user_refuses_a_required_product_at_the_bank(sim: Sim, place: str) -> None:
    lists = {"products": ["transactions"], place: ["liabilities"]}
    token = sim.call("/link/token/create", **{**LINK, **lists})["link_token"]
    asked = {"institution_id": OAUTH_BANK, "refuse": ["liabilities"]}
    answer = sim.http.post(f"{sim.url}/_sim/link/{token}/finish", json=asked)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ACCESS_NOT_GRANTED")
    assert sim.look("/items")["items"] == []


def test_only_an_oauth_bank_asks_for_each_product(sim: Sim) -> None:
    token = sim.call("/link/token/create", **LINK)["link_token"]
    answer = sim.http.post(f"{sim.url}/_sim/link/{token}/finish", json={"refuse": ["liabilities"]})
    assert answer.status_code == 400
    assert re.search("OAuth", answer.json()["error"])


def test_refusal_can_be_ordered_and_ends_in_update_mode(sim: Sim) -> None:
    item = sim.link()
    item.control("state", state="access_not_granted", products=["recurring_transactions"])
    assert code(item.call, "/transactions/sync") == "ACCESS_NOT_GRANTED"
    assert code(item.call, "/liabilities/get") == "ok"
    repair(item)
    assert code(item.call, "/transactions/sync") == "ok"


# -- What Plaid bills --------------------------------------------------------------------------------------------


def billed(item: Linked) -> Json:
    counted: Json = item.sim.look("/counters")["billed"][item.item_id]
    return counted


def test_subscription_begins_with_the_item_or_with_the_first_call_and_is_counted_once(sim: Sim) -> None:
    item = through_link(sim, additional_consented_products=["liabilities", "investments"])
    assert billed(item) == {"transactions": 1}
    for _ in range(3):
        item.call("/accounts/get")
        item.call("/transactions/sync")
        item.call("/liabilities/get")
    assert billed(item) == {"transactions": 1, "liabilities": 1}
    item.call("/investments/holdings/get")
    assert billed(item) == {"transactions": 1, "liabilities": 1, "investments": 1}
    item.call("/transactions/recurring/get")
    assert billed(item)["recurring_transactions"] == 1


def test_investment_transactions_are_a_second_subscription_that_adds_holdings(sim: Sim) -> None:
    item = sim.link()
    item.call("/investments/transactions/get", **PERIOD)
    assert billed(item) == {"transactions": 1, "investments": 1, "investments_transactions": 1}


def test_auth_and_identity_are_billed_once_and_as_optional_products_at_the_first_call(sim: Sim) -> None:
    item = through_link(sim, products=["transactions", "identity"], optional_products=["auth"])
    assert billed(item) == {"transactions": 1, "identity": 1}
    for _ in range(2):
        item.call("/auth/get")
        item.call("/identity/get")
    assert billed(item) == {"transactions": 1, "identity": 1, "auth": 1}


def test_calls_of_live_data_are_billed_each_if_they_succeed(sim: Sim) -> None:
    item = sim.link()
    for _ in range(3):
        item.call("/accounts/balance/get")
    item.call("/transactions/refresh")
    sim.control("/faults", kind="error", error_code="INSTITUTION_DOWN", endpoint="/accounts/balance/get")
    assert code(item.call, "/accounts/balance/get") == "INSTITUTION_DOWN"
    assert code(item.call, "/accounts/balance/get", options={"account_ids": ["unknown"]}) == "INVALID_ACCOUNT_ID"
    assert billed(item) == {"transactions": 1, "balance": 3, "transactions_refresh": 1}


def test_refreshes_and_matches_are_billed_for_each_call(sim: Sim) -> None:
    item = sim.link()
    for path in ("/identity/match", "/identity/refresh", "/investments/refresh", "/investments/auth/get"):
        item.call(path)
        item.call(path)
    parts = ("identity_match", "identity_refresh", "investments_refresh", "investments_auth")
    assert billed(item) == {"transactions": 1, "identity": 1, "investments": 1, **dict.fromkeys(parts, 2)}


YEAR = {"start_date": "2025-01-01", "end_date": "2025-12-31"}


@pytest.mark.parametrize("by_link", [True, False])
def test_statements_are_billed_by_their_number_once_and_again_at_every_refresh(sim: Sim, by_link: bool) -> None:
    if by_link:
        item = through_link(sim, products=["statements"], statements=YEAR)
    else:
        options = {"statements": YEAR}
        wanted = {"institution_id": BANK, "initial_products": ["statements"], "options": options}
        public_token = sim.call("/sandbox/public_token/create", **wanted)["public_token"]
        done = sim.call("/item/public_token/exchange", public_token=public_token)
        item = Linked(sim, done["item_id"], done["access_token"])
    accounts = item.call("/statements/list")["accounts"]
    assert billed(item) == {"statements": 12 * len(accounts)}
    for _ in range(2):
        item.call("/statements/refresh", start_date="2025-12-01", end_date="2026-01-31")
    item.call("/statements/refresh", start_date="2025-12-01", end_date="2025-12-01")
    assert billed(item) == {"statements": 12 * len(accounts), "statements_refresh": 4 * len(accounts)}


def test_statements_of_an_item_without_the_product_are_billed_at_the_first_call(sim: Sim) -> None:
    item = sim.link()
    accounts = item.call("/statements/list")["accounts"]
    item.call("/statements/list")
    assert billed(item) == {"transactions": 1, "statements": sum(len(account["statements"]) for account in accounts)}


def test_a_call_without_consent_is_not_billed(sim: Sim) -> None:
    item = through_link(sim)
    assert code(item.call, "/liabilities/get") == "ADDITIONAL_CONSENT_REQUIRED"
    assert billed(item) == {"transactions": 1}


ENDS: dict[str, Callable[[Linked], Any]] = {
    "removed": lambda item: item.call("/item/remove"),
    "revoked": lambda item: item.control("state", state="revoked"),
}


@pytest.mark.parametrize("end", ENDS)
def test_subscription_is_billed_for_every_month_until_the_item_ends(sim: Sim, end: str) -> None:
    item = sim.link()
    item.call("/sandbox/item/reset_login")
    first = datetime.fromisoformat(sim.look("/clock")["now"]).replace(day=1)
    next_month = (first + timedelta(days=32)).replace(day=2)
    sim.control("/clock", to=next_month.isoformat())
    assert billed(item) == {"transactions": 2}
    ENDS[end](item)
    sim.advance(70 * 86400)
    assert billed(item) == {"transactions": 2}


@pytest.mark.parametrize(
    ("first", "last", "months"),
    [
        ("2026-01-01", "2026-01-31", 1),
        ("2026-01-31", "2026-02-01", 2),
        ("2026-12-31", "2027-01-01", 2),
        ("2026-03-15", "2027-03-14", 13),
    ],
)
def test_a_month_that_has_begun_is_billed_whole(first: str, last: str, months: int) -> None:
    bill = Bill()
    bill.add("liabilities", datetime.fromisoformat(first).date())
    assert bill.units(datetime.fromisoformat(last).date()) == {"liabilities": months}


def test_consent_and_bill_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with running_simulator(state=file) as sim:
        item = through_link(sim, additional_consented_products=["liabilities"])
        item.call("/liabilities/get")
        item.call("/accounts/balance/get")
        before = billed(item)
    with running_simulator(state=file) as sim:
        again = Linked(sim, item.item_id, item.access_token)
        assert billed(again) == before == {"transactions": 1, "liabilities": 1, "balance": 1}
        assert code(again.call, "/auth/get") == "ADDITIONAL_CONSENT_REQUIRED"
