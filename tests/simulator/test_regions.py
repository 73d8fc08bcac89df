"""Countries of the simulator: people, product and country gates, two teams with their own keys, consent of 180 days."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import jwt
import pytest

from .harness import Linked, Receiver, Refused, Sim, running_simulator

Json = dict[str, Any]
LINK = {"user": {"client_user_id": "u"}, "client_name": "App", "language": "en"}
FIRST = {"PLAID-CLIENT-ID": "first-id", "PLAID-SECRET": "first-secret"}
SECOND = {"PLAID-CLIENT-ID": "second-id", "PLAID-SECRET": "second-secret"}
BANKS = {"gb": "ins_117650", "fr": "ins_900033", "de": "ins_900049", "nl": "ins_900031", "ca": "ins_43"}


@pytest.fixture
def teams() -> Iterator[Sim]:
    """A simulator with two teams; calls without other headers are the first team's."""
    with running_simulator() as sim:
        sim.control(
            "/settings",
            client_id="first-id",
            secret="first-secret",
            eu_client_id="second-id",
            eu_secret="second-secret",
        )
        yield sim


def call(sim: Sim, path: str, keys: Json, **fields: Any) -> Json:
    """A call with a team's keys."""
    answer = sim.post(path, fields, keys)
    body: Json = json.loads(answer.content, parse_float=Decimal)
    if answer.status_code != 200:
        raise Refused(answer.status_code, body, answer.headers)
    return body


def code(sim: Sim, path: str, keys: Json, **fields: Any) -> str:
    with pytest.raises(Refused) as refused:
        call(sim, path, keys, **fields)
    return str(refused.value.code)


def link_token(sim: Sim, keys: Json, *countries: str, **more: Any) -> str:
    fields = LINK | {"country_codes": list(countries), "products": ["transactions"]} | more
    return str(call(sim, "/link/token/create", keys, **fields)["link_token"])


def exchanged(sim: Sim, keys: Json, token: str, **login: Any) -> Json:
    done = sim.control(f"/link/{token}/finish", **login)
    return call(sim, "/item/public_token/exchange", keys, public_token=done["public_token"])


@pytest.mark.parametrize(
    ("person", "currency", "limits", "masks", "pending"),
    [
        ("gb", "GBP", {"1000", "3000"}, True, True),
        ("fr", "EUR", {"300"}, False, False),
        ("de", "EUR", {"2000", "1500"}, True, False),
        ("nl", "EUR", set(), False, True),
        ("ca", "CAD", {"5000"}, True, True),
    ],
)
def test_person_of_a_country_has_its_currency_overdraft_masks_and_pending_rows(
    sim: Sim, person: str, currency: str, limits: set[str], masks: bool, pending: bool
) -> None:
    item = sim.link(f"user_{person}", "pass_good", institution_id=BANKS[person])
    accounts = item.call("/accounts/get")["accounts"]
    balances = [account["balances"] for account in accounts]
    assert currency in {one["iso_currency_code"] for one in balances}
    assert {one["iso_currency_code"] for one in balances} <= {currency, None}
    assert {str(one["limit"]) for one in balances} - {"None"} == limits
    assert any(account["mask"] for account in accounts) is masks
    rows = item.truth()["transactions"]
    assert len(rows) > 10
    assert any(row["pending"] for row in rows) is pending
    assert {row["iso_currency_code"] or row["unofficial_currency_code"] for row in rows} <= {currency, "GBX"}


def test_british_share_pot_is_in_pence(sim: Sim) -> None:
    item = sim.link("user_gb", "pass_good", institution_id=BANKS["gb"])
    [pence] = [a for a in item.call("/accounts/get")["accounts"] if a["balances"]["unofficial_currency_code"]]
    assert pence["balances"]["unofficial_currency_code"] == "GBX"
    assert pence["balances"]["iso_currency_code"] is None
    assert pence["balances"]["current"] == Decimal("125450.5")


@pytest.mark.parametrize(
    ("countries", "product", "answer"),
    [
        (["GB"], "liabilities", "INVALID_PRODUCT"),
        (["FR"], "assets", "INVALID_PRODUCT"),
        (["US", "GB"], "investments", "INVALID_PRODUCT"),
        (["US"], "liabilities", None),
        (["GB"], "assets", None),
        (["US", "GB"], "auth", None),
    ],
)
def test_required_product_must_be_offered_in_all_countries(
    sim: Sim, countries: list[str], product: str, answer: str | None
) -> None:
    fields = {"products": [product]}
    if answer is None:
        assert link_token(sim, {}, *countries, **fields)
    else:
        more = LINK | {"country_codes": countries} | fields
        assert code(sim, "/link/token/create", {}, **more) == answer


def test_other_products_are_silently_dropped_where_they_are_not_offered(sim: Sim) -> None:
    token = link_token(sim, {}, "GB", optional_products=["liabilities", "identity"])
    item = exchanged(sim, {}, token, institution_id=BANKS["gb"], username="user_gb")
    products = call(sim, "/item/get", {}, access_token=item["access_token"])["item"]["products"]
    assert products == ["transactions", "identity"]


@pytest.mark.parametrize(("person", "answer"), [("gb", None), ("fr", "PRODUCTS_NOT_SUPPORTED")])
def test_recurring_transactions_exist_in_the_united_kingdom_but_not_in_the_european_union(
    sim: Sim, person: str, answer: str | None
) -> None:
    item = sim.link(f"user_{person}", "pass_good", institution_id=BANKS[person])
    if answer is None:
        assert item.call("/transactions/recurring/get")["inflow_streams"] is not None
    else:
        with pytest.raises(Refused) as refused:
            item.call("/transactions/recurring/get")
        assert refused.value.code == answer


def test_accounts_cannot_be_selected_again_in_update_mode_outside_america(sim: Sim) -> None:
    british = sim.link("user_gb", "pass_good", institution_id=BANKS["gb"])
    fields = LINK | {"access_token": british.access_token, "update": {"account_selection_enabled": True}}
    assert code(sim, "/link/token/create", {}, country_codes=["GB"], **fields) == "INVALID_FIELD"
    canadian = sim.link("user_ca", "pass_good", institution_id=BANKS["ca"])
    fields["access_token"] = canadian.access_token
    assert call(sim, "/link/token/create", {}, country_codes=["CA"], **fields)["link_token"]


def test_by_default_any_keys_work_for_every_item(sim: Sim) -> None:
    item = sim.link("user_gb", "pass_good", institution_id=BANKS["gb"])
    for keys in (FIRST, SECOND):
        assert call(sim, "/item/get", keys, access_token=item.access_token)
    assert sim.look("/counters")["misdirected"] == {}


def test_each_team_must_use_its_own_secret(teams: Sim) -> None:
    assert call(teams, "/institutions/get", FIRST, count=1, offset=0, country_codes=["US"])
    assert call(teams, "/institutions/get", SECOND, count=1, offset=0, country_codes=["GB"])
    for mixed in (FIRST | {"PLAID-SECRET": "second-secret"}, SECOND | {"PLAID-SECRET": "first-secret"}):
        assert code(teams, "/institutions/get", mixed, count=1, offset=0, country_codes=["US"]) == "INVALID_API_KEYS"


def test_each_team_is_enabled_for_its_own_countries(teams: Sim) -> None:
    for keys, countries in ((FIRST, ["GB"]), (FIRST, ["US", "FR"]), (SECOND, ["US"]), (SECOND, ["GB", "CA"])):
        fields = LINK | {"country_codes": countries, "products": ["transactions"]}
        assert code(teams, "/link/token/create", keys, **fields) == "INVALID_FIELD"
    assert link_token(teams, FIRST, "US", "CA")
    assert link_token(teams, SECOND, "GB")


def test_tokens_are_valid_with_the_keys_of_their_team_alone(teams: Sim) -> None:
    token = link_token(teams, SECOND, "GB")
    done = teams.control(f"/link/{token}/finish", institution_id=BANKS["gb"], username="user_gb")
    public = done["public_token"]
    assert code(teams, "/link/token/get", FIRST, link_token=token) == "INVALID_LINK_TOKEN"
    assert code(teams, "/item/public_token/exchange", FIRST, public_token=public) == "INVALID_PUBLIC_TOKEN"
    access = call(teams, "/item/public_token/exchange", SECOND, public_token=public)["access_token"]
    for path in ("/item/get", "/transactions/sync", "/item/access_token/invalidate", "/item/remove"):
        assert code(teams, path, FIRST, access_token=access) == "INVALID_ACCESS_TOKEN"
    assert sum(teams.look("/counters")["misdirected"].values()) == 6
    rotated = call(teams, "/item/access_token/invalidate", SECOND, access_token=access)["new_access_token"]
    call(teams, "/item/remove", SECOND, access_token=rotated)


def test_sandbox_items_belong_to_the_team_that_creates_them(teams: Sim) -> None:
    made = call(
        teams,
        "/sandbox/public_token/create",
        SECOND,
        institution_id=BANKS["fr"],
        initial_products=["transactions"],
        options={"override_username": "user_fr", "override_password": "pass_good"},
    )
    assert (
        code(teams, "/item/public_token/exchange", FIRST, public_token=made["public_token"]) == "INVALID_PUBLIC_TOKEN"
    )
    assert call(teams, "/item/public_token/exchange", SECOND, public_token=made["public_token"])


def test_each_team_signs_with_keys_of_its_own(teams: Sim, receiver: Receiver) -> None:
    kids: dict[str, str] = {}
    for team, keys in (("us", FIRST), ("eu", SECOND)):
        login = {"username": "user_gb", "institution_id": BANKS["gb"], "products": ["auth"]}
        made = teams.control("/items", team=team, webhook=receiver.url, **login)
        teams.control(f"/items/{made['item_id']}/webhook", webhook_type="ITEM", webhook_code="NEW_ACCOUNTS_AVAILABLE")
        [*_, hook] = receiver.wait_for(len(kids) + 1)
        kids[team] = str(jwt.get_unverified_header(hook.headers["plaid-verification"])["kid"])
        assert call(teams, "/webhook_verification_key/get", keys, key_id=kids[team])["key"]["kid"] == kids[team]
    assert kids["us"] != kids["eu"]
    for kid, keys in ((kids["eu"], FIRST), (kids["us"], SECOND)):
        wrong = code(teams, "/webhook_verification_key/get", keys, key_id=kid)
        assert wrong == "INVALID_WEBHOOK_VERIFICATION_KEY_ID"


DAY = 86_400


def test_european_consent_ends_after_180_days_with_a_warning_a_week_before(sim: Sim, receiver: Receiver) -> None:
    item = sim.link("user_fr", "pass_good", institution_id=BANKS["fr"], webhook=receiver.url)
    sim.control("/clock", advance_seconds=172 * DAY)
    assert item.call("/accounts/get")
    assert "ITEM/PENDING_EXPIRATION" not in receiver.codes()
    sim.control("/clock", advance_seconds=1.5 * DAY)
    assert "ITEM/PENDING_EXPIRATION" in receiver.codes()
    sim.control("/clock", advance_seconds=7 * DAY)
    with pytest.raises(Refused) as refused:
        item.call("/accounts/get")
    assert refused.value.code == "ITEM_LOGIN_REQUIRED"


def test_update_mode_renews_the_consent_for_another_180_days(sim: Sim) -> None:
    item: Linked = sim.link("user_fr", "pass_good", institution_id=BANKS["fr"])
    before = item.call("/item/get")["item"]["consent_expiration_time"]
    sim.control("/clock", advance_seconds=175 * DAY)
    fields = LINK | {"access_token": item.access_token, "country_codes": ["FR"]}
    token = call(sim, "/link/token/create", {}, **fields)["link_token"]
    sim.control(f"/link/{token}/finish")
    assert item.call("/item/get")["item"]["consent_expiration_time"] > before
    sim.control("/clock", advance_seconds=20 * DAY)
    assert item.call("/accounts/get")
