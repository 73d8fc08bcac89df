"""The deployed code loads lazily, imports little, and has exactly the intended secrets and triggers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import main
from benchmarks import cold
from docs.errors import routes
from shared.adapters.vault.keys import new_keyset

ROOT = Path(__file__).parents[2]
PROBE = """
import json, os, sys
import main
for name in main.FUNCTIONS:
    if os.fork() == 0:
        getattr(main, name)
        print(json.dumps([name, sorted(sys.modules)]), flush=True)
        os._exit(0)
    os.wait()
"""
HEAVY = {"plaid", "google.cloud.tasks_v2", "google.cloud.firestore", "tink"}
"""Loaded on first use only: importing a function loads none of these."""


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """The modules that a fresh worker of each function has loaded before its first request.

    Importing main.py takes most of the time for every worker, so one process imports it once and then forks a worker
    for each function.
    """
    done = subprocess.run([sys.executable, "-c", PROBE], cwd=ROOT, capture_output=True, text=True, check=True)
    found = {name: set(modules) for name, modules in map(json.loads, done.stdout.splitlines())}
    assert list(found) == list(main.FUNCTIONS), done.stderr
    return found


def manifest() -> dict[str, Any]:
    """The functions as the Firebase CLI reads them."""
    from firebase_functions.private import serving

    text = serving.functions_as_yaml({name: getattr(main, name) for name in dir(main)})
    return yaml.safe_load(text)["endpoints"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("function", main.FUNCTIONS)
def test_a_worker_loads_its_own_function_and_nothing_heavy(function: str, loaded: dict[str, set[str]]) -> None:
    others = {f"functions.{name}" for name in main.FUNCTIONS if name != function}
    assert f"functions.{function}" in loaded[function]
    assert not loaded[function] & others
    assert HEAVY & loaded[function] == set()


FIRST_REQUEST = """
import json, sys
{code}
print(json.dumps(sorted(sys.modules)))
"""
# The SDK's with Firestore, and our own choices: pydantic, Tink, Plaid's transport, Cloud Tasks.
MOST_FOREIGN_MODULES = 1_180
MOST_OWN_MODULES = 215  # small modules: splitting a file must neither hide a heavy import nor be forbidden


@pytest.mark.parametrize("function", ["synctransactions", "exchange_public_token", "plaid_webhook"])
def test_a_first_request_loads_no_models_of_plaid_s_and_stays_below_the_ceiling(function: str) -> None:
    environment = os.environ | {
        "GCLOUD_PROJECT": "demo-bank",
        "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1",
        "CLOUD_TASKS_EMULATOR_HOST": "127.0.0.1:1",
        "BANK_FUNCTIONS_HOST": "127.0.0.1:1",
        "VAULT_KEYSET": new_keyset(),
    }
    code = cold.first_request(function, environment)
    command = [sys.executable, "-c", FIRST_REQUEST.format(code="import time\n" + code)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert {"plaid.api_client", "google.cloud.firestore"} <= loaded
    assert not {name for name in loaded if name.startswith(("plaid.api.", "plaid.models"))}
    assert sum(name.startswith("plaid.model.") for name in loaded) == 0
    own = {name for name in loaded if name.partition(".")[0] in ("main", "functions", "shared")}
    assert len(loaded - own) <= MOST_FOREIGN_MODULES
    assert len(own) <= MOST_OWN_MODULES


def test_every_function_has_a_module_and_every_module_is_deployed() -> None:
    files = {path.stem for path in (ROOT / "functions").glob("*.py")} - {"__init__"}
    assert files == set(main.FUNCTIONS) == set(dir(main))


def test_own_packages_are_the_imported_ones() -> None:
    import functions
    import shared

    assert Path(functions.__file__ or "").parent == ROOT / "functions"
    assert Path(shared.__file__ or "").parent == ROOT / "shared"


def test_only_functions_that_call_plaid_get_its_secret() -> None:
    secrets = {
        name: {s["key"] for s in endpoint.get("secretEnvironmentVariables") or ()}
        for name, endpoint in manifest().items()
    }
    assert {name for name, keys in secrets.items() if keys} == {
        "create_link_token",
        "exchange_public_token",
        "plaid_webhook",
        "on_connection_created",
        "synctransactions",
        "syncproducts",
        "judgeinstitution",
        "reconnect_connection",
        "refresh_balances",
        "handlewebhook",
        "exchangelink",
        "checkitem",
        "rotatetoken",
        "removeitem",
        "monitor_connections",
        "schedule_syncs",
    }
    assert set().union(*secrets.values()) == {"PLAID_SECRET", "PLAID_EU_SECRET", "AUDIT_KEYSET"}
    assert all({"PLAID_SECRET", "PLAID_EU_SECRET"} <= keys for keys in secrets.values() if keys)
    assert {name for name, keys in secrets.items() if "AUDIT_KEYSET" in keys} == {"monitor_connections"}


def test_only_http_functions_are_public() -> None:
    """For queues, schedules and events the Firebase CLI lets only authorized accounts call: deploy/iam.py."""
    endpoints = manifest()
    public = {name for name, endpoint in endpoints.items() if "httpsTrigger" in endpoint}
    assert public == set(routes())
    for name in set(endpoints) - public:
        kinds = {"taskQueueTrigger", "scheduleTrigger", "eventTrigger"} & set(endpoints[name])
        assert len(kinds) == 1, name
        assert "public" not in str(endpoints[name][kinds.pop()].get("invoker"))


def test_triggers_queues_and_schedules_are_as_documented() -> None:
    endpoints = manifest()
    created = endpoints["on_connection_created"]["eventTrigger"]
    assert created["eventType"] == "google.cloud.firestore.document.v1.created"
    assert created["eventFilterPathPatterns"] == {"document": "bank_connections/{connection_id}"}
    told = endpoints["on_notification_created"]["eventTrigger"]
    assert told["eventType"] == "google.cloud.firestore.document.v1.created"
    assert told["eventFilterPathPatterns"] == {"document": "users/{uid}/bank_notifications/{id}"}
    deleted = endpoints["on_user_deleted"]["eventTrigger"]
    assert deleted["eventType"] == "google.cloud.firestore.document.v1.deleted"
    assert deleted["eventFilterPathPatterns"] == {"document": "users/{uid}"}
    assert endpoints["schedule_syncs"]["scheduleTrigger"]["schedule"] == "every 15 minutes"
    assert endpoints["monitor_connections"]["scheduleTrigger"]["schedule"] == "30 4 * * *"
    queue = endpoints["synctransactions"]["taskQueueTrigger"]
    # Each run stays below 50 calls per minute for its item; Plaid's limit for the client is 2,500.
    assert queue["rateLimits"]["maxConcurrentDispatches"] * 50 <= 2500
    assert "_" not in "synctransactions"
    assert {e["region"][0] for e in endpoints.values()} == {"us-central1"}


def test_the_functions_are_discovered_while_the_discovery_server_answers_a_request() -> None:
    """The Firebase CLI loads main.py within a request of another application."""
    from flask import Flask

    other = Flask("discovery")

    @other.get("/")
    def discover() -> dict[str, int]:
        return {"functions": len([getattr(main, name) for name in dir(main)])}

    assert other.test_client().get("/").json == {"functions": len(main.FUNCTIONS)}
