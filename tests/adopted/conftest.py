"""An existing app with its own functions, rules and Hosting, and this backend added as in docs/adopt.md.

Its stack replaces the project's own, so these tests are a separate session: `make soak` runs them last.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.adopt import adopt
from emulators.environment import folder
from emulators.ports import HOST
from emulators.setup import ROOT
from emulators.stack import Stack
from tests.e2e.bank import Bank

THEIR_FUNCTIONS = """
from firebase_functions import firestore_fn, https_fn, options

options.set_global_options(region="us-central1")


@https_fn.on_request()
def api(request: https_fn.Request) -> https_fn.Response:
    return https_fn.Response("the app's own")


@firestore_fn.on_document_created(document="notes/{note_id}")
def on_note_created(event: firestore_fn.Event) -> None:
    event.data.reference.update({"seen": True})
"""
THEIR_RULES = """rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    function isSignedIn() { return request.auth != null; }
    match /notes/{note} { allow read, write: if isSignedIn(); }
    match /users/{uid} { allow read: if request.auth.uid == uid; allow update: if request.auth.uid == uid; }
  }
}
"""
THEIR_CONFIG = {
    "functions": {"source": "functions", "runtime": "python313"},
    "firestore": {"rules": "firestore.rules"},
    "hosting": {
        "public": "public",
        "rewrites": [
            {"source": "/api{,/**}", "function": {"functionId": "api", "region": "us-central1"}},
            {"source": "**", "destination": "/index.html"},
        ],
    },
}


def make_app(app: Path) -> None:
    """The original app, with the part of this repository that a deploy uses in a folder of it."""
    shutil.rmtree(app, ignore_errors=True)
    for name in ("functions", "public", "bank"):
        (app / name).mkdir(parents=True)
    (app / "functions" / "main.py").write_text(THEIR_FUNCTIONS)
    (app / "functions" / "requirements.txt").write_text("firebase-functions\n")
    (app / "public" / "index.html").write_text("<title>their app</title>")
    (app / "firestore.rules").write_text(THEIR_RULES)
    (app / "firebase.json").write_text(json.dumps(THEIR_CONFIG))
    for name in ("functions", "shared"):
        shutil.copytree(ROOT / name, app / "bank" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("main.py", "requirements.txt"):
        shutil.copy(ROOT / name, app / "bank" / name)
    for codebase in ("functions", "bank"):
        (app / codebase / "venv").symlink_to(ROOT / "venv")


class AdoptedStack(Stack):
    """The app's stack: its firebase.json, with the emulators of the project's own stack."""

    nowhere = "/api/v1/bank/nothing"

    def _config(self) -> Path:
        app = folder("adopted", str(self.ports.offset))
        make_app(app)
        assert adopt(app, source="bank") == ["firebase.json", "firestore.rules", "firestore.indexes.json"]
        shutil.copy(ROOT / ".secret.local", app / "bank" / ".secret.local")
        path = app / "firebase.json"
        config = json.loads(path.read_text())
        emulators = json.loads((ROOT / "firebase.json").read_text())["emulators"]
        for name, port in self.ports.items():
            if name in emulators:
                emulators[name] |= {"host": HOST, "port": port}
        emulators["firestore"]["websocketPort"] = self.ports.websocket
        path.write_text(json.dumps(config | {"emulators": emulators}))
        return path

    def _functions_loaded(self, client: httpx.Client) -> bool:
        backends = client.get(f"{self.ports.url('functions')}/backends").json()["backends"]
        loaded = {trigger["entryPoint"] for backend in backends for trigger in backend["functionTriggers"]}
        ready = "All emulators ready" in self.log("emulators").read_text(errors="replace")
        return ready and {"api", "on_note_created", "exchange_public_token", "synctransactions"} <= loaded


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The stack of the app."""
    with AdoptedStack() as running:
        yield running


@pytest.fixture(scope="session")
def bank(stack: Stack, http: httpx.Client) -> Bank:
    return Bank(stack, http)
