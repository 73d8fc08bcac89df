"""Task functions accept only deliveries from the service account of Cloud Tasks."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest

from deploy.context import manifest
from shared.service_accounts import tasks_caller
from shared.serving import container
from shared.settings import Settings
from tests.functions.conftest import client
from tests.usecases.conftest import World

TASKS = {
    "synctransactions": {"connection_id": "1"},
    "syncproducts": {"connection_id": "1", "kind": "holdings"},
    "removeitem": {"connection_id": "1"},
    "erasedata": {"app_user_id": "alice"},
    "movehistory": {"connection_id": "1"},
    "handlewebhook": {"delivery_id": "1"},
    "checkitem": {"connection_id": "1"},
    "checkitems": {},
    "exchangelink": {"result_id": "1"},
    "rotatetoken": {"connection_id": "1"},
    "judgeinstitution": {"institution_id": "ins_1"},
    "sendpush": {"app_user_id": "alice", "lost_at": "2026-03-01T12:00:00Z"},
}
OURS = tasks_caller("a-bank")


def token(claims: Any, signature: str = "SIGNATURE_REMOVED_BY_GOOGLE") -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    header, payload = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    return f"{header}.{payload}.{signature}"


def bearer(claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(claims)}"}


REFUSED: list[dict[str, str]] = [
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer x"},
    {"Authorization": "Bearer ..."},
    {"Authorization": "Bearer a.b.c"},
    {"Authorization": "Bearer a.W10.c"},
    {"Authorization": f"Basic {token({'email': OURS})}"},
    bearer({}),
    bearer([OURS]),
    bearer(OURS),
    bearer({"email": None}),
    bearer({"email": [OURS]}),
    bearer({"email": OURS.upper()}),
    bearer({"email": f"{OURS}.evil.example"}),
    bearer({"email": tasks_caller("another-bank")}),
    bearer({"sub": OURS, "azp": OURS}),
    bearer({"email": OURS}) | {"X-Serverless-Authorization": f"Bearer {token({'email': 'me@example.com'})}"},
]


@pytest.fixture
def deployed(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose project is not an emulator project."""
    monkeypatch.setattr(container, "settings", lambda: Settings(project="a-bank"))
    world.connected()
    return world


@pytest.mark.parametrize("function", TASKS)
@pytest.mark.parametrize("headers", REFUSED, ids=range(len(REFUSED)))
def test_another_caller_is_refused_and_nothing_is_done(
    deployed: World, function: str, headers: dict[str, str], logged: list[logging.LogRecord]
) -> None:
    before = repr({**vars(deployed.store), **vars(deployed.queue)})
    for asking in client(function):
        assert asking.post("/", json={"data": TASKS[function]}, headers=headers).status_code == 403
    assert repr({**vars(deployed.store), **vars(deployed.queue)}) == before
    warnings = [(r.levelname, r.getMessage()) for r in logged if r.levelno >= logging.WARNING]
    assert warnings == [("WARNING", "task.refused")]


@pytest.mark.parametrize("signature", ["SIGNATURE_REMOVED_BY_GOOGLE", "x" * 342])
@pytest.mark.parametrize("header", ["Authorization", "X-Serverless-Authorization"])
def test_account_of_cloud_tasks_is_accepted(deployed: World, signature: str, header: str) -> None:
    for asking in client("erasedata"):
        headers = {header: f"Bearer {token({'email': OURS, 'email_verified': True}, signature)}"}
        assert asking.post("/", json={"data": TASKS["erasedata"]}, headers=headers).status_code == 200


def test_a_configured_tasks_account_replaces_the_default_one(deployed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(project="a-bank", tasks_caller="queue@a-bank.iam.gserviceaccount.com")
    monkeypatch.setattr(container, "settings", lambda: settings)
    for asking in client("erasedata"):
        for email, status in (("queue@a-bank.iam.gserviceaccount.com", 200), (OURS, 403)):
            answer = asking.post("/", json={"data": TASKS["erasedata"]}, headers=bearer({"email": email}))
            assert answer.status_code == status


def test_the_emulators_queue_does_not_sign(world: World) -> None:
    for asking in client("erasedata"):
        assert asking.post("/", json={"data": TASKS["erasedata"]}).status_code == 200


def test_every_task_function_is_tested() -> None:
    assert {name for name, endpoint in manifest().items() if "taskQueueTrigger" in endpoint} == set(TASKS)
