"""plaid-python, in its strictest mode (typed models, all checks on), reads every answer of every endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import plaid
import pytest
from plaid.api import plaid_api

from .harness import BANK, Linked, Receiver, Sim
from .people import EVERYTHING

Api = Any


@pytest.fixture
def api(sim: Sim) -> Iterator[Api]:
    configuration = plaid.Configuration(host=sim.url, api_key={"clientId": "a-client", "secret": "a-secret"})
    configuration.retries = False
    with plaid.ApiClient(configuration) as client:
        yield plaid_api.PlaidApi(client)
        client.rest_client.pool_manager.clear()


@pytest.fixture
def item(sim: Sim, receiver: Receiver) -> Linked:
    return sim.link("user_custom", EVERYTHING, webhook=receiver.url)


def token(item: Linked, **more: Any) -> dict[str, Any]:
    return {"access_token": item.access_token, **more}


def test_link_tokens(api: Api, sim: Sim) -> None:
    made = api.link_token_create(
        {
            "client_name": "An app",
            "language": "en",
            "country_codes": ["US"],
            "user": {"client_user_id": "user-1"},
            "products": ["transactions"],
            "webhook": "http://127.0.0.1:1/hook",
            "hosted_link": {},
        }
    )
    sim.control(f"/link/{made.link_token}/finish")
    got = api.link_token_get({"link_token": made.link_token})
    assert got.metadata.client_name == "An app"
    assert got.link_sessions[0].results.item_add_results[0].institution.institution_id == BANK


def test_the_life_of_an_item(api: Api) -> None:
    made = api.sandbox_public_token_create({"institution_id": BANK, "initial_products": ["transactions"]})
    done = api.item_public_token_exchange({"public_token": made.public_token})
    assert api.item_get({"access_token": done.access_token}).item.item_id == done.item_id
    updated = api.item_webhook_update({"access_token": done.access_token, "webhook": "http://127.0.0.1:1/new"})
    assert updated.item.webhook == "http://127.0.0.1:1/new"
    assert api.sandbox_item_reset_login({"access_token": done.access_token}).reset_login
    assert api.item_get({"access_token": done.access_token}).item.error.error_code == "ITEM_LOGIN_REQUIRED"
    rotated = api.item_access_token_invalidate({"access_token": done.access_token})
    assert api.item_remove({"access_token": rotated.new_access_token}).request_id


def test_accounts_and_balances(api: Api, item: Linked) -> None:
    assert len(api.accounts_get(token(item)).accounts) == len(EVERYTHING["override_accounts"])
    assert api.accounts_balance_get(token(item)).accounts


def test_transactions(api: Api, item: Linked) -> None:
    page = api.transactions_sync(token(item, options={"include_original_description": True}))
    assert page.added
    again = api.transactions_sync(token(item, cursor=page.next_cursor, count=500))
    assert (again.added, again.modified, again.removed) == ([], [], [])
    assert api.transactions_refresh(token(item)).request_id
    assert api.transactions_recurring_get(token(item)).request_id


def test_rows_of_every_kind_of_user(api: Api, sim: Sim) -> None:
    for linked in (sim.link(), sim.generated(60), sim.link("user_transactions_dynamic", "any")):
        linked.call("/transactions/refresh")
        assert api.transactions_sync(token(linked, count=60)).added
        assert api.accounts_get(token(linked)).accounts


def test_modified_and_removed_rows(api: Api, item: Linked) -> None:
    page = api.transactions_sync(token(item))
    some = [row.transaction_id for row in page.added][:2]
    item.control("transactions", touch=some[:1], remove=some[1:])
    page = api.transactions_sync(token(item, cursor=page.next_cursor))
    assert [row.transaction_id for row in page.modified] == some[:1]
    assert [row.transaction_id for row in page.removed] == some[1:]


def test_sandbox_transactions(api: Api, sim: Sim) -> None:
    linked = sim.link("user_transactions_dynamic", "any")
    today = datetime.now(UTC).date()
    row = {"date_transacted": today, "date_posted": today, "amount": 1.25, "description": "A thing"}
    assert api.sandbox_transactions_create(token(linked, transactions=[row])).request_id


def test_recurring_streams(api: Api, sim: Sim) -> None:
    linked = sim.link(days=365)
    streams = api.transactions_recurring_get(token(linked))
    assert streams.inflow_streams
    assert streams.outflow_streams[0].frequency.value == "MONTHLY"


def test_other_products(api: Api, item: Linked) -> None:
    assert api.auth_get(token(item)).numbers.ach
    assert api.identity_get(token(item)).accounts[0].owners
    assert api.liabilities_get(token(item)).liabilities.credit
    assert api.investments_holdings_get(token(item)).holdings
    period = {"start_date": date(2026, 1, 1), "end_date": date(2026, 12, 31)}
    assert api.investments_transactions_get(token(item, **period)).investment_transactions


def test_other_products_of_user_good(api: Api, sim: Sim) -> None:
    linked = sim.link(products=["transactions", "auth", "investments", "liabilities", "identity"])
    assert api.auth_get(token(linked)).numbers.ach
    assert api.identity_get(token(linked)).accounts[0].owners[0].names == ["Alberta Bobbeth Charleson"]
    liabilities = api.liabilities_get(token(linked)).liabilities
    assert liabilities.credit
    assert liabilities.student
    assert liabilities.mortgage
    assert api.investments_holdings_get(token(linked)).securities


def test_investments_move_and_refresh(api: Api, item: Linked) -> None:
    answer = api.investments_auth_get(token(item))
    assert answer.numbers.acats[0].account
    assert answer.data_sources.numbers.value == "INSTITUTION"
    assert api.investments_refresh(token(item)).request_id


def test_changed_and_hollow_products(api: Api, item: Linked) -> None:
    period = {"start_date": date(2020, 1, 1), "end_date": date(2035, 12, 31)}
    [held] = api.investments_holdings_get(token(item)).holdings
    option = {"institution_price": 1.5, "quantity": 2, "security": {"ticker_symbol": "F301108C00005000"}}
    coin = {"institution_price": 1.5, "quantity": 0.12345678901234567, "security": {"ticker_symbol": "CUR:BTC"}}
    item.control("holdings", add=[option, coin], sell=[{"security_id": held.security_id}])
    item.control("investment_transactions", add=[{"type": "cash", "subtype": "dividend", "amount": -4}])
    item.control("recurring", add=[{"description": "Video", "bookings": 2}, {"description": "Pay", "amount": -9}])
    item.control("products", wrong_sign_on_sells=True)
    assert len(api.investments_holdings_get(token(item)).holdings) == 2
    rows = api.investments_transactions_get(token(item, **period)).investment_transactions
    assert [row.quantity for row in rows if row.type.value == "sell"] == [12]
    streams = api.transactions_recurring_get(token(item))
    assert [stream.status.value for stream in streams.outflow_streams] == ["EARLY_DETECTION"]
    assert [stream.status.value for stream in streams.inflow_streams] == ["MATURE"]
    item.control("products", hollow=["holdings", "investment_transactions", "liabilities", "recurring"])
    assert api.investments_holdings_get(token(item)).holdings == []
    assert api.investments_transactions_get(token(item, **period)).total_investment_transactions == 0
    assert api.liabilities_get(token(item)).liabilities.credit is None
    assert api.transactions_recurring_get(token(item)).inflow_streams == []


def test_institutions(api: Api) -> None:
    options = {
        "include_optional_metadata": True,
        "include_status": True,
        "include_auth_metadata": True,
        "include_payment_initiation_metadata": True,
    }
    for institution_id, country in ((BANK, "US"), ("ins_117650", "GB"), ("ins_132361", "US")):
        asked = {"institution_id": institution_id, "country_codes": [country], "options": options}
        assert api.institutions_get_by_id(asked).institution.logo
    found = api.institutions_search({"query": "platypus", "country_codes": ["US"], "products": ["transactions"]})
    assert BANK in [institution.institution_id for institution in found.institutions]
    assert api.institutions_get({"count": 5, "offset": 0, "country_codes": ["US"]}).total > 5


def test_webhook_endpoints(api: Api, sim: Sim, item: Linked) -> None:
    assert api.sandbox_item_fire_webhook(token(item, webhook_code="SYNC_UPDATES_AVAILABLE")).webhook_fired
    kid = sim.control("/webhooks/rotate_key")["retired"]
    assert api.webhook_verification_key_get({"key_id": kid}).key.expired_at


def test_resetting_a_users_logins(api: Api, sim: Sim) -> None:
    linked = sim.link(user_id="usr_9nSp2KuZ2x4JDw")
    assert api.sandbox_user_reset_login({"user_id": "usr_9nSp2KuZ2x4JDw"}).request_id
    with pytest.raises(plaid.ApiException, match="ITEM_LOGIN_REQUIRED"):
        api.accounts_get(token(linked))


def test_errors_are_api_exceptions(api: Api) -> None:
    with pytest.raises(plaid.ApiException) as caught:
        api.item_get({"access_token": "nonsense"})
    assert caught.value.status == 400
    assert "INVALID_ACCESS_TOKEN" in caught.value.body
