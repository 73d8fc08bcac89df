"""The account with which Cloud Tasks calls the functions. The emulator checks none, so this is for production."""

from __future__ import annotations

from typing import Any

import pytest

from shared.adapters.google.cloud_tasks import CloudTasksQueue
from shared.settings import Settings


class Client:
    """Records the tasks that are enqueued."""

    def __init__(self) -> None:
        self.tasks: list[dict[str, Any]] = []

    def create_task(self, *, parent: str, task: dict[str, Any], timeout: float) -> None:
        self.tasks.append(task)


@pytest.mark.parametrize(
    ("given", "caller"),
    [({}, "bank-tasks@a-project.iam.gserviceaccount.com"), ({"tasks_caller": "own@else.example"}, "own@else.example")],
)
def test_a_task_is_delivered_as_an_account_that_may_call_the_function_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], caller: str
) -> None:
    client = Client()
    monkeypatch.delenv("CLOUD_TASKS_EMULATOR_HOST", raising=False)
    monkeypatch.setattr("google.cloud.tasks_v2.CloudTasksClient", lambda: client)
    CloudTasksQueue(settings=Settings(project="a-project", **given)).enqueue("c1", name="one")
    [task] = client.tasks
    url = "https://us-central1-a-project.cloudfunctions.net/synctransactions"
    assert task["http_request"]["url"] == url
    assert task["http_request"]["oidc_token"] == {"service_account_email": caller, "audience": url}
