"""The task queues: Cloud Tasks, or the Tasks emulator, through the same client library."""

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.cloud import tasks_v2

from shared import trace
from shared.domain.errors import Unavailable
from shared.log import log
from shared.service_accounts import tasks_caller
from shared.settings import Settings

if TYPE_CHECKING:
    import requests

SYNC = "synctransactions"
EMULATOR_VARIABLE = "CLOUD_TASKS_EMULATOR_HOST"
DISPATCH_DEADLINE_SECONDS = 600
ENQUEUE_TIMEOUT_SECONDS = 10.0


class CloudTasksQueue:
    """The ports `SyncQueue` and `Tasks`: each function has a queue with its name."""

    def __init__(self, *, settings: Settings) -> None:
        self._emulator = os.environ.get(EMULATOR_VARIABLE)
        self._parent = f"projects/{settings.project}/locations/{settings.deploy_region}/queues"
        if self._emulator:
            # The emulators tell a worker the address of each emulator except the Functions emulator.
            self._url = f"http://{os.environ['BANK_FUNCTIONS_HOST']}/{settings.project}/{settings.deploy_region}"
            self._client = _emulator_client(self._emulator)
        else:
            # The cloudfunctions.net address of a function works for both generations.
            self._url = f"https://{settings.deploy_region}-{settings.project}.cloudfunctions.net"
            self._client = tasks_v2.CloudTasksClient()
        self._caller = settings.tasks_caller or tasks_caller(settings.project)

    def enqueue(self, connection_id: str, *, name: str, welcome: bool = False) -> None:
        """Adds a sync to its queue, in one call."""
        self.add(SYNC, {"connection_id": connection_id} | ({"welcome": True} if welcome else {}), name=name)

    def add(self, function: str, payload: Mapping[str, Any], *, name: str) -> None:
        """Adds a task, in one call; no effect if its name was used before.

        Raises:
            Unavailable: Cloud Tasks did not accept the task.
        """
        log.debug("queue.adding", function=function, task=name, payload=dict(payload))
        url, queue, carried = f"{self._url}/{function}", f"{self._parent}/{function}", trace.carried()
        request: dict[str, Any] = {
            "http_method": tasks_v2.HttpMethod.POST,
            "url": url,
            "headers": {"Content-Type": "application/json"} | ({trace.HEADER: carried} if carried else {}),
            "body": json.dumps({"data": dict(payload)}).encode(),
        }
        if not self._emulator:
            # The Admin SDK would use the account that enqueues, which could then call every private service that it
            # enqueues for. This account can only call the task functions.
            request["oidc_token"] = {"service_account_email": self._caller, "audience": url}
        task: Any = {
            "name": f"{queue}/tasks/{name}",
            "http_request": request,
            "dispatch_deadline": {"seconds": DISPATCH_DEADLINE_SECONDS},
        }
        try:
            self._client.create_task(parent=queue, task=task, timeout=ENQUEUE_TIMEOUT_SECONDS)
            log.info("task.enqueued", queue=function, task=name)
        except exceptions.Aborted as error:
            raise Unavailable("the queue did not accept the task; retry later", code="queue_unavailable") from error
        except exceptions.Conflict:  # ALREADY_EXISTS, over gRPC and over HTTP
            return
        except (exceptions.GoogleAPICallError, exceptions.RetryError, GoogleAuthError, OSError) as error:
            raise Unavailable("the queue did not accept the task; retry later", code="queue_unavailable") from error


def _emulator_client(host: str) -> tasks_v2.CloudTasksClient:
    """The library's REST transport, adapted to the emulator: no /v2 in the path, and another response format."""
    import requests
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksRestTransport

    class Dialect(requests.adapters.HTTPAdapter):
        def send(self, request: "requests.PreparedRequest", *args: Any, **kwargs: Any) -> "requests.Response":
            request.url = (request.url or "").replace("/v2/", "/", 1)
            response = super().send(request, *args, **kwargs)
            if response.ok:  # the emulator returns its internal task, of which only the name matches the API
                name = response.json().get("task", {}).get("name", "")
                response._content = json.dumps({"name": name}).encode()  # noqa: SLF001 (requests has no other way)
            return response

    transport = CloudTasksRestTransport(host=host, url_scheme="http", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    transport._session.mount("http://", Dialect())  # noqa: SLF001 (the transport has no other way)
    return tasks_v2.CloudTasksClient(transport=transport)
