"""/identity/match and /identity/refresh."""

from __future__ import annotations

from typing import Any

import pytest

from .harness import Json, Linked, Receiver, Refused, Sim
from .people import OWNER
from .test_typed_models import Api, api, token

__all__ = ["api"]

ALBERTA: Json = {
    "legal_name": "Alberta Bobbeth Charleson",
    "phone_number": "+11112223333",
    "email_address": "accountholder0@example.com",
    "address": {
        "street": "2992 Cameron Road",
        "city": "Malakoff",
        "region": "NY",
        "postal_code": "14236",
        "country": "US",
    },
}
FIELDS = ("legal_name", "phone_number", "email_address", "address")


@pytest.fixture
def item(sim: Sim, receiver: Receiver) -> Linked:
    return sim.link(products=["identity"], webhook=receiver.url)


def match(item: Linked, user: Json | None = None, **more: Any) -> Json:
    result: Json = item.call("/identity/match", **({"user": user} if user else {}), **more)["accounts"][0]
    return result


def test_the_owners_own_data_is_a_perfect_match(item: Linked) -> None:
    account = match(item, ALBERTA)
    assert [account[name]["score"] for name in FIELDS] == [100, 100, 100, 100]
    assert account["address"]["is_postal_code_match"] is True
    assert account["legal_name"]["is_first_name_or_last_name_match"] is True
    assert account["legal_name"]["is_nickname_match"] is False
    assert account["legal_name"]["is_business_name_detected"] is False


def test_a_stranger_is_no_match(item: Linked) -> None:
    stranger = {
        "legal_name": "Zoltan Quixote",
        "phone_number": "+15559998888",
        "email_address": "zq@elsewhere.org",
        "address": {"street": "1 Ocean Drive", "city": "Honolulu", "region": "HI", "postal_code": "96813"},
    }
    account = match(item, stranger)
    assert all(account[name]["score"] < 70 for name in FIELDS)
    assert account["address"]["is_postal_code_match"] is False


@pytest.mark.parametrize(
    ("name", "least", "most", "flags"),
    [
        ("ALBERTA BOBBETH CHARLESON", 100, 100, (True, False, False)),
        ("Charleson, Alberta Bobbeth", 85, 99, (False, False, False)),
        ("Alberta Charleson", 85, 99, (True, False, False)),
        ("Bertie Charleson", 85, 99, (True, True, False)),
        ("A. Charleson", 70, 84, (True, False, False)),
        ("Zoe Charleson", 0, 69, (True, False, False)),
        ("Charleson Trading LLC", 0, 69, (False, False, True)),
        ("É", 0, 69, (False, False, False)),
        ("!", 0, 69, (False, False, False)),
    ],
)
def test_scores_of_names_keep_to_plaids_bands(
    item: Linked, name: str, least: int, most: int, flags: tuple[bool, bool, bool]
) -> None:
    found = match(item, {"legal_name": name})["legal_name"]
    assert least <= found["score"] <= most
    keys = ("is_first_name_or_last_name_match", "is_nickname_match", "is_business_name_detected")
    assert tuple(found[key] for key in keys) == flags


@pytest.mark.parametrize(
    ("user", "field", "least", "most"),
    [
        ({"phone_number": "(111) 222-3333"}, "phone_number", 100, 100),
        ({"phone_number": "+1 111 222 3333 ext. 12"}, "phone_number", 70, 99),
        ({"phone_number": "1112223334"}, "phone_number", 0, 69),
        ({"phone_number": "3"}, "phone_number", 0, 69),
        ({"email_address": "AccountHolder1@Example.com"}, "email_address", 100, 100),
        ({"email_address": "accountholder0+bank@example.com"}, "email_address", 70, 99),
        ({"email_address": "accountholder9@example.com"}, "email_address", 0, 69),
        ({"address": {"street": "2992 Cameron Rd.", "postal_code": "14236-1111"}}, "address", 90, 100),
        ({"address": {"street": "2993 Cameron Road", "postal_code": "14236"}}, "address", 70, 99),
        ({"address": {"postal_code": "14236"}}, "address", 100, 100),
        ({"address": {"street": "9 Elsewhere", "postal_code": "90210"}}, "address", 0, 69),
    ],
)
def test_scores_of_contact_data_keep_to_plaids_bands(
    item: Linked, user: Json, field: str, least: int, most: int
) -> None:
    assert least <= match(item, user)[field]["score"] <= most


@pytest.mark.parametrize("user", [None, {}, dict.fromkeys(FIELDS), {"address": {}}, {"address": {"city": None}}])
def test_scores_are_null_without_data_in_the_request(item: Linked, user: Json | None) -> None:
    account = item.call("/identity/match", **({} if user is None else {"user": user}))["accounts"][0]
    assert [account[name]["score"] for name in FIELDS] == [None, None, None, None]


def test_scores_are_null_without_data_at_the_bank(sim: Sim) -> None:
    bare: Json = {"names": [], "emails": [], "phone_numbers": [], "addresses": []}
    person = {"override_accounts": [{"type": "depository", "subtype": "checking", "identity": bare}]}
    account = match(sim.link("user_custom", person), ALBERTA)
    assert [account[name]["score"] for name in FIELDS] == [None, None, None, None]


def test_the_best_of_several_owners_counts(sim: Sim) -> None:
    person = {"override_accounts": [{"type": "depository", "subtype": "checking", "identity": OWNER}]}
    item = sim.link("user_custom", person)
    for name in ("Ada Example", "Bob Example"):
        assert match(item, {"legal_name": name})["legal_name"]["score"] == 100


def test_balances_are_null_and_accounts_can_be_chosen(item: Linked) -> None:
    chosen = item.account_ids()[2]
    answer = item.call("/identity/match", user=ALBERTA, options={"account_ids": [chosen]})
    assert [account["account_id"] for account in answer["accounts"]] == [chosen]
    assert set(answer["accounts"][0]["balances"].values()) == {None}
    assert item.call("/accounts/get")["accounts"][2]["balances"]["current"] is not None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"user": {"legal_name": 5}}, "INVALID_FIELD"),
        ({"user": {"name": "Ada"}}, "UNKNOWN_FIELDS"),
        ({"user": {"address": {"zip": "1"}}}, "UNKNOWN_FIELDS"),
        ({"options": {"account_ids": ["unknown"]}}, "INVALID_ACCOUNT_ID"),
    ],
)
def test_invalid_matches_are_refused(item: Linked, fields: Json, code: str) -> None:
    with pytest.raises(Refused) as caught:
        item.call("/identity/match", **fields)
    assert caught.value.code == code


def test_a_bank_without_identity_is_refused(sim: Sim) -> None:
    with pytest.raises(Refused) as caught:
        sim.link(institution_id="ins_133402")
    assert caught.value.code == "ITEM_NOT_SUPPORTED"


def test_refresh_without_a_change_sends_nothing(item: Linked, receiver: Receiver) -> None:
    item.call("/identity/refresh")
    item.call("/sandbox/item/fire_webhook", webhook_code="LOGIN_REPAIRED")
    receiver.wait_for(1)
    assert receiver.codes() == ["ITEM/LOGIN_REPAIRED"]


def test_refresh_announces_what_changed_since_the_last_one(item: Linked, receiver: Receiver) -> None:
    chosen = item.account_ids()[0]
    moved = {
        "names": ["Alberta Bobbeth Charleson"],
        "emails": [{"data": "new@example.com", "primary": True, "type": "primary"}],
        "phone_numbers": [{"data": "1112223333", "primary": True, "type": "mobile"}],
        "addresses": [{"primary": True, "data": {"street": "1 New Street", "city": "Malakoff", "country": "US"}}],
    }
    item.control("accounts", change=[{"account_id": chosen, "identity": moved}], announce=False)
    item.call("/identity/refresh")
    body = receiver.wait_for(1)[0].body
    assert (body["webhook_type"], body["webhook_code"]) == ("IDENTITY", "DEFAULT_UPDATE")
    assert body["account_ids_with_updated_identity"] == {chosen: ["EMAILS", "ADDRESSES"]}
    assert item.call("/identity/get")["accounts"][0]["owners"][0]["emails"][0]["data"] == "new@example.com"
    item.call("/identity/refresh")
    item.call("/sandbox/item/fire_webhook", webhook_code="LOGIN_REPAIRED")
    receiver.wait_for(2)
    assert receiver.codes() == ["IDENTITY/DEFAULT_UPDATE", "ITEM/LOGIN_REPAIRED"]


def test_plaid_python_reads_scores(api: Api, item: Linked) -> None:
    accounts = api.identity_match(token(item, user=ALBERTA)).accounts
    assert accounts[0].legal_name.score == 100
    assert api.identity_match(token(item)).accounts[0].legal_name.score is None
    assert api.identity_refresh(token(item)).request_id
