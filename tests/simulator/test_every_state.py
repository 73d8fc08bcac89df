"""Every endpoint in every state of an item gives an answer that plaid-python's models read, or a Plaid error.

The models are generated from Plaid's API description. In their strictest mode they refuse a field that is missing, null
or of another type; here, fields that they do not know are refused too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import plaid
import pytest
from plaid.model_utils import ModelComposed, ModelNormal

from emulators.plaid.fields import ENDPOINTS

from .harness import Linked, Sim
from .people import EVERYTHING
from .test_requests import ERROR_KEYS, LINK
from .test_typed_models import Api, api

__all__ = ["api"]

TODAY = datetime.now(UTC).date()
FEW = 10  # test_typed_models.py reads rows of every kind, which takes the models long
ROW = {"date_transacted": TODAY, "date_posted": TODAY, "amount": 1.25, "description": "A thing"}
FIELDS: dict[str, dict[str, Any]] = {
    "/link/token/create": {**LINK, "products": None},
    "/investments/transactions/get": {"start_date": TODAY - timedelta(days=700), "end_date": TODAY},
    "/sandbox/item/fire_webhook": {"webhook_code": "DEFAULT_UPDATE"},
    "/sandbox/transactions/create": {"transactions": [ROW]},
    "/item/webhook/update": {"webhook": "http://127.0.0.1:9/w"},
    "/item/products/terminate": {"reason_code": "OTHER"},
    "/transactions/get": {
        "start_date": TODAY - timedelta(days=700),
        "end_date": TODAY,
        "options": {"days_requested": 9, "count": FEW},
    },
    "/transactions/sync": {"count": FEW},
    "/identity/match": {"user": {"legal_name": "Ada Example", "address": {"postal_code": "1"}}},
    "/statements/download": {"statement_id": "unknown"},
    "/statements/refresh": {"start_date": TODAY - timedelta(days=90), "end_date": TODAY},
}
OF_ITEMS = sorted(path for path, fields in ENDPOINTS.items() if fields.table.get("access_token") is not None)
METHODS = {"/item/public_token/create": "item_create_public_token"}
STATES: dict[str, Callable[[Linked], Any]] = {
    "not ready": lambda _: None,
    "healthy": lambda item: item.sim.advance(10),
    "login required": lambda item: item.call("/sandbox/item/reset_login"),
    "locked": lambda item: item.control("state", state="error", code="ITEM_LOCKED"),
    "expiring": lambda item: item.control("state", state="expiring"),
    "expired": lambda item: item.sim.advance(31 * 86400),
    "revoked": lambda item: item.control("state", state="revoked"),
    "removed": lambda item: item.call("/item/remove"),
    "without consent": lambda item: item.control("state", state="consent_missing", products=["investments", "auth"]),
    "not granted": lambda item: item.control("state", state="access_not_granted", products=["liabilities"]),
    "without accounts": lambda item: item.control("accounts", revoke=item.account_ids()),
}
FORMER_FIELDS = {  # required by Plaid's API description of 2025, and absent from newer ones
    f"ApplicationLastDataAccessTimes.{name}"
    for name in ("contact_details", "credit_and_loans", "payroll_info", "transaction_risk_info")
}
LOGINS = {
    "user_good": "pass_good",
    "user_custom": json.dumps(EVERYTHING),
    "user_transactions_dynamic": "x",
}


def code_of(error: Any) -> str:
    """The code of an error in Plaid's format."""
    body = json.loads(error.body)
    assert set(body) == ERROR_KEYS
    assert error.status == 400
    return str(body["error_code"])


def unknown_fields(answer: Any) -> set[str]:
    """The fields of an answer, at any depth, that Plaid's API description does not have."""
    if isinstance(answer, list):
        return {name for element in answer for name in unknown_fields(element)}
    if not isinstance(answer, ModelNormal | ModelComposed):
        return set()
    values = answer._data_store
    found = {f"{type(answer).__name__}.{name}" for name in values if name not in answer.attribute_map}
    return found | {name for value in values.values() for name in unknown_fields(value)}


@pytest.mark.parametrize("username", LOGINS)
@pytest.mark.parametrize("state", STATES)
def test_every_endpoint_in_every_state(api: Api, sim: Sim, state: str, username: str) -> None:
    item = sim.link(
        username, LOGINS[username], ready=state not in {"not ready", "healthy"}, webhook="http://127.0.0.1:9/w"
    )
    STATES[state](item)
    last = (
        "/sandbox/item/reset_login",
        "/item/access_token/invalidate",
        "/item/activity/list",
        "/item/remove",
        "/item/products/terminate",
    )
    answers: dict[str, str] = {}
    for path in [*(path for path in OF_ITEMS if path not in last), *last]:
        fields = deepcopy({key: value for key, value in FIELDS.get(path, {}).items() if value is not None})
        method = getattr(api, METHODS.get(path, path[1:].replace("/", "_")))
        try:
            answer = method({"access_token": item.access_token, **fields})
            assert unknown_fields(answer) <= FORMER_FIELDS, path
            answers[path] = "ok"
            item.access_token = answer.to_dict().get("new_access_token", item.access_token)
        except plaid.ApiException as error:
            answers[path] = code_of(error)
    healthy = state in {"not ready", "healthy", "expiring", "without consent", "not granted"}
    assert (answers["/accounts/get"] == "ok") == healthy
    assert (answers["/item/remove"] == "ok") == (state != "removed")
    assert (answers["/item/get"] == "ok") == (state not in {"removed", "revoked"})
    assert answers["/transactions/sync"] == answers["/accounts/get"] or state == "without accounts"
    for path in ("/identity/match", "/identity/refresh", "/statements/list", "/statements/refresh"):
        assert answers[path] == answers["/accounts/get"], path
    assert answers["/statements/download"] == ("INVALID_FIELD" if healthy else answers["/accounts/get"])
    not_ready = state == "not ready" and answers["/transactions/get"] == "PRODUCT_NOT_READY"  # for one second
    assert answers["/transactions/get"] == answers["/accounts/get"] or not_ready
    assert answers["/item/activity/list"] == answers["/item/get"]
    assert answers["/item/products/terminate"] == "ITEM_NOT_FOUND"  # the Item was removed before


def test_a_field_that_plaid_does_not_have_is_noticed(api: Api, sim: Sim) -> None:
    item = sim.link()
    item.control("transactions", add=[{"odd": {"colour": "red"}}])
    assert unknown_fields(api.transactions_sync({"access_token": item.access_token})) == {"Transaction.colour"}


def test_institutions_and_tokens_are_the_other_endpoints() -> None:
    others = set(ENDPOINTS) - set(OF_ITEMS)
    assert others == {
        "/link/token/get",
        "/item/public_token/exchange",
        "/sandbox/public_token/create",
        "/sandbox/user/reset_login",
        "/institutions/get",
        "/institutions/get_by_id",
        "/institutions/search",
        "/webhook_verification_key/get",
        "/categories/get",
        "/item/import",
        "/transactions/enrich",
    }
