"""Every error that a function returned to any test is declared by that function, and so listed in docs/errors.md."""

from __future__ import annotations

import re

import pytest

from emulators.stack import Stack
from tests.declared_errors import errors_in, undeclared_errors

pytestmark = pytest.mark.usefixtures("used_stack")

ROUTES = {
    "connect": "create_link_token",
    "set_access_token": "exchange_public_token",
    r"connections/[^/]+/sync": "sync_connection",
    r"connections/[^/]+/reconnected": "reconnect_connection",
    r"connections/[^/]+/balances": "refresh_balances",
    r"connections/[^/]+": "remove_connection",
    "data": "delete_bank_data",
    "webhook": "plaid_webhook",
}


def function_of(path: str) -> str:
    """The function that answers on a path."""
    if not path.startswith("/api/"):
        return path.split("/")[3]
    named = (name for route, name in ROUTES.items() if re.fullmatch(f"/api/v1/bank/{route}", path))
    return next(named, "api_not_found")


def test_no_function_answered_an_error_that_it_does_not_declare(
    stack: Stack, recorded_answers: list[tuple[str, str]], searched_group: str
) -> None:
    found = {
        (function_of(path), error["details"]["code"]) for path, text in recorded_answers for error in errors_in(text)
    }
    assert len(found) > 5 or searched_group not in ("e2e", "all")
    assert {error for path, text in recorded_answers for error in undeclared_errors(function_of(path), text)} == set()
