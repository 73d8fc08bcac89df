"""plaid-node completes the main flow, reads every answer, and makes the calls of Plaid's sample application."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emulators.plaid.fields import ENDPOINTS
from emulators.plaid.signing import PUBLISHED

from .harness import Linked, Sim
from .test_accepted_requests import OTHER_REQUESTS, TODAY
from .test_every_state import LOGINS, OF_ITEMS
from .test_requests import ERROR_KEYS, LINK

HERE = Path(__file__).parent
ROW = {"date_transacted": str(TODAY), "date_posted": str(TODAY), "amount": 1.25, "description": "A thing"}
PACKAGES = HERE.parent / "js"
METHODS = {"/item/public_token/create": "itemCreatePublicToken"}
REQUESTS: dict[str, Any] = {
    **OTHER_REQUESTS,
    "/sandbox/item/fire_webhook": {"webhook_code": "DEFAULT_UPDATE"},
    "/sandbox/transactions/create": {"transactions": []},
    "/item/webhook/update": {"webhook": "http://127.0.0.1:9/w"},
}
FOUND: dict[str, Callable[[Sim, Linked], Any]] = {
    "/item/public_token/exchange": lambda _, item: {
        "public_token": item.call("/item/public_token/create")["public_token"]
    },
    "/link/token/get": lambda sim, _: {"link_token": sim.call("/link/token/create", **LINK)["link_token"]},
    "/link/token/create": lambda _, __: {"access_token": None},
    "/sandbox/user/reset_login": lambda _, __: {"user_id": "/sandbox/user/reset_login"},
    "/sandbox/transactions/create": lambda _, __: {"transactions": [ROW]},
    "/webhook_verification_key/get": lambda _, __: {"key_id": PUBLISHED},
}
LAST = ("/sandbox/item/reset_login", "/item/access_token/invalidate", "/item/products/terminate", "/item/remove")


def run(script: str, sim: Sim, sent: Any = None) -> Any:
    command = ["node", str(HERE / script), sim.url, str(PACKAGES)]
    text = json.dumps(sent)
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def method(path: str) -> str:
    """plaid-node's name of an endpoint."""
    first, *more = path[1:].replace("/", "_").split("_")
    return METHODS.get(path, first + "".join(word.capitalize() for word in more))


def test_plaid_node_links_syncs_and_removes(sim: Sim) -> None:
    done = run("main_flow.cjs", sim)
    assert done == {"link": "link-sandbox-", "rows": 70, "accounts": 5, "pdf": "%PDF", "gone": "ITEM_NOT_FOUND"}


def test_plaid_node_reads_every_answer_of_every_endpoint(sim: Sim) -> None:
    paths = [*sorted(path for path in ENDPOINTS if path not in LAST), *LAST]
    for username, password in LOGINS.items():
        for ready in (False, True):
            item = sim.link(username, password, ready=ready, products=["transactions", "investments", "liabilities"])
            calls = [
                (method(path), {**({"access_token": item.access_token} if path in OF_ITEMS else {}), **fields})
                for path in paths
                for fields in (REQUESTS.get(path, {}), {**REQUESTS.get(path, {}), "colour": "red"})
            ]
            for (name, _), answer in zip(calls, run("plaid_node.cjs", sim, calls), strict=True):
                body = answer["data"]
                assert body["request_id"], name
                assert answer["status"] == 200 or set(body) == ERROR_KEYS, name


def test_plaid_node_gets_data_from_every_endpoint(sim: Sim) -> None:
    paths = sorted(set(ENDPOINTS) - {"/statements/download"})
    calls = [(method(path), good_request(sim, path)) for path in paths]
    answers = run("plaid_node.cjs", sim, calls)
    assert {path: answer["data"] for path, answer in zip(paths, answers, strict=True) if answer["status"] != 200} == {}


def good_request(sim: Sim, path: str) -> Any:
    """A request that succeeds, for an item of its own."""
    user = "user_transactions_dynamic" if path.startswith("/sandbox") else "user_good"
    item = sim.link(user, "x" if user != "user_good" else "pass_good", user_id=path, webhook="http://127.0.0.1:9/w")
    of_item = {"access_token": item.access_token} if path in OF_ITEMS else {}
    return {**of_item, **REQUESTS.get(path, {}), **(FOUND[path](sim, item) if path in FOUND else {})}


def test_the_calls_of_plaids_sample_application_store_what_the_bank_has(sim: Sim) -> None:
    sim.control("/settings", initial_after=60, history_after=600)  # a busy machine is slow between two calls
    try:
        stored = run("sample_app.cjs", sim)
    finally:
        sim.control("/settings", initial_after=1, history_after=3)
    truth = sim.look(f"/items/{stored['item_id']}/truth")
    ids = [row["transaction_id"] for row in stored["rows"]]
    assert len(ids) == len(set(ids)) > 40
    assert set(ids) == {row["transaction_id"] for row in truth["transactions"]}
    assert (stored["first"], stored["reset"], stored["third"]) == (0, True, 0)
    assert stored["color"].startswith("#")
    # Its tables refuse null in these columns, and it reads the category of every row.
    for row in stored["rows"]:
        assert row["personal_finance_category"]["primary"]
        assert None not in [row[name] for name in ("transaction_type", "name", "amount", "date", "pending")]
    for account in stored["accounts"]:
        assert None not in [account[name] for name in ("account_id", "name", "mask", "type", "subtype")]
