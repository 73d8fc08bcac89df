"""The local stack as a context manager: after entry all services respond, after exit no process remains."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from emulators.environment import Plaid, folder, stack_environment, workers_socket, write_config, write_secrets
from emulators.ports import PROJECT, Ports, StackError, check_free, offset_from_environment
from emulators.setup import ROOT
from emulators.supervisor import MEMBERSHIP, kill_members

FIREBASE = ROOT / "emulators" / "node_modules" / "firebase-tools" / "lib" / "bin" / "firebase.js"
PRELOADED = [
    ROOT / "emulators" / name
    for name in (
        *("any-port.cjs", "forked-workers.cjs", "fresh-connections.cjs", "lazy-schemas.cjs", "own-ports.cjs"),
        *("prompt-queues.cjs", "shared-workers.cjs", "visible-work.cjs"),
    )
]
SERVICES = ("auth", "firestore", "functions", "tasks", "hosting")
EMULATORS = "emulators"
WORKERS = "workers"
SIMULATOR = "simulator"


class Stack:
    """The emulators and the Plaid simulator.

    `nowhere` is a path that Hosting routes to api_not_found.

    Args:
        offset: added to every port; PORT_OFFSET if not given.
        only_simulator: start no emulators.
        services: the emulators to start.
        say: receives a line for each long wait.
    """

    nowhere = "/api/"

    def __init__(
        self,
        *,
        offset: int | None = None,
        only_simulator: bool = False,
        services: Sequence[str] = SERVICES,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.ports = Ports.at(offset_from_environment() if offset is None else offset)
        self.plaid = Plaid.choose(self.ports, {} if only_simulator else os.environ)
        self.logs = folder("logs", str(self.ports.offset))
        self._only_simulator = only_simulator
        self._services = services
        self._say = say
        self._id = uuid.uuid4().hex
        self._supervisor: subprocess.Popen[str] | None = None
        self._listener: threading.Thread | None = None
        self._ended: str | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Kills all processes of the stack; idempotent."""
        if self._supervisor is not None and self._supervisor.stdin is not None:
            self._supervisor.stdin.close()
            try:
                self._supervisor.wait(15)
            except subprocess.TimeoutExpired:
                self._supervisor.kill()
                self._supervisor.wait()
        if self._supervisor is not None:
            kill_members(self._id)  # in case the supervisor itself was killed
            if self._listener is not None:
                self._listener.join(5)
            self._supervisor = None

    def restart(self) -> None:
        """Stops all processes and starts them again, on the same ports and without data; empties the logs."""
        self.stop()
        self._ended = None
        self.__enter__()

    def check(self) -> None:
        """Raises a StackError if a process of the stack exited unexpectedly."""
        if self._ended is not None:
            raise StackError(self._failure(self._ended.split()[0], f"exited unexpectedly ({self._ended})"))

    def _commands(self) -> list[dict[str, object]]:
        commands: list[tuple[str, list[str], Path]] = []
        if self.plaid.simulated:
            arguments = [sys.executable, "-m", "emulators.plaid", "--port", str(self.ports.plaid)]
            arguments += self.plaid.simulator_options()
            commands.append((SIMULATOR, arguments, ROOT))
        if not self._only_simulator:
            config = str(self._config())
            only = ["--only", ",".join(self._services)]
            options = ["--config", config, "--project", PROJECT, *only, "--non-interactive"]
            if "functions" in self._services:
                forks = [sys.executable, "-u", "-m", "emulators.worker_forks", workers_socket(self.ports)]
                commands.append((WORKERS, forks, ROOT))
            # firebase-tools writes its debug logs to the working folder.
            preloaded = [f"--require={path}" for path in PRELOADED]
            commands.append((EMULATORS, ["node", *preloaded, str(FIREBASE), "emulators:start", *options], self.logs))
        return [
            {"name": name, "arguments": arguments, "folder": str(cwd), "log": str(self.log(name))}
            for name, arguments, cwd in commands
        ]

    def _config(self) -> Path:
        return write_config(self.ports, self.plaid)

    def _start(self) -> None:
        services = {name for name, _ in self.ports.items()}
        if self._only_simulator:
            services = {"plaid"}
        elif not self.plaid.simulated:
            services.discard("plaid")
        check_free(self.ports, services)
        environment = {**os.environ}
        if not self._only_simulator:
            shutil.rmtree(folder("tmp", str(self.ports.offset)))
            write_secrets(self.plaid)
            environment = stack_environment(self.ports, self.plaid)
        self._supervisor = subprocess.Popen(
            [sys.executable, "-m", "emulators.supervisor"],
            cwd=ROOT,
            env={**environment, MEMBERSHIP: self._id},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C at the terminal must reach only the parent
        )
        assert self._supervisor.stdin is not None  # noqa: S101
        self._supervisor.stdin.write(json.dumps(self._commands()) + "\n")
        self._supervisor.stdin.flush()
        self._listener = threading.Thread(target=self._listen, args=(self._supervisor,), daemon=True)
        self._listener.start()

    def _listen(self, supervisor: subprocess.Popen[str]) -> None:
        """Records the first process that exits unexpectedly, the supervisor included."""
        assert supervisor.stdout is not None  # noqa: S101
        with supervisor.stdout as lines:
            for line in lines:
                self._ended = self._ended or line.strip()
        self._ended = self._ended or "supervisor"

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self.logs / f"{name}.log"

    def _failure(self, name: str, what: str) -> str:
        log = self.log(name)
        lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
        return "\n".join([*lines[-20:], f"The {name} {what}. Full log: {log.relative_to(ROOT)}"])

    def _wait_until_ready(self, within: float = 300.0) -> None:
        waiting: dict[str, Callable[[httpx.Client], bool]] = {}
        if self.plaid.simulated:
            waiting[SIMULATOR] = lambda client: client.get(self.ports.url("plaid")).status_code > 0
        if not self._only_simulator:
            url = self.ports.url
            emulators: dict[str, Callable[[httpx.Client], bool]] = {
                "auth": lambda client: client.get(url("auth")).is_success,
                "firestore": lambda client: client.get(url("firestore")).is_success,
                "tasks": lambda client: client.get(f"{url('tasks')}/queueStats").status_code > 0,
                "functions": self._functions_loaded,
                # Tests the route from Hosting to a Python worker, which responds as the API contract says.
                "hosting": lambda client: (
                    client.get(url("hosting") + self.nowhere).status_code == httpx.codes.NOT_FOUND
                ),
            }
            waiting |= {name: answers for name, answers in emulators.items() if name in self._services}
        started = time.monotonic()
        reported = started
        with httpx.Client(trust_env=False, timeout=30.0) as client:
            while waiting:
                self.check()
                for name, answers in list(waiting.items()):
                    try:
                        if not answers(client):
                            break  # the later services depend on it
                    except httpx.HTTPError:
                        break
                    del waiting[name]
                now = time.monotonic()
                if now - started > within:
                    names = ", ".join(waiting)
                    blame = SIMULATOR if SIMULATOR in waiting else EMULATORS
                    raise StackError(self._failure(blame, f"did not start in {within:.0f} s (no answer from: {names})"))
                if now - reported > 10:
                    reported = now
                    self._say(f"… {now - started:.0f} s, waiting for {', '.join(waiting)}")
                time.sleep(0.1 if waiting else 0)

    def _functions_loaded(self, client: httpx.Client) -> bool:
        """Whether all functions behind Hosting are loaded; the suite reports ready even when main.py fails."""
        config = json.loads((ROOT / "firebase.json").read_text(encoding="utf-8"))
        wanted = {rule["function"]["functionId"] for rule in config["hosting"]["rewrites"] if "function" in rule}
        log = self.log(EMULATORS).read_text(errors="replace")  # read before the request, whose answer may be incomplete
        backends = client.get(f"{self.ports.url('functions')}/backends").json()["backends"]
        loaded = {trigger["entryPoint"] for backend in backends for trigger in backend["functionTriggers"]}
        if "Failed to load function" in log:
            raise StackError(self._failure(EMULATORS, "could not load main.py"))
        if loaded and wanted - loaded and "All emulators ready" in log:
            raise StackError(f"main.py lacks functions that firebase.json names: {', '.join(sorted(wanted - loaded))}")
        return wanted <= loaded and "All emulators ready" in log
