"""A bank has an outage: connections say so in plain words, and Link opens only after a warning."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Error, expect

from tests.e2e.bank import wait_until
from tests.firestore_rest import BACKEND, Client
from tests.web.person import FEW, PATIENCE, Person, screenshot, violations

# No other test uses this bank: its health is that of all users.
BANK, BANK_ID = "Houndstooth Bank", "ins_109512"
NOW = datetime.now(UTC)
LANGUAGES = {
    "en-US": {
        "since": f"{BANK} has been down since",
        "nothing": "There is nothing for you to do. We check every few minutes.",
        "warned": f"{BANK} is having problems",
        "login": "Log in again",
        "later": "Not now",
        "anyway": "Try anyway",
        "refresh": "Refresh",
        "waits": f"{BANK} is not responding. We will retry",
        "recovers": "works again. Your data is catching up.",
    },
    "es-ES": {
        "since": f"{BANK} no funciona desde",
        "nothing": "No tienes que hacer nada. Lo comprobamos cada pocos minutos.",
        "warned": f"{BANK} tiene problemas",
        "login": "Iniciar sesión",
        "later": "Ahora no",
        "anyway": "Intentarlo igualmente",
        "refresh": "Actualizar",
        "waits": f"{BANK} no responde",
        "recovers": "vuelve a funcionar. Tus datos se están poniendo al día.",
    },
}


def store(person: Person, path: str, fields: dict[str, Any]) -> None:
    Client(person.http, person.stack.ports.url("firestore"), BACKEND).seed({path: fields})


def health(person: Person, state: str, message: str, *, age: timedelta = timedelta(minutes=20)) -> None:
    """What the backend publishes; other tests cover when it does."""
    document = {"institution_id": BANK_ID, "state": state, "kind": "both", "message_key": message}
    times = {"since": NOW - age, "updated_at": NOW - age}
    store(person, f"bank_institution_health/{BANK_ID}", document | times | {"share_failing": 0.9})


def waiting(person: Person) -> None:
    """A manual sync that waits for the end of the outage."""
    [connection] = person.connections()
    path = f"bank_sync_progress/{connection['connection_id']}"
    error = {"type": "INSTITUTION_ERROR", "code": "INSTITUTION_DOWN", "message": "down", "retryable": True}
    waits = {"status": "pending", "stage": "queued", "next_retry_at": NOW + timedelta(minutes=20), "error": error}
    store(person, path, (person.admin().get(path) or {}) | waits)


@pytest.fixture(params=LANGUAGES)
def texts(request: pytest.FixtureRequest) -> tuple[str, dict[str, str]]:
    return request.param, LANGUAGES[request.param]


def test_an_outage_is_explained_on_the_connection_and_before_link_opens(
    person: Callable[..., Person], texts: tuple[str, dict[str, str]]
) -> None:
    locale, text = texts
    ann = person()
    page = ann.page
    ann.sign_up()
    ann.connect(BANK, **FEW)
    ann.wait_until_synced(BANK)
    page.evaluate("language => localStorage.setItem('language', language)", locale[:2])
    ann.go()
    outage = page.get_by_test_id("outage")
    expect(ann.card(BANK)).to_be_visible()
    expect(outage).to_have_count(0)

    health(ann, "down", "bank_down")

    def is_told() -> bool:
        ann.go()  # again: on a busy machine, the emulators may leave the page's listener or a file without an answer
        with suppress(Error):
            outage.wait_for(timeout=PATIENCE / 2)
        return outage.count() == 1

    wait_until("the app tells of the outage", is_told, shown=ann.reads)
    expect(outage).to_contain_text(text["since"])
    expect(outage).to_contain_text(text["nothing"])
    screenshot(page, f"desktop-bank-outage-{locale[:2]}")
    assert violations(page) == []
    page.get_by_role("link", name=BANK).first.click()
    line = page.get_by_test_id("sync-line")
    refresh = page.get_by_role("button", name=text["refresh"], exact=True)

    def says_that_it_waits() -> bool:
        waiting(ann)  # again if a run that a webhook has started overwrites it
        return text["waits"] in line.inner_text() and refresh.is_enabled()

    wait_until("the sync line says that the sync waits", says_that_it_waits)

    ann.bank_does("state", state="login_required")
    repair = page.get_by_test_id("notice").get_by_role("button", name=text["login"])
    repair.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(text["warned"])
    expect(dialog).to_contain_text(re.compile(text["since"]))
    screenshot(page, f"desktop-bank-outage-warning-{locale[:2]}")
    assert violations(page, within=".dialog") == []
    dialog.get_by_role("button", name=text["later"]).click()
    expect(dialog).to_have_count(0)
    expect(page.locator("iframe[title='Plaid Link']")).to_have_count(0)
    repair.click()
    dialog.get_by_role("button", name=text["anyway"]).click()
    expect(page.locator("iframe[title='Plaid Link']")).to_have_count(1)
    ann.log_in(**FEW)

    health(ann, "recovering", "bank_recovering")
    expect(outage).to_contain_text(text["recovers"])
    health(ann, "down", "bank_down", age=timedelta(hours=7))  # left by a backend that was interrupted
    expect(outage).to_have_count(0)
    health(ann, "suspected", "bank_ok")
    expect(outage).to_have_count(0)
