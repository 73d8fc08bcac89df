"""Every refusal that any test has heard from a function is in docs/errors.md, for that function."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from docs.errors import refusals
from emulators.stack import Stack
from shared.contract.errors import CATALOGUE

pytestmark = pytest.mark.usefixtures("lived_in")

ROUTES = {
    "connect": "create_link_token",
    "set_access_token": "exchange_public_token",
    r"connections/[^/]+/sync": "sync_connection",
    r"connections/[^/]+/reconnected": "reconnect_connection",
    r"connections/[^/]+": "remove_connection",
    "data": "delete_bank_data",
    "webhook": "plaid_webhook",
}


def function_of(path: str) -> str:
    """Who answers on a path."""
    if not path.startswith("/api/"):
        return path.split("/")[3]
    named = (name for route, name in ROUTES.items() if re.fullmatch(f"/api/v1/bank/{route}", path))
    return next(named, "api_not_found")


def errors_in(text: str) -> list[dict[str, Any]]:
    """The errors of an answer: its own, and those of its results."""
    try:
        answer = json.loads(text[text.index("{") :])
    except ValueError:
        return []
    results = answer.get("results") or (answer.get("result") or {}).get("results") or []
    return [part["error"] for part in (answer, *results) if isinstance(part.get("error"), dict)]


def test_nobody_was_refused_in_a_way_that_is_not_documented(
    stack: Stack, heard: list[tuple[str, str]], searched_group: str
) -> None:
    documented = {name: {refusal.code for refusal in found} for name, found in refusals().items()}
    found = {(function_of(path), e["details"]["code"], e["status"]) for path, text in heard for e in errors_in(text)}
    assert len(found) > 5 or searched_group not in ("e2e", "all")
    unknown = {
        (function, code)
        for function, code, status in found
        if code not in documented.get(function, ()) or CATALOGUE[code].status != status
    }
    assert unknown == set()
