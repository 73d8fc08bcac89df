"""A process that mixes emulators and real services does not start."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from emulators.setup import ROOT
from shared.emulators_only import check_emulators
from shared.settings import Settings

SWITCHES = (
    "FIREBASE_AUTH_EMULATOR_HOST",
    "FIRESTORE_EMULATOR_HOST",
    "CLOUD_TASKS_EMULATOR_HOST",
    "FIREBASE_STORAGE_EMULATOR_HOST",
    "PUBSUB_EMULATOR_HOST",
)


@pytest.mark.parametrize("project", ["a-bank", "my-demo-bank", "DEMO-bank", "demo"])
@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("name", ["GCLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT"])
def test_a_real_project_refuses_every_switch_of_the_emulators(project: str, switch: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"{switch}: only for projects that begin with demo-") as refused:
        Settings.read({name: project, switch: "10.0.0.1:9099"})
    assert "10.0.0.1" not in str(refused.value)


@pytest.mark.parametrize("switch", SWITCHES)
def test_empty_switch_counts_as_not_set(switch: str) -> None:
    assert Settings.read({"GCLOUD_PROJECT": "a-bank", switch: ""}).project == "a-bank"


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_local_project_takes_every_switch(switch: str) -> None:
    assert Settings.read({"GCLOUD_PROJECT": "demo-bank", switch: "127.0.0.1:1"}).is_local


def test_plaid_s_production_needs_the_firestore_emulator_or_a_real_project() -> None:
    production = {"GCLOUD_PROJECT": "demo-bank", "PLAID_ENV": "production"}
    with pytest.raises(ValueError, match="FIRESTORE_EMULATOR_HOST"):
        Settings.read(production)
    with pytest.raises(ValueError, match="FIRESTORE_EMULATOR_HOST"):
        Settings.read(production | {"FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099"})
    check_emulators(production | {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:8080"})  # `make dev PLAID_ENV=production`
    check_emulators(production | {"GCLOUD_PROJECT": "a-bank"})
    check_emulators(production | {"PLAID_ENV": "sandbox"})


@pytest.mark.parametrize(
    ("given", "starts"),
    [
        ({"GCLOUD_PROJECT": "a-bank", "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099"}, False),
        ({"GCLOUD_PROJECT": "demo-bank", "PLAID_ENV": "production"}, False),
        ({"GCLOUD_PROJECT": "demo-bank", "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099"}, True),
        ({"GCLOUD_PROJECT": "a-bank"}, True),
    ],
)
def test_a_worker_does_not_even_start(given: dict[str, str], starts: bool) -> None:
    code = "from functions_framework import create_app; create_app('api_not_found', 'main.py', 'http')"
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=plain | given, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode == 0) == starts, done.stderr
