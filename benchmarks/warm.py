"""The rows about warm functions, under gunicorn as in production, compared with a minimal function."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.ground import Ground
from benchmarks.process import Contestant, Json
from benchmarks.table import Result, median
from emulators.client import User, sign_up
from emulators.ports import HOST
from emulators.setup import ROOT

CLIENTS = {1: 60, 8: 64, 32: 128}  # concurrent clients, and their requests per round
WARM_UP = 12
THREADS = 4  # the threads that functions-framework starts on one vCPU
MOST_SPREAD = 5.0  # of p99 over p50
FIRST_PORT = 7300  # plus the stack's offset
BOOT = 60.0
# Each user sends one or a few requests. The default limits would allow them, but the benchmark must not depend on it.
UNLIMITED = {"LINK_TOKENS_PER_MINUTE": "100000", "EXCHANGES_PER_MINUTE": "100000"}
LINKED = {
    "institution": {"institution_id": "ins_109508", "name": "First Platypus Bank"},
    "accounts": [{"id": "1", "name": "Sample checking", "mask": "1234", "type": "depository"}],
}


@dataclass
class Served:
    """A function under gunicorn and its measured latencies: for each number of clients, one list per round."""

    name: str
    method: str
    path: str
    port: int
    rounds: dict[int, list[list[float]]] = field(default_factory=lambda: defaultdict(list))

    def p50(self, clients: int) -> list[float]:
        return [median(latencies) for latencies in self.rounds[clients]]

    def spread(self, clients: int) -> float:
        """The ratio of p99 to p50 over all rounds."""
        pooled = sorted(latency for latencies in self.rounds[clients] for latency in latencies)
        return pooled[min(len(pooled) - 1, int(len(pooled) * 0.99))] / median(pooled)


@contextmanager
def served(function: Served, source: Path, on: Ground, **more: str) -> Iterator[Served]:
    """Runs a function as its container does in production, with `more` added to its environment."""
    environment = on.environment(
        FUNCTION_TARGET=function.name,
        FUNCTION_SIGNATURE_TYPE="http",
        HOST=HOST,
        PORT=str(function.port),
        THREADS=str(THREADS),
        PYTHONPATH=str(source),
        **UNLIMITED,
        **more,
    )
    log = on.stack.log(f"benchmark-{function.name}")
    command = [str(Path(sys.executable).with_name("functions-framework"))]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=source, env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        _wait(function.port, process)
        yield function
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + BOOT
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx.get(f"http://{HOST}:{port}/__/health", trust_env=False, timeout=5)
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the function on port {port} did not start")


def requests_for(function: Served, users: list[User], on: Ground) -> list[Json]:
    """One request for each user, because a public token can be used only once."""
    if function.method == "GET":
        return [{"headers": user.headers} for user in users]
    made = []
    for user in users:
        token = on.plaid("POST", "items", username="user_good", password="pass_good", exchange=False)["public_token"]
        headers = user.headers | {"Content-Type": "application/json"}
        made.append({"headers": headers, "body": json.dumps(LINKED | {"public_token": token})})
    return made


def latencies(on: Ground, *, rounds: int, quick: bool) -> list[Result]:
    """Compares link tokens and exchanges with the baseline, for each number of clients; the worst ratio counts."""
    amounts = {clients: count // 4 or 1 for clients, count in CLIENTS.items()} if quick else CLIENTS
    port = FIRST_PORT + on.stack.ports.offset
    base = Served("verify_and_read", "GET", "/", port)
    link = Served("create_link_token", "GET", "/api/v1/bank/connect", port + 1)
    exchange = Served("exchange_public_token", "POST", "/api/v1/bank/set_access_token", port + 2)
    with ExitStack() as stack:
        stack.enter_context(served(base, ROOT / "benchmarks" / "baseline", on))
        stack.enter_context(served(link, ROOT, on))
        stack.enter_context(served(exchange, ROOT, on))
        callers = stack.enter_context(Contestant("benchmarks.callers", dict(os.environ)))

        def turn(function: Served, clients: int, count: int) -> list[float]:
            users = [sign_up(on.http, on.stack.ports) for _ in range(count)]
            answer = callers.ask(
                "call",
                port=function.port,
                method=function.method,
                path=function.path,
                requests=requests_for(function, users, on),
                clients=clients,
            )
            if answer["refused"]:
                raise AssertionError(f"{function.name}, {clients} clients: {answer['refused'][:3]}")
            found: list[float] = answer["latencies"]
            return found

        for function in (base, link, exchange):
            turn(function, THREADS, WARM_UP)
        for number in range(rounds):
            on.empty()
            for clients, count in amounts.items():
                for function in (base, link, exchange):
                    function.rounds[clients].append(turn(function, clients, count))
            print(f"  round {number + 1}: " + "; ".join(_line(f, amounts) for f in (base, link, exchange)), flush=True)
    return [_result("link_token_p50", link, base), _result("exchange_p50", exchange, base)]


def _line(function: Served, amounts: dict[int, int]) -> str:
    times = "/".join(f"{median(function.rounds[clients][-1]) * 1000:.0f}" for clients in amounts)
    return f"{function.name} {times} ms"


def _result(row: str, mine: Served, base: Served) -> Result:
    ratios = {
        clients: median(ours / theirs for ours, theirs in zip(mine.p50(clients), base.p50(clients), strict=True))
        for clients in mine.rounds
    }
    spreads = {clients: mine.spread(clients) for clients in mine.rounds}
    summary = ", ".join(f"{ratios[n]:.2f} at {n} (p99 {spreads[n]:.1f} x p50)" for n in ratios)
    wide = [n for n, spread in spreads.items() if spread > MOST_SPREAD]
    flaw = f"p99 above {MOST_SPREAD:g} x p50 at {', '.join(map(str, wide))} clients" if wide else None
    return Result(row, max(ratios.values()), f"{summary}; no error", flaw=flaw)
