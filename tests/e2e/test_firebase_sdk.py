"""The real Firebase JavaScript SDK, as an app uses it: tests/js/sdk.mjs runs the flow, this file checks its report."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from emulators.ports import PROJECT, REGION
from emulators.setup import ROOT
from tests.e2e.bank import Bank

SCRIPT = ROOT / "tests" / "js" / "sdk.mjs"

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def report(bank: Bank) -> dict[str, Any]:
    """The SDK's report."""
    node = shutil.which("node")
    assert node, "Node is needed"
    assert (SCRIPT.parent / "node_modules" / "firebase").is_dir(), "`make test` installs the SDK: npm ci in tests/js"
    ports = bank.stack.ports
    at = {
        "project": PROJECT,
        "region": REGION,
        "auth": ports.auth,
        "firestore": ports.firestore,
        "functions": ports.functions,
        "plaid": bank.stack.plaid.base_url,
        "keys": bank.plaid_keys(),
        "webhook": bank.stack.plaid.webhook_address,
    }
    slow = {"kind": "latency", "endpoint": "/transactions/sync", "seconds": 2, "times": None}
    bank.control("POST", "faults", **slow)  # the state must outlast the listener's poll
    try:
        done = subprocess.run(
            [node, str(SCRIPT), json.dumps(at)],
            capture_output=True,
            text=True,
            timeout=150,
            cwd=SCRIPT.parent,
            check=False,
        )
    finally:
        bank.control("DELETE", "faults")
    assert done.returncode == 0, done.stderr[-4000:]
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def test_callables_answer_as_in_the_contract(report: dict[str, Any]) -> None:
    assert report["link"]["mode"] == "connect"
    assert report["link"]["link_token"].startswith("link-sandbox-")
    connection = report["connection"]
    assert connection["institution_name"] == "First Platypus Bank"
    assert connection["status"] == "good"
    assert report["again"] == connection
    assert report["sync"]["status"] in {"pending", "in_progress"}


def test_a_listener_sees_the_sync_from_pending_to_completed(report: dict[str, Any]) -> None:
    statuses = [seen["status"] for seen in report["seen"]]
    steps = [status for i, status in enumerate(statuses) if i == 0 or statuses[i - 1] != status]
    # Two commits in quick succession may arrive as one snapshot, and pending history is read by a later run.
    assert steps[0] in ("pending", "in_progress")
    assert steps[-1] == "completed"
    assert "in_progress" in steps[: steps.index("completed")]
    assert "failed" not in steps
    assert {seen["connection_id"] for seen in report["seen"]} == {report["connection"]["connection_id"]}
    assert report["afterwards"][-1] == report["seen"][-1]
    assert report["seen"][-1]["history_complete"] is True
    assert report["seen"][-1]["percent"] == 100


def test_collection_group_query_lists_the_users_transactions_newest_first(bank: Bank, report: dict[str, Any]) -> None:
    rows = report["transactions"]
    assert {row["app_user_id"] for row in rows} == {report["uid"]}
    assert [row["date"] for row in rows] == sorted((row["date"] for row in rows), reverse=True)
    stored = bank.admin.get(f"bank_connections/{report['connection']['connection_id']}") or {}
    truth = bank.truth(stored["item_id"])
    assert {row["transaction_id"] for row in rows} == {t["transaction_id"] for t in truth["transactions"]}
    assert report["accounts"] == len(truth["accounts"])
    assert report["connections"] == 1
    assert report["institution"] == "First Platypus Bank"


def test_a_user_writes_notes_field_by_field(report: dict[str, Any]) -> None:
    assert report["note"] == {"note": "via the SDK", "tags": ["one"], "hidden": True}


def test_documents_of_another_user_are_refused(report: dict[str, Any]) -> None:
    assert {name: found["code"] for name, found in report["theirs"].items()} == dict.fromkeys(
        report["theirs"], "permission-denied"
    )


def test_what_only_the_backend_may_see_or_write_is_refused_to_the_owner_too(report: dict[str, Any]) -> None:
    assert {name: found["code"] for name, found in report["own"].items()} == dict.fromkeys(
        report["own"], "permission-denied"
    )


def test_signed_out_user_can_read_nothing(report: dict[str, Any]) -> None:
    assert {name: found["code"] for name, found in report["signedOut"].items()} == {
        "transactions": "permission-denied",
        "institution": "permission-denied",
        "a call": "functions/unauthenticated",
    }


@pytest.mark.parametrize(
    ("call", "code", "ours"),
    [
        ("no token", "functions/invalid-argument", "invalid_input"),
        ("an unknown field", "functions/invalid-argument", "invalid_input"),
        ("an unknown token", "functions/invalid-argument", None),
        ("another's token", "functions/invalid-argument", None),
        ("another's link token", "functions/invalid-argument", "link_token_not_yours"),
        ("another's connection", "functions/not-found", "connection_not_found"),
        ("the same accounts", "functions/already-exists", None),
        ("a sync too soon", "functions/resource-exhausted", None),
    ],
)
def test_a_refused_call_is_a_typed_error_with_details(
    report: dict[str, Any], call: str, code: str, ours: str | None
) -> None:
    found = report["calls"][call]
    assert found["code"] == code
    assert isinstance(found["details"]["code"], str)
    assert ours is None or found["details"]["code"] == ours


def test_error_details_name_the_next_step(report: dict[str, Any]) -> None:
    connection_id = report["connection"]["connection_id"]
    assert report["calls"]["the same accounts"]["details"]["connection_id"] == connection_id
    assert 1 <= report["calls"]["a sync too soon"]["details"]["retry_after_seconds"] <= 30
