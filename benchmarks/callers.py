"""HTTP clients in a separate process: each keeps its connection and sends the next request after each response."""

from __future__ import annotations

import http.client
import threading
import time
from collections import deque
from typing import Any

from benchmarks.process import Json, serve


def call(port: int, method: str, path: str, requests: list[Json], clients: int) -> Json:
    """Sends requests with `headers` and a `body`, one per client at a time.

    Returns:
        The latencies in seconds, the unsuccessful statuses, and the total time.
    """
    left, latencies, refused = deque(requests), deque[float](), deque[Any]()

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            try:
                request = left.popleft()
            except IndexError:
                return
            began = time.perf_counter()
            try:
                connection.request(method, path, body=request.get("body"), headers=request["headers"])
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                refused.append(type(error).__name__)
                connection.close()
                continue
            latencies.append(time.perf_counter() - began)
            if not 200 <= answer.status < 300:
                refused.append(f"{answer.status} {text[:200].decode(errors='replace')}")

    threads = [threading.Thread(target=work) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"latencies": list(latencies), "refused": list(refused), "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    serve({"call": call})
