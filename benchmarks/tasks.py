"""A simulated Cloud Tasks for the load test: it delivers a limited number of tasks at a time and retries failed ones.

The Tasks emulator delivers to the Functions emulator, which starts a process for each concurrent call: with fifty
processes a laptop would measure its own memory. Here the functions run under gunicorn, as in production.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from emulators.ports import HOST

MOST_TRIES = 8  # as in the sync queue
BACK_OFF_SECONDS = 2.0
PATIENCE = 300.0


class Queue:
    """The API's `create_task`, and the delivery of tasks.

    Args:
        port: Where it listens.
        functions: The port of each function that it calls.
        at_once: The number of concurrent deliveries.
    """

    def __init__(self, port: int, functions: dict[str, int], *, at_once: int) -> None:
        self.failed: list[str] = []
        self.done = 0
        self._functions, self._names, self._lock = functions, set[str](), threading.Lock()
        self._pool = ThreadPoolExecutor(at_once)
        self._server = ThreadingHTTPServer((HOST, port), self._handler())
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._pool.shutdown(cancel_futures=True)

    def _take(self, task: dict[str, Any]) -> bool:
        """Accepts a task, unless its name was used before."""
        name = task["name"]
        with self._lock:
            if name in self._names:
                return False
            self._names.add(name)
        self._pool.submit(self._hand_out, name, task["httpRequest"])
        return True

    def _hand_out(self, name: str, asked: dict[str, Any]) -> None:
        function = asked["url"].rsplit("/", 1)[1]
        if function not in self._functions:
            return  # not part of a sync
        headers = {**asked.get("headers", {}), "X-Cloudtasks-Taskname": name.rsplit("/", 1)[1]}
        request = urllib.request.Request(
            f"http://{HOST}:{self._functions[function]}/", base64.b64decode(asked["body"]), headers, method="POST"
        )
        for _ in range(MOST_TRIES):
            try:
                with urllib.request.urlopen(request, timeout=PATIENCE):  # noqa: S310
                    self.done += 1
                    return
            except urllib.error.HTTPError as error:
                error.close()
                time.sleep(BACK_OFF_SECONDS)
            except OSError:
                time.sleep(BACK_OFF_SECONDS)
        self.failed.append(name)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        queue = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                taken = queue._take(body["task"])
                answer = json.dumps({"task": {"name": body["task"]["name"]}} if taken else {}).encode()
                self.send_response(200 if taken else 409)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Logs nothing."""

        return Handler
