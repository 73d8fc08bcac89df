"""However the stack's starter ends, no process is left running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from emulators.ports import Ports, StackError, check_free, taken
from emulators.setup import ROOT
from emulators.stack import Stack
from tests.places import offset_number

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]


def aside() -> int:
    """A port offset apart from those of all workers and of the demo's test."""
    return offset_number(8)


# A stack whose second service has a child in its own session, and that child has one, as firebase-tools' Python workers
# have gunicorns. It starts in a second, while the emulators take half a minute on a busy machine.
SMALL_STACK = """
import sys, time
from pathlib import Path
from emulators.lifecycle import run
from emulators.stack import Stack

DETACHED = "import os, time; os.fork() or (os.setsid(), os.fork(), time.sleep(600)); time.sleep(600)"

class Small(Stack):
    def _commands(self):
        detached = {"arguments": [sys.executable, "-c", DETACHED], "name": "detached", "log": str(self.log("detached"))}
        return [command | more for command in super()._commands() for more in ({}, detached)]

def small():
    with Small(only_simulator=True) as stack:
        print("ready", flush=True)
        while True:
            stack.check()
            time.sleep(0.5)

run(small)
"""


class Command:
    """A command (a make target, unless several arguments are given) in its own session, as at a terminal.

    The environment of every process below it contains a mark.
    """

    def __init__(self, *arguments: str) -> None:
        self.ports = Ports.at(aside())
        self.mark = uuid.uuid4().hex
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        environment |= {"TEST_MARK": self.mark, "PORT_OFFSET": str(self.ports.offset)}
        self.process = subprocess.Popen(
            ["make", *arguments] if len(arguments) == 1 else arguments,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # A shell's background job ignores SIGINT, and its children inherit that; a terminal's foreground job does
            # not.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )

    def wait_until_ready(self) -> list[str]:
        """The output up to the line `ready`."""
        assert self.process.stdout
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line == "ready\n":
                return lines
        pytest.fail("".join(["it ended before it was ready:\n", *lines]))

    def members(self) -> dict[int, str]:
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"TEST_MARK={self.mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                    found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
        return found

    def services(self) -> list[str]:
        """The command lines of all processes except the starter's."""
        return [line for pid, line in self.members().items() if pid != self.process.pid]

    def member(self, part: str) -> int:
        """The one process whose command line contains this text."""
        (pid,) = [pid for pid, command in self.members().items() if part in command]
        return pid

    def taken(self) -> list[int]:
        return [port for _, port in self.ports.items() if taken(port)]

    def assert_gone(self, within: float = 60) -> None:
        deadline = time.monotonic() + within
        while (self.members() or self.taken()) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert self.members() == {}
        assert self.taken() == []
        self.process.wait(within)


@pytest.fixture
def command() -> Iterator[type[Command]]:
    """Starts commands, and stops them after a test that failed."""
    made: list[Command] = []

    class Remembered(Command):
        def __init__(self, *arguments: str) -> None:
            super().__init__(*arguments)
            made.append(self)

    yield Remembered
    for one in made:
        for pid in one.members():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert one.process.stdout
        one.process.stdout.close()
        one.process.wait()


@pytest.mark.emulator  # `make dev` starts the emulators
def test_ctrl_c_ends_the_whole_stack(command: type[Command], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_TRANSACTIONS", "7")
    dev = command("dev")
    assert "Link login      user_generated\n" in dev.wait_until_ready()
    assert len([line for line in dev.members().values() if "worker_forks" in line]) > 1  # a worker runs
    os.killpg(dev.process.pid, signal.SIGINT)
    dev.assert_gone()


def test_dev_refuses_an_unknown_bank_user_before_it_starts_anything(
    command: type[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_USER", "/nowhere/at/all.json")
    dev = command("dev")
    said, _ = dev.process.communicate(timeout=120)
    assert dev.process.returncode
    assert "No such file" in said
    assert "Traceback" not in said


def test_a_killed_starter_takes_the_whole_stack_with_it(command: type[Command]) -> None:
    small = command(sys.executable, "-c", SMALL_STACK)
    small.wait_until_ready()
    deadline = time.monotonic() + 60
    while sum("os.setsid()" in line for line in small.services()) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert any("emulators.plaid" in line for line in small.services())
    os.kill(small.process.pid, signal.SIGKILL)
    small.assert_gone()


@pytest.mark.emulator  # `make dev` starts the emulators
def test_a_starter_killed_while_starting_leaves_nothing(command: type[Command]) -> None:
    dev = command("dev")
    deadline = time.monotonic() + 120
    while not any("java" in line for line in dev.members().values()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(dev.member("emulators.dev"), signal.SIGKILL)
    dev.assert_gone()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_killed_make_ends_what_it_started(command: type[Command], number: signal.Signals) -> None:
    plaid = command("plaid")
    plaid.wait_until_ready()
    plaid.process.send_signal(number)
    plaid.assert_gone()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_simulator_quietly(command: type[Command], number: signal.Signals) -> None:
    plaid = command("plaid")
    plaid.wait_until_ready()
    os.kill(plaid.member("emulators.dev"), number)
    plaid.assert_gone()
    assert plaid.process.returncode == 0


@pytest.mark.parametrize("part", ["emulators.supervisor", "emulators.plaid"])
def test_stack_that_loses_a_process_stops_with_a_message(command: type[Command], part: str) -> None:
    plaid = command("plaid")
    plaid.wait_until_ready()
    os.kill(plaid.member(part), signal.SIGKILL)
    plaid.assert_gone()
    assert plaid.process.returncode != 0
    assert plaid.process.stdout
    assert "exited unexpectedly" in plaid.process.stdout.read()


def test_two_simulators_run_in_parallel_but_not_on_one_port(command: type[Command]) -> None:
    plaid = command("plaid")
    plaid.wait_until_ready()
    with pytest.raises(StackError, match=rf"{plaid.ports.plaid} \(plaid, held by pid"):
        check_free(plaid.ports, {"plaid"}, patience=0)
    with Stack(offset=offset_number(10), only_simulator=True) as other:
        assert httpx.get(other.plaid.base_url, trust_env=False).status_code
    second = command("plaid")
    assert second.process.stdout
    assert str(plaid.ports.plaid) in second.process.stdout.read()
    assert second.process.wait(60) != 0


def test_service_that_does_not_start_shows_the_end_of_its_log() -> None:
    class Broken(Stack):
        def _commands(self) -> list[dict[str, object]]:
            (command,) = super()._commands()
            return [command | {"arguments": [sys.executable, "-c", "print('no luck today'); raise SystemExit(3)"]}]

    with pytest.raises(StackError, match=r"(?s)no luck today.*simulator exited unexpectedly \(simulator 3\).*log"):
        Broken(offset=aside(), only_simulator=True).__enter__()


POOL = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from emulators.lifecycle import end_with_parent

with ProcessPoolExecutor(2, mp_context=get_context(sys.argv[1]), initializer=end_with_parent) as pool:
    begun = [pool.submit(os.getpid), pool.submit(time.sleep, 600), pool.submit(time.sleep, 600)]
    begun[0].result()
    print(*pool._processes, flush=True)
"""


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_the_workers_of_a_killed_command_end(method: str) -> None:
    command = [sys.executable, "-c", POOL, method]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as owner:
        assert owner.stdout is not None
        workers = [Path(f"/proc/{pid}") for pid in owner.stdout.readline().split()]
        assert len(workers) == 2
        assert all(worker.exists() for worker in workers)
        owner.kill()
    until = time.monotonic() + 30
    while any(worker.exists() for worker in workers) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(worker.exists() for worker in workers)
