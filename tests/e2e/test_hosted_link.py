"""Hosted Link on the running stack: Plaid's page, its webhooks, and a connection that no app requested.

Hosted Link is off by default and on the stack's functions, so these tests start one more worker with it switched on.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from emulators.client import User
from emulators.environment import stack_environment
from emulators.ports import HOST, PROJECT
from emulators.setup import ROOT
from tests.e2e.bank import Bank, documents, wait_until
from tests.e2e.logs import Log
from tests.firestore_rest import Json


@dataclass(frozen=True)
class Page:
    """A Hosted Link session from the user's side."""

    bank: Bank
    link_token: str
    url: str

    def link(self) -> str:
        """Complete Link as the user; returns the public token, which only Plaid and the backend ever see."""
        return str(self.bank.control("POST", f"link/{self.link_token}/finish")["public_token"])


@pytest.fixture(scope="module")
def worker(bank: Bank) -> Iterator[str]:
    """The address of create_link_token with HOSTED_LINK=1."""
    ports = bank.stack.ports
    with socket.socket() as found:
        found.bind((HOST, 0))
        port = found.getsockname()[1]
    environment = stack_environment(ports, bank.stack.plaid) | {
        "GCLOUD_PROJECT": PROJECT,
        "FIRESTORE_EMULATOR_HOST": f"{HOST}:{ports.firestore}",
        "FIREBASE_AUTH_EMULATOR_HOST": f"{HOST}:{ports.auth}",
        "CLOUD_TASKS_EMULATOR_HOST": f"{HOST}:{ports.tasks}",
        "HOSTED_LINK": "1",
        "HOSTED_LINK_COMPLETION_REDIRECT_URI": "https://app.example/done",
    }
    command = [sys.executable, "-m", "functions_framework", "--target", "create_link_token", "--source", "main.py"]
    process = subprocess.Popen(
        [*command, "--host", HOST, "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://{HOST}:{port}"

    def answers() -> bool:
        try:
            return bank.http.get(f"{url}/__/health").is_success
        except httpx.TransportError:
            return False

    try:
        wait_until("the worker", answers)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def opened(bank: Bank, worker: str, user: User, **query: str) -> Page:
    answer = bank.http.get(f"{worker}/api/v1/bank/connect", params=query, headers=user.headers)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert set(made) == {"link_token", "expiration", "mode", "hosted_link_url"}
    return Page(bank, made["link_token"], made["hosted_link_url"])


def connections(bank: Bank, user: User) -> list[Json]:
    return documents(bank.writer(user).query("bank_connections", owner=user.uid))


def result(bank: Bank, public_token: str) -> Json:
    name = hashlib.sha256(public_token.encode()).hexdigest()
    return bank.admin.get(f"bank_link_results/{name}") or {}


def settled(bank: Bank, public_token: str) -> Json:
    def found() -> Json | None:
        stored = result(bank, public_token)
        return stored if stored.get("outcome") else None

    done: Json = wait_until("the result is settled", found)
    return done


def webhooks_acknowledged(bank: Bank, link_token: str) -> None:
    """Wait until the backend has acknowledged all webhooks of a session: it stores the results before it answers."""

    def over() -> bool:
        sent = bank.control("GET", "webhooks")["webhooks"]
        ours = [one["state"] for one in sent if one["body"].get("link_token") == link_token]
        return len(ours) > 1 and set(ours) == {"delivered"}  # the session's end, and its events

    wait_until("the session's webhooks", over)


def test_hosted_link_is_off_by_default(bank: Bank, user: User) -> None:
    assert set(bank.rest("GET", "connect", user).json()) == {"link_token", "expiration", "mode"}


def test_what_a_user_links_on_plaids_page_becomes_a_connection(bank: Bank, worker: str, user: User) -> None:
    page = opened(bank, worker, user)
    assert bank.http.get(page.url).status_code == 200
    log = Log(bank)
    for code in ("ITEM_ADD_RESULT", "SESSION_FINISHED"):
        bank.control("POST", "webhooks/faults", mode="duplicate", webhook_code=code)
    try:
        public_token = page.link()
        done = settled(bank, public_token)
    finally:
        bank.control("DELETE", "webhooks/faults")
    [connection] = connections(bank, user)
    assert (done["outcome"], done["connection_id"]) == ("connected", connection["connection_id"])
    assert done["public_token"] is None
    bank.wait_until_synced(user, connection["connection_id"])
    assert bank.differences(user, connection["connection_id"]) == []
    again = bank.exchange(user, public_token)
    assert (again.status_code, again.json()["connection_id"]) == (200, connection["connection_id"])
    assert len(connections(bank, user)) == 1
    logged = log.text()
    inbox = str(documents(bank.backend.query("bank_webhook_inbox")))
    for secret in (public_token, page.link_token):
        assert secret not in logged
        assert secret not in inbox


def test_short_plaid_outage_only_delays_the_connection(bank: Bank, worker: str, user: User) -> None:
    page = opened(bank, worker, user)
    down = {"kind": "error", "error_code": "INTERNAL_SERVER_ERROR", "endpoint": "/item/public_token/exchange"}
    bank.control("POST", "faults", times=None, **down)
    log = Log(bank)
    try:
        public_token = page.link()
        wait_until("the token is kept", lambda: result(bank, public_token))
        wait_until("it was tried", lambda: log.lines("task.ended", function="exchangelink"))
        assert result(bank, public_token)["public_token"]["ciphertext"]
        assert public_token not in str(result(bank, public_token))
    finally:
        bank.control("DELETE", "faults")
    assert settled(bank, public_token)["outcome"] == "connected"
    assert len(connections(bank, user)) == 1


def test_second_login_with_the_same_accounts_makes_no_second_connection(bank: Bank, worker: str, user: User) -> None:
    first = settled(bank, opened(bank, worker, user).link())
    second = settled(bank, opened(bank, worker, user).link())
    assert second["outcome"] == "duplicate"
    assert second["connection_id"] == first["connection_id"]
    assert len(connections(bank, user)) == 1


def test_abandoned_session_links_nothing(bank: Bank, worker: str, user: User) -> None:
    page = opened(bank, worker, user)
    session = bank.control("POST", f"link/{page.link_token}/begin")["link_session_id"]
    bank.control("POST", f"link/{page.link_token}/leave", link_session_id=session)
    webhooks_acknowledged(bank, page.link_token)
    assert connections(bank, user) == []
    assert bank.backend.query("bank_link_results", owner=user.uid).json()[0].get("document") is None


def test_update_mode_has_its_page_and_makes_no_second_connection(bank: Bank, worker: str, user: User) -> None:
    connection = bank.connect(user)
    bank.wait_until_synced(user, connection["connection_id"])
    item_id = connections(bank, user)[0]["item_id"]
    bank.control("POST", f"items/{item_id}/state", state="login_required")
    page = opened(bank, worker, user, connection_id=connection["connection_id"])
    public_token = page.link()
    assert bank.control("GET", f"items/{item_id}")["state"] == "healthy"
    sent = bank.control("GET", "webhooks")["webhooks"]
    assert page.link_token not in {one["body"].get("link_token") for one in sent}, "update mode has no session webhooks"
    assert result(bank, public_token) == {}
    assert len(connections(bank, user)) == 1
