"""Link tokens on the running stack: what Plaid is asked for, and when a connection cannot be repaired."""

from __future__ import annotations

from typing import Any

import pytest

from emulators.client import User, sign_up
from tests.e2e.bank import Bank
from tests.firestore_rest import Json
from tests.refusals import refused


@pytest.fixture(scope="module")
def linked(bank: Bank) -> tuple[User, Json]:
    user = sign_up(bank.http, bank.stack.ports)
    connection = bank.connect(user)
    bank.wait_until_synced(user, connection["connection_id"])
    return user, connection


def asked_for(bank: Bank, link_token: str) -> Json:
    """The options of a link token, as Plaid reports them."""
    metadata: Json = bank.plaid("/link/token/get", link_token=link_token)["metadata"]
    return metadata


def test_link_token_for_a_new_bank_uses_the_options_of_app_and_user(bank: Bank, user: User) -> None:
    bank.backend.seed({f"users/{user.uid}": {"language": "fr-CA", "country_codes": ["CA", "US"]}})
    made = bank.rest("GET", "connect", user, params={"products": ["transactions"]}).json()
    assert made["mode"] == "connect"
    said = asked_for(bank, made["link_token"])
    assert (said["language"], said["country_codes"]) == ("fr", ["CA", "US"])
    assert said["initial_products"] == ["transactions"]
    assert said["webhook"] == bank.stack.plaid.webhook_address != bank.stack.plaid.webhook_url
    made = bank.rest("GET", "connect", user, params={"language": "de", "redirect_uri": "http://localhost/back"}).json()
    said = asked_for(bank, made["link_token"])
    assert (said["language"], said["redirect_uri"]) == ("de", "http://localhost/back")


@pytest.mark.parametrize("updating", [False, True])
def test_an_app_does_not_choose_what_the_owner_pays_for(bank: Bank, linked: tuple[User, Json], updating: bool) -> None:
    user, connection = linked
    wish = {"products": ["transactions", "auth", "investments"]}
    query = {"connection_id": connection["connection_id"], **wish} if updating else wish
    before = bank.control("GET", "counters")["endpoints"].get("/link/token/create", 0)
    refused(bank.rest("GET", "connect", user, params=query), "INVALID_ARGUMENT", 400)
    assert bank.control("GET", "counters")["endpoints"].get("/link/token/create", 0) == before


@pytest.mark.parametrize(
    "wish",
    [{}, {"account_selection": "true"}, {"products": ["transactions"]}, {"android_package_name": "com.x.app"}],
    ids=str,
)
def test_update_mode_is_for_a_connection_and_repairs_it(
    bank: Bank, linked: tuple[User, Json], wish: dict[str, Any]
) -> None:
    user, connection = linked
    item_id = bank.items(user)[0]["item_id"]
    bank.control("POST", f"items/{item_id}/state", state="login_required", announce=False)
    query = {"connection_id": connection["connection_id"], **wish}
    answer = bank.rest("GET", "connect", user, params=query)
    assert (answer.status_code, answer.json()["mode"]) == (200, "update"), answer.text
    bank.control("POST", f"link/{answer.json()['link_token']}/finish")
    assert bank.items(user)[0]["state"] == "healthy"


@pytest.mark.parametrize(
    "wish",
    [{"products": "assets"}, {"products": "balance"}, {"account_selection": "true", "country_codes": "GB"}],
    ids=str,
)
def test_what_update_mode_cannot_do_is_refused(bank: Bank, linked: tuple[User, Json], wish: dict[str, Any]) -> None:
    user, connection = linked
    query = {"connection_id": connection["connection_id"], **wish}
    refused(bank.rest("GET", "connect", user, params=query), "INVALID_ARGUMENT", 400)


@pytest.mark.parametrize(("state", "code"), [("revoked", "USER_PERMISSION_REVOKED"), ("removed", "ITEM_NOT_FOUND")])
def test_connection_removed_at_plaid_must_be_linked_again(bank: Bank, user: User, state: str, code: str) -> None:
    connection = bank.connect(user)
    bank.wait_until_synced(user, connection["connection_id"])
    item_id = bank.items(user)[0]["item_id"]
    bank.control("POST", f"items/{item_id}/state", state=state, announce=False)
    query = {"connection_id": connection["connection_id"]}
    error = refused(bank.rest("GET", "connect", user, params=query), "FAILED_PRECONDITION", 400)
    assert error["details"]["code"] == "relink_required"
    assert error["details"]["connection_id"] == connection["connection_id"]
    assert error["details"]["plaid"]["error_code"] == code
