"""One request id is enough for an operator to find every log line of a connect."""

from __future__ import annotations

import os
import re
import subprocess

from emulators.client import User
from emulators.setup import ROOT
from operations.trace import Line, parsed, trace_of
from tests.e2e.bank import Bank, wait_until

ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def make_trace(bank: Bank, wanted: str) -> str:
    """The output of `make trace`."""
    done = subprocess.run(
        ["make", "-s", "trace", f"ID={wanted}"],
        cwd=ROOT,
        env={**os.environ, "PORT_OFFSET": str(bank.stack.ports.offset)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def lines_of(bank: Bank, trace_id: str) -> list[Line]:
    text = (bank.stack.logs / "emulators.log").read_text(encoding="utf-8", errors="replace")
    return [line for line in parsed(text.splitlines()) if trace_of(line) == trace_id]


def in_order(story: str, *patterns: str) -> None:
    """Each of these lines is in the trace, in this order."""
    at = 0
    for pattern in patterns:
        found = re.compile(pattern).search(story, at)
        assert found, f"{pattern} is not in the story, or not there:\n{story}"
        at = found.end()


def test_one_request_id_finds_all_lines_of_a_connect(bank: Bank, user: User) -> None:
    headers = {"traceparent": f"00-{ID}-00f067aa0ba902b7-01"}
    body = {"public_token": bank.public_token(webhook=False)}
    answer = bank.rest("POST", "set_access_token", user, json=body, headers=headers)
    trace_id = answer.headers["X-Request-Id"]
    assert trace_id != ID
    connection_id = answer.json()["connection_id"]

    def ended() -> bool:
        lines = lines_of(bank, trace_id)
        run = any(line["message"] == "sync.ended" and line["status"] == "completed" for line in lines)
        return run and any(line["message"] == "event.done" for line in lines)

    wait_until("the end of the trace", ended)
    story = make_trace(bank, ID)  # which the caller's own id leads to
    assert f"trace {trace_id}" in story
    in_order(
        story,
        r"exchange_public_token +commit\.done +writes=bank_exchange_intents:1",
        r"exchange_public_token +plaid\.called +endpoint=item_public_token_exchange .*request_id=\w+",
        r"exchange_public_token +token\.exchanged +connection_id=" + connection_id,
        r"exchange_public_token +commit\.done +writes=.*bank_connections:1.*bank_sync_progress:1.*bank_audit_entries:1",
        r"exchange_public_token +connection\.created +connection_id=" + connection_id,
        r"exchange_public_token +call\.answered +http=201",
        r"on_connection_created +task\.enqueued +queue=synctransactions +task=" + connection_id,
    )
    in_order(
        story,
        r"on_connection_created +plaid\.called .*endpoint=item_get .*request_id=\w+",
        r"on_connection_created +event\.done",
    )
    in_order(
        story,
        r"synctransactions +sync\.started +task=" + connection_id,
        r"synctransactions +plaid\.called .*endpoint=transactions_sync .*request_id=\w+",
        r"synctransactions +sync\.page",
        r"synctransactions +commit\.done .*bank_transactions:\d+",
        r"synctransactions +sync\.ended .*status=completed",
    )
    assert "[ERROR]" not in story


def test_request_id_of_plaid_finds_the_same_lines(bank: Bank, user: User) -> None:
    answer = bank.exchange(user, bank.public_token(webhook=False))
    trace_id = answer.headers["X-Request-Id"]
    plaid = next(line["request_id"] for line in lines_of(bank, trace_id) if line["message"] == "plaid.called")
    assert f"trace {trace_id}" in make_trace(bank, plaid)
    assert f"trace {trace_id}" in make_trace(bank, answer.json()["connection_id"])


def test_removal_is_one_trace_up_to_its_last_commit(bank: Bank, user: User) -> None:
    made = bank.connect(user, webhook=False)
    answer = bank.rest("DELETE", f"connections/{made['connection_id']}", user)
    trace_id = answer.headers["X-Request-Id"]
    wait_until("the removal", lambda: any(line["message"] == "removal.done" for line in lines_of(bank, trace_id)))
    in_order(
        make_trace(bank, trace_id),
        r"remove_connection +removal\.started",
        r"remove_connection +task\.enqueued +queue=removeitem",
        r"removeitem +plaid\.called .*endpoint=item_remove",
        r"removeitem +commit\.done .*bank_removals:1",
        r"removeitem +removal\.done .*item=removed",
    )
