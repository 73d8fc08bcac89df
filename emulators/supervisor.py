"""The process that owns the stack's processes and outlives nobody.

Its starter holds the other end of its standard input: the first line says what to run, and its end says
that the starter is gone, however it went (Ctrl-C, SIGTERM, SIGKILL). Everything is then killed at once: emulators
keep nothing worth a slow goodbye, and on a polite one firebase-tools kills only the shells of its Python
workers and leaves their gunicorns behind.

Process groups do not hold the stack together (firebase-tools gives some children sessions of their own), so
membership is written where every descendant inherits it: in the environment.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

MEMBERSHIP = "BANK_STACK_ID"
PR_SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    """Linux' process controls; nothing elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def members(stack_id: str) -> set[int]:
    """The processes of a stack, but for this one."""
    mark = f"{MEMBERSHIP}={stack_id}"
    if sys.platform != "linux":
        table = subprocess.run(["ps", "-AEo", "pid=,command="], capture_output=True, text=True, check=False).stdout
        found = {int(line.split(None, 1)[0]) for line in table.splitlines() if mark in line}
        return found - {os.getpid()}
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        # A process may end between the two looks; one of another user cannot be ours. A zombie's is empty.
        with contextlib.suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                found.add(int(process.name))
    return found - {os.getpid()}


def kill_members(stack_id: str, within: float = 10.0) -> None:
    """Kills until two looks in a row find nobody: between two looks a dying process may have made another."""
    deadline = time.monotonic() + within
    quiet = 0
    while quiet < 2 and time.monotonic() < deadline:
        found = members(stack_id)
        quiet = 0 if found else quiet + 1
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        reap()
        time.sleep(0.02)
    reap()


def reap() -> None:
    """Takes leave of ended children, the adopted ones too, so that they do not stay as zombies."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main() -> None:
    """Runs what the starter asks for until the starter goes or a process ends by itself."""
    stack_id = os.environ[MEMBERSHIP]
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    over = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        over.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    try:
        started: dict[int, str] = {}
        for command in json.loads(sys.stdin.readline() or "[]"):
            with Path(command["log"]).open("wb") as log:
                process = subprocess.Popen(
                    command["arguments"],
                    cwd=command["folder"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            started[process.pid] = command["name"]

        def listen() -> None:
            while os.read(0, 1024):  # not sys.stdin: its lock would be in the way at exit
                pass
            over.set()

        threading.Thread(target=listen, daemon=True).start()
        while not over.wait(0.2):
            with contextlib.suppress(ChildProcessError):
                while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                    if ended[0] in started:  # the starter reads who it was
                        print(started[ended[0]], os.waitstatus_to_exitcode(ended[1]), flush=True)
    finally:
        kill_members(stack_id)


if __name__ == "__main__":
    main()
