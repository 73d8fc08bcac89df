"""A pending row becomes posted in one commit and keeps its user's note; tests/js/atomic.mjs listens as an app does."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Callable

import pytest

from emulators.client import User
from emulators.ports import PROJECT, REGION
from emulators.setup import ROOT
from tests.e2e.bank import Bank
from tests.soak.ground import SOAK

SCRIPT = ROOT / "tests" / "js" / "atomic.mjs"
ROWS, BATCHES = (400, 40) if SOAK else (100, 10)
PATIENCE = 1200 if SOAK else 240

pytestmark = pytest.mark.timeout(PATIENCE + 60)


def test_a_listener_never_sees_both_or_neither_and_no_note_is_lost(
    bank: Bank, rng: random.Random, tell: Callable[[str], None]
) -> None:
    node = shutil.which("node")
    assert node, "Node is needed"
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
        "rows": ROWS,
        "batches": BATCHES,
        "seed": rng.getrandbits(31),
    }
    command = [node, str(SCRIPT), json.dumps(at)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=SCRIPT.parent, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    seen = json.loads(done.stdout)

    assert len(seen["pairs"]) == ROWS
    assert min(seen["looks"]["level"], seen["looks"]["queries"]) > BATCHES
    assert seen["both"] == []
    assert seen["neither"] == []
    assert seen["left"] == []
    assert set(seen["stored"]) == set(seen["pairs"])
    kept = {pending: (user or {}).get("note") for pending, user in seen["stored"].items()}
    expected = {pending: seen["notes"].get(pending) for pending in seen["pairs"]}
    lost = {pending: (note, kept[pending]) for pending, note in expected.items() if kept[pending] != note}
    assert lost == {}, "acknowledged notes, and the notes on the posted rows"
    assert all(user is None or user["tags"] == [user["note"]] for user in seen["stored"].values())
    during = [note for note in seen["notes"].values() if note != "before"]
    assert len(during) > ROWS // 4, "hardly any note was written while the rows changed"
    user = User(uid=seen["uid"], token=seen["token"], email="")
    assert bank.differences(user, seen["id"]) == []
    tell(
        f"{ROWS} rows posted in {BATCHES} batches: {seen['looks']} looks, {len(seen['notes'])} notes kept, "
        f"{len(during)} of them written meanwhile; the writers ended: {seen['ends']}"
    )
