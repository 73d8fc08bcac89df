"""The check that runs in every test of this folder: a function returns only errors that it declares (conftest.py)."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient

from shared.domain.errors import BankError, FailedPrecondition, Unavailable
from shared.serving import container
from tests.declared_errors import undeclared_errors
from tests.functions.conftest import CONNECT, SIGNED_IN


def body(error: BankError) -> str:
    return json.dumps({"error": error.form()})


def test_a_declared_error_passes_and_an_undeclared_one_is_found() -> None:
    busy = Unavailable("busy", code="connection_busy")
    assert undeclared_errors("sync_connection", body(busy)) == set()
    assert undeclared_errors("delete_bank_data", body(busy)) == {("delete_bank_data", "connection_busy")}


def test_a_declared_code_with_another_status_is_found() -> None:
    wrong = FailedPrecondition("busy", code="connection_busy")
    assert undeclared_errors("sync_connection", body(wrong)) == {("sync_connection", "connection_busy")}


def test_errors_of_single_results_are_checked() -> None:
    text = json.dumps({"result": {"results": [{"error": Unavailable("no", code="erasure_busy").form()}]}})
    assert undeclared_errors("exchange_public_token", text) == {("exchange_public_token", "erasure_busy")}


def test_success_and_the_sdks_own_errors_are_not_checked() -> None:
    assert undeclared_errors("create_link_token", '{"link_token": "link-1"}') == set()
    assert undeclared_errors("synctransactions", '{"error": {"status": "UNAVAILABLE", "message": "again"}}') == set()


def test_the_answers_of_running_functions_are_checked(
    connect: FlaskClient, undeclared: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise Unavailable("no", code="queue_unavailable")

    monkeypatch.setattr(container, "plaid", fail)
    assert connect.get(CONNECT, headers=SIGNED_IN).status_code == 503
    assert undeclared == {("create_link_token", "queue_unavailable")}
    undeclared.clear()
