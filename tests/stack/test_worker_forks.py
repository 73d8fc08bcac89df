"""The functions' workers are forks of one process, and behave as the processes that firebase-tools starts otherwise."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from emulators.ports import HOST
from emulators.setup import ROOT
from emulators.stack import PRELOADED
from emulators.supervisor import MEMBERSHIP, kill_members
from tests.e2e.bank import wait_until

FUNCTION = """
import os
def answer(request):
    print("pid", os.getpid(), flush=True)
    return {text!r} + os.environ["GREETED"]
"""
START = """
const { runWithVirtualEnv } = require("firebase-tools/lib/functions/python.js");
const worker = runWithVirtualEnv(["functions-framework"], process.env.FOLDER, {});
worker.stdout.pipe(process.stdout);
worker.on("exit", () => process.exit());
"""


class Workers:
    """Starts workers as firebase-tools does, in a folder with a function."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "workers.sock"
        self.id = uuid.uuid4().hex
        command = [sys.executable, "-u", "-m", "emulators.worker_forks", str(self.socket)]
        self.started = [subprocess.Popen(command, cwd=ROOT, env={**os.environ, MEMBERSHIP: self.id}, text=True)]

    def write(self, text: str) -> None:
        (self.folder / "main.py").write_text(FUNCTION.format(text=text))

    def start(self, port: int, greeted: str) -> subprocess.Popen[str]:
        function = {"FUNCTION_TARGET": "answer", "FUNCTION_SOURCE": str(self.folder / "main.py")}
        address = {"HOST": HOST, "PORT": str(port)}
        stack = {MEMBERSHIP: self.id, "WORKERS_SOCKET": str(self.socket), "FOLDER": str(self.folder)}
        environment = {**os.environ, **stack, **function, **address, "GREETED": greeted}
        preloaded = [word for file in PRELOADED for word in ("--require", str(file))]
        command = ["node", *preloaded, "-e", START]
        folder = ROOT / "emulators"
        starter = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
        self.started.append(starter)
        return starter

    def end(self) -> None:
        kill_members(self.id)
        for process in self.started:
            process.communicate(timeout=10)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    (tmp_path / "venv").symlink_to(Path(sys.prefix))
    started = Workers(tmp_path)
    yield started
    started.end()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def answer(port: int) -> str:
    """What the function answers, once its worker listens."""

    def asked() -> str:
        try:
            return httpx.get(f"http://{HOST}:{port}/", trust_env=False).raise_for_status().text
        except httpx.ConnectError:
            return ""

    return str(wait_until(f"a worker listens on {port}", asked))


def serving(starter: subprocess.Popen[str]) -> int:
    """The process that printed its id when it was asked."""
    assert starter.stdout
    return int(starter.stdout.readline().split()[1])


def test_a_worker_has_its_own_environment_and_output_and_the_code_as_it_is_when_it_starts(workers: Workers) -> None:
    ports = free_port(), free_port()
    workers.write("Good morning, ")
    first = workers.start(ports[0], "Ann")
    assert answer(ports[0]) == "Good morning, Ann"
    workers.write("Good evening, ")
    second = workers.start(ports[1], "Ben")
    assert answer(ports[1]) == "Good evening, Ben"
    assert answer(ports[0]) == "Good morning, Ann"
    assert serving(first) != serving(second)


def test_firebase_tools_learns_that_a_worker_ended(workers: Workers) -> None:
    port = free_port()
    workers.write("Hello, ")
    starter = workers.start(port, "Ann")
    answer(port)
    served = serving(starter)
    gunicorn = int(Path(f"/proc/{served}/stat").read_text().rsplit(")", 1)[1].split()[1])  # its parent
    for pid in (gunicorn, served):
        os.kill(pid, signal.SIGKILL)
    assert starter.wait(10) == 0
