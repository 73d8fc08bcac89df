"""What Plaid's sample application in Python and the integration tests of Plaid's clients call, and what they expect.

Sources: github.com/plaid: quickstart/python/server.py; tests/integration of plaid-python, test of plaid-node and
plaid-ruby, tests of plaid-go, src/test of plaid-java. The requests are theirs, the code is not.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import plaid
import pytest
from plaid.model.country_code import CountryCode
from plaid.model.link_token_create_request import LinkTokenCreateRequest
from plaid.model.link_token_create_request_user import LinkTokenCreateRequestUser
from plaid.model.products import Products

from .harness import BANK, Linked, Sim
from .test_requests import refused
from .test_typed_models import Api, api

__all__ = ["api"]

Json = dict[str, Any]
TARTAN_BANK = "ins_109511"
TODAY = datetime.now(UTC).date()
BAD = "ABCDEFG1234567"


def fresh(sim: Sim, *products: str, institution_id: str = BANK, **more: Any) -> Linked:
    """An item that is used at once, as these tests do."""
    return sim.link(products=list(products), institution_id=institution_id, ready=False, **more)


def test_the_calls_of_plaids_quickstart(api: Api, sim: Sim) -> None:
    request = LinkTokenCreateRequest(
        products=[Products("auth"), Products("transactions")],
        client_name="Plaid Quickstart",
        country_codes=[CountryCode("US")],
        language="en",
        user=LinkTokenCreateRequestUser(client_user_id=str(time.time())),
    )
    request["redirect_uri"] = "http://localhost:3000/"
    link = api.link_token_create(request)
    public_token = sim.control(f"/link/{link['link_token']}/finish")["public_token"]
    done = api.item_public_token_exchange({"public_token": public_token})
    token = {"access_token": done["access_token"]}
    cursor, added, more = "", [], True
    while more:
        page = api.transactions_sync({**token, "cursor": cursor}).to_dict()
        cursor = page["next_cursor"]
        if not cursor:  # it waits two seconds and asks again
            sim.advance(2)
            continue
        added += page["added"]
        more = page["has_more"]
    sim.advance(2)
    added += api.transactions_sync({**token, "cursor": cursor}).to_dict()["added"]
    truth = sim.look(f"/items/{done['item_id']}/truth")["transactions"]
    assert {row["transaction_id"] for row in added} == {row["transaction_id"] for row in truth}
    assert api.auth_get(token).numbers.ach
    assert api.identity_get(token).to_dict()["accounts"]
    assert api.accounts_balance_get(token).accounts
    assert api.accounts_get(token).accounts
    item = api.item_get(token)
    asked = {"institution_id": item["item"]["institution_id"], "country_codes": [CountryCode("US")]}
    assert api.institutions_get_by_id(asked)["institution"]["name"] == "First Platypus Bank"


USER: Json = {
    "client_user_id": "123-fake-user-id",
    "legal_name": "John Doe",
    "phone_number": "+1 415 555 0123",
    "phone_number_verified_time": "2020-01-01T00:00:00Z",
    "email_address": "example@plaid.com",
    "email_address_verified_time": "2020-01-01T00:00:00Z",
}


@pytest.mark.parametrize("country", ["US", "GB"])
def test_link_tokens_with_all_options_are_read_back(sim: Sim, country: str) -> None:
    filters = {"depository": {"account_subtypes": ["checking", "savings"]}}
    asked = {
        "user": USER,
        "client_name": "Plaid Test",
        "products": ["auth", "transactions"],
        "country_codes": [country],
        "language": "en",
        "webhook": "https://sample-webhook-uri.com",
        "link_customization_name": "default",
        "account_filters": filters,
    }
    made = sim.call("/link/token/create", **asked)
    assert made["link_token"].startswith("link-sandbox-")
    got = sim.call("/link/token/get", link_token=made["link_token"])
    assert got["created_at"]
    assert got["expiration"] == made["expiration"]
    assert got["metadata"] == {
        "initial_products": ["auth", "transactions"],
        "webhook": "https://sample-webhook-uri.com",
        "country_codes": [country],
        "language": "en",
        "account_filters": filters,
        "client_name": "Plaid Test",
        "redirect_uri": None,
    }


def test_a_link_token_with_options_of_auth(sim: Sim) -> None:
    options = ("auth_type_select_enabled", "automated_microdeposits_enabled", "instant_match_enabled")
    asked = {"user": {"client_user_id": "u"}, "products": ["auth"], "country_codes": ["US"], "language": "en"}
    auth = {**dict.fromkeys(options, True), "same_day_microdeposits_enabled": True}
    assert sim.call("/link/token/create", client_name="Plaid Test", auth=auth, **asked)["link_token"]


def test_items_are_read_changed_and_removed(sim: Sim) -> None:
    item = fresh(sim, "transactions", "auth", "assets", "investments", "statements")
    status = item.call("/item/get")["status"]
    assert status["transactions"]
    assert status["investments"]
    assert status["last_webhook"] is None
    updated = item.call("/item/webhook/update", webhook="http://127.0.0.1:9/webhook-test")
    assert updated["item"]["webhook"] == "http://127.0.0.1:9/webhook-test"
    assert item.call("/item/public_token/create")["public_token"].startswith("public-sandbox-")
    assert item.call("/sandbox/item/fire_webhook", webhook_code="DEFAULT_UPDATE")["webhook_fired"] is True
    assert item.call("/sandbox/item/reset_login")["reset_login"] is True
    item.access_token = item.call("/item/access_token/invalidate")["new_access_token"]
    assert item.call("/item/remove")["request_id"]


@pytest.mark.parametrize("path", ["/accounts/get", "/accounts/balance/get"])
def test_accounts_of_the_standard_user(sim: Sim, path: str) -> None:
    item = fresh(sim, "transactions", institution_id=TARTAN_BANK)
    everything = item.call(path)
    assert everything["item"]["institution_id"] == TARTAN_BANK
    names = [account["name"] for account in everything["accounts"][:4]]
    assert names == ["Plaid Checking", "Plaid Saving", "Plaid CD", "Plaid Credit Card"]
    one = everything["accounts"][1]
    assert item.call(path, options={"account_ids": [one["account_id"]]})["accounts"] == [one]


@pytest.mark.parametrize("institution_id", [BANK, TARTAN_BANK, "ins_1"])
def test_liabilities_of_all_accounts_and_of_one(sim: Sim, institution_id: str) -> None:
    item = fresh(sim, "liabilities", institution_id=institution_id)
    everything = item.call("/liabilities/get")
    assert {kind: len(found) for kind, found in everything["liabilities"].items()} == {
        "credit": 1,
        "mortgage": 1,
        "student": 1,
    }
    student = everything["accounts"][7]["account_id"]
    one = item.call("/liabilities/get", options={"account_ids": [student]})
    assert (len(one["accounts"]), len(one["liabilities"]["student"]), one["liabilities"]["mortgage"]) == (1, 1, None)
    checking = everything["accounts"][0]["account_id"]
    other = item.call("/liabilities/get", options={"account_ids": [checking]})
    assert len(other["accounts"]) == 1
    assert other["liabilities"] == {"credit": None, "mortgage": None, "student": None}


def test_auth_numbers_of_all_accounts_and_of_one(sim: Sim) -> None:
    item = fresh(sim, "auth", institution_id=TARTAN_BANK)
    everything = item.call("/auth/get")
    assert set(everything["numbers"]) == {"ach", "eft", "international", "bacs"}
    saving = everything["accounts"][1]["account_id"]
    one = item.call("/auth/get", options={"account_ids": [saving]})
    assert len(one["accounts"]) == 1
    assert one["numbers"]["ach"] == [
        {
            "account_id": saving,
            "account": "1111222233331111",
            "routing": "011401533",
            "wire_routing": "021000021",
        }
    ]


def test_every_account_has_an_owner_with_all_data(sim: Sim) -> None:
    for account in fresh(sim, "identity", institution_id=TARTAN_BANK).call("/identity/get")["accounts"]:
        for owner in account["owners"]:
            assert all(owner[kind] for kind in ("names", "emails", "phone_numbers", "addresses"))
        assert account["owners"]


def test_investments_of_all_accounts_and_of_one(sim: Sim) -> None:
    item = fresh(sim, "investments", institution_id=TARTAN_BANK)
    held = item.call("/investments/holdings/get")
    assert held["holdings"]
    assert held["securities"]
    account_id = next(account["account_id"] for account in held["accounts"] if account["type"] == "investment")
    one = item.call("/investments/holdings/get", options={"account_ids": [account_id]})
    assert {holding["account_id"] for holding in one["holdings"]} == {account_id}
    assert len(one["accounts"]) == 1


@pytest.mark.parametrize("days", [100, 365])
def test_investment_transactions_of_the_last_months(sim: Sim, days: int) -> None:
    item = fresh(sim, "investments", institution_id=TARTAN_BANK)
    period: Json = {"start_date": str(TODAY - timedelta(days=days)), "end_date": str(TODAY)}
    everything = item.call("/investments/transactions/get", **period, options={"count": 100})
    assert all(found["subtype"] and found["iso_currency_code"] for found in everything["investment_transactions"])
    assert everything["securities"]
    part = item.call("/investments/transactions/get", **period, options={"count": 2, "offset": 1})
    assert len(part["investment_transactions"]) == 2 < part["total_investment_transactions"]
    checking = everything["accounts"][0]["account_id"]
    none = item.call("/investments/transactions/get", **period, options={"account_ids": [checking]})
    assert none["investment_transactions"] == []


@pytest.mark.parametrize("options", [{"count": BAD}, {"offset": BAD}, {"account_ids": BAD}])
def test_bad_options_are_invalid_requests(sim: Sim, options: Json) -> None:
    item = fresh(sim, "investments")
    period = {"start_date": "2026-01-01", "end_date": "2026-02-01"}
    fields = {"access_token": item.access_token, **period, "options": options}
    error = refused(sim, "/investments/transactions/get", **fields)
    assert error.body["error_type"] == "INVALID_REQUEST"
    fields = {"access_token": item.access_token, "start_date": BAD, "end_date": BAD}
    assert refused(sim, "/investments/transactions/get", **fields).code == "INVALID_FIELD"


def test_a_start_date_long_ago_gives_two_years(sim: Sim) -> None:
    made = sim.call(
        "/sandbox/public_token/create",
        institution_id=BANK,
        initial_products=["transactions"],
        options={"transactions": {"start_date": "2016-01-01", "end_date": "2017-01-01"}},
    )
    done = sim.call("/item/public_token/exchange", public_token=made["public_token"])
    sim.advance(10)
    rows = Linked(sim, done["item_id"], done["access_token"]).truth()["transactions"]
    assert len(rows) == len(sim.link(days=730).truth()["transactions"])


def test_a_refresh_right_after_the_creation_is_accepted(sim: Sim) -> None:
    start = {"start_date": str(TODAY), "end_date": str(TODAY)}
    made = sim.call(
        "/sandbox/public_token/create",
        institution_id=BANK,
        initial_products=["transactions"],
        options={"transactions": start},
    )
    done = sim.call("/item/public_token/exchange", public_token=made["public_token"])
    assert sim.call("/transactions/refresh", access_token=done["access_token"])["request_id"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"country_codes": ["US"], "count": 3, "offset": 4}, 3),
        ({"country_codes": ["US"], "count": 3, "offset": 1, "options": {"include_optional_metadata": True}}, 3),
        ({"country_codes": ["GB"], "count": 3, "offset": 1, "options": {"oauth": True}}, 3),
        (
            {
                "country_codes": ["US"],
                "count": 1,
                "offset": 0,
                "options": {"routing_numbers": ["021200339", "052001633"]},
            },
            1,
        ),
        ({"country_codes": ["US"], "count": 3, "offset": 1, "options": {"products": ["transactions"]}}, 3),
    ],
)
def test_institutions_are_listed(sim: Sim, asked: Json, found: int) -> None:
    institutions = sim.call("/institutions/get", **asked)["institutions"]
    assert len(institutions) == found
    for institution in institutions:
        assert institution["name"]
        assert ("url" in institution) == ("include_optional_metadata" in asked.get("options", {}))
        assert institution["oauth"] or not asked.get("options", {}).get("oauth")


@pytest.mark.parametrize(
    ("query", "country", "options"),
    [
        ("Platypus", "US", {}),
        ("Platypus", "US", {"include_optional_metadata": True}),
        ("Royal Bank of Plaid", "GB", {"include_payment_initiation_metadata": True}),
        ("Platypus", "GB", {"oauth": True}),
        ("First Platypus Bank", "US", {"oauth": None, "payment_initiation": None}),
        ("t", "US", {}),
    ],
)
@pytest.mark.parametrize("products", [["transactions"], None])
def test_institutions_are_searched(
    sim: Sim, query: str, country: str, options: Json, products: list[str] | None
) -> None:
    asked = {"query": query, "country_codes": [country], "options": options, "products": products}
    institutions = sim.call("/institutions/search", **asked)["institutions"]
    assert institutions
    for institution in institutions:
        assert country in institution["country_codes"]
        assert not options.get("include_payment_initiation_metadata") or institution["payment_initiation_metadata"]


@pytest.mark.parametrize("institution_id", ["ins_12", "ins_1", BANK])
def test_institutions_are_found_by_id(sim: Sim, institution_id: str) -> None:
    asked = {"institution_id": institution_id, "country_codes": ["US"]}
    found = sim.call("/institutions/get_by_id", **asked)["institution"]
    assert found["products"]
    assert "status" not in found
    with_status = sim.call("/institutions/get_by_id", **asked, options={"include_status": True})["institution"]
    assert with_status["status"]["item_logins"]["status"]


def test_the_webhook_key_that_the_clients_know_can_be_read(sim: Sim) -> None:
    kid = "6c5516e1-92dc-479e-a8ff-5a51992e0001"
    key = sim.call("/webhook_verification_key/get", key_id=kid)["key"]
    assert all(key[name] for name in ("alg", "created_at", "crv", "kid", "kty", "use", "x", "y"))
    assert sim.control("/webhooks/rotate_key")["retired"] != kid


def test_errors_are_those_of_the_sandbox(sim: Sim) -> None:
    for path, name, code in (
        ("/item/get", "access_token", "INVALID_ACCESS_TOKEN"),
        ("/accounts/get", "access_token", "INVALID_ACCESS_TOKEN"),
        ("/item/public_token/create", "access_token", "INVALID_ACCESS_TOKEN"),
        ("/item/public_token/exchange", "public_token", "INVALID_PUBLIC_TOKEN"),
        ("/webhook_verification_key/get", "key_id", "INVALID_WEBHOOK_VERIFICATION_KEY_ID"),
    ):
        error = refused(sim, path, **{name: BAD})
        assert (error.status, error.code, error.body["error_type"]) == (400, code, "INVALID_INPUT")
    error = refused(sim, "/institutions/search", query="", country_codes=["US"])
    assert (error.code, error.body["error_message"]) == ("INVALID_FIELD", "query must be a non-empty string")
    wrong = {"institution_id": BANK, "initial_products": [BAD]}
    error = refused(sim, "/sandbox/public_token/create", **wrong)
    assert error.body["error_message"] == f'initial_products contains invalid products: ["{BAD}"]'
    assert error.code == "INVALID_PRODUCT"
    token = fresh(sim, "transactions").access_token
    error = refused(sim, "/accounts/get", access_token=token, options={"account_ids": BAD})
    assert error.body["error_message"] == "options.account_ids must be a non-empty array of valid account ids"


def test_typed_requests_of_plaid_python(api: Api, sim: Sim) -> None:
    item = fresh(sim, "investments", "liabilities")
    token = {"access_token": item.access_token}
    account_id = api.liabilities_get(token).accounts[0].account_id
    assert len(api.liabilities_get({**token, "options": {"account_ids": [account_id]}}).accounts) == 1
    period = {"start_date": date(2020, 1, 1), "end_date": date(2021, 1, 1)}
    assert api.investments_transactions_get({**token, **period, "options": {}}).investment_transactions == []
    assert api.item_create_public_token(token).public_token
    with pytest.raises(plaid.ApiException, match="INVALID_ACCESS_TOKEN"):
        api.transactions_refresh({"access_token": "invalid_token"})
