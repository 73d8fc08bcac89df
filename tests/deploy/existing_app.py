"""A project with its own functions, rules, indexes and web app, as it was before this backend was added."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deploy.tools import ROOT

RULES = """rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    match /notes/{note} { allow read, write: if request.auth.uid == note; }
  }
}
"""
CONFIG: dict[str, Any] = {
    "functions": {"source": "functions", "runtime": "nodejs20"},
    "firestore": {"rules": "rules/store.rules", "indexes": "indexes.json"},
    "hosting": {
        "public": "dist",
        "rewrites": [{"source": "/api/**", "function": "api"}, {"source": "**", "destination": "/index.html"}],
    },
    "storage": {"rules": "storage.rules"},
}
INDEXES = {"indexes": [{"collectionGroup": "notes", "queryScope": "COLLECTION", "fields": []}]}


def make(folder: Path) -> Path:
    """Create the project, with this repository in a folder of it."""
    (folder / "rules").mkdir(parents=True)
    (folder / "firebase.json").write_text(json.dumps(CONFIG))
    (folder / "rules" / "store.rules").write_text(RULES)
    (folder / "indexes.json").write_text(json.dumps(INDEXES))
    (folder / "bank").symlink_to(ROOT)
    return folder
