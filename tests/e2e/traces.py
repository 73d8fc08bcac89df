"""Every stored document that names a user, in any collection."""

from __future__ import annotations

from collections.abc import Iterable

from emulators.client import User
from tests.e2e.bank import Bank, documents
from tests.firestore_rest import BACKEND, ROOT, Json

AUDIT = "bank_audit"


def traces_of(bank: Bank, user: User, connections: Iterable[str]) -> list[str]:
    """Paths of documents that name the user or one of their connections.

    Excludes the audit log, the user's own document, and rate-limit counters, which survive until they expire.
    """
    found = documents_of(bank, user, connections)
    stays = (f"{AUDIT}/", "bank_limits/")
    return [path for path in found if not path.startswith(stays) and path != f"users/{user.uid}"]


def documents_of(bank: Bank, user: User, connections: Iterable[str]) -> dict[str, str]:
    """Every document that names the user or one of their connections, by path."""
    connections = list(connections)
    words = (user.uid, *connections)
    found: dict[str, str] = {}
    for collection in _collections(bank, ""):
        documents = _documents(bank, "", collection)
        found |= {path: text for path, text in documents if any(word in text for word in words)}
    parents = (f"users/{user.uid}", f"{AUDIT}/{user.uid}", *(f"bank_connections/{one}" for one in connections))
    for parent in parents:
        for collection in _collections(bank, parent):
            found |= dict(_documents(bank, parent, collection))
    return found


def audit_of(bank: Bank, user: User) -> list[Json]:
    """The user's audit log, in order."""
    found = documents(bank.backend.query("bank_audit_entries", parent=f"{AUDIT}/{user.uid}"))
    return sorted(found, key=lambda entry: entry["seq"])


def _base(bank: Bank, parent: str) -> str:
    root = f"{bank.stack.ports.url('firestore')}/v1/{ROOT}"
    return f"{root}/{parent}" if parent else root


def _collections(bank: Bank, parent: str) -> list[str]:
    answer = bank.http.post(f"{_base(bank, parent)}:listCollectionIds", headers=BACKEND, json={"pageSize": 300})
    return list(answer.raise_for_status().json().get("collectionIds", []))


def _documents(bank: Bank, parent: str, collection: str) -> list[tuple[str, str]]:
    query = {"from": [{"collectionId": collection}]}
    answer = bank.http.post(f"{_base(bank, parent)}:runQuery", headers=BACKEND, json={"structuredQuery": query})
    rows = [row["document"] for row in answer.raise_for_status().json() if "document" in row]
    return [(row["name"].removeprefix(f"{ROOT}/"), str(row)) for row in rows]
