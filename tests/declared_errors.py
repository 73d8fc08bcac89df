"""Finds the errors in an answer that its function does not declare."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from docs.errors import routes
from shared.contract.errors import CATALOGUE


def errors_in(text: str) -> list[dict[str, Any]]:
    """The errors in an answer: its own, and those of its single results."""
    try:
        answer = json.loads(text[text.index("{") :])
    except ValueError:
        return []
    results = answer.get("results") or (answer.get("result") or {}).get("results") or []
    return [part["error"] for part in (answer, *results) if isinstance(part.get("error"), dict)]


def undeclared_errors(function: str, text: str) -> set[tuple[str, str]]:
    """The errors of an answer that its function does not declare, or that have another status than the catalogue's.

    Args:
        function: The function's name.
        text: The body of its answer.

    Returns:
        Pairs of the function and the code. Errors without a code are the SDK's own, of task queues.
    """
    return {
        (function, error["details"]["code"])
        for error in errors_in(text)
        if "details" in error and not _is_declared(function, error["details"]["code"], error["status"])
    }


def _is_declared(function: str, code: str, status: str) -> bool:
    return code in declared_errors().get(function, ()) and CATALOGUE[code].status == status


@cache
def declared_errors() -> dict[str, frozenset[str]]:
    """The codes that each HTTP function declares."""
    return {name: frozenset(route.declared_errors) for name, route in routes().items()}
