"""The process that owns the stack's processes and ends with its parent.

The parent holds the other end of its standard input. The first line lists the commands to run; end of file means that
the parent has ended, for any reason (Ctrl-C, SIGTERM, SIGKILL). The supervisor then kills all processes at once:
emulators have no state worth a clean shutdown, and on SIGTERM firebase-tools kills only the shells of its Python
workers and leaves their gunicorn processes running.

Process groups cannot identify the stack's processes, because firebase-tools starts some children in sessions of their
own. So an environment variable, which every descendant inherits, marks them.
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
    """Calls Linux's prctl; does nothing on other systems."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def members(stack_id: str) -> set[int]:
    """The processes of a stack, except this one."""
    mark = f"{MEMBERSHIP}={stack_id}"
    if sys.platform != "linux":
        table = subprocess.run(["ps", "-AEo", "pid=,command="], capture_output=True, text=True, check=False).stdout
        found = {int(line.split(None, 1)[0]) for line in table.splitlines() if mark in line}
        return found - {os.getpid()}
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        # Skips processes that just ended and those of other users; a zombie's environment is empty.
        with contextlib.suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                found.add(int(process.name))
    return found - {os.getpid()}


def kill_members(stack_id: str, within: float = 10.0) -> None:
    """Kills processes until two checks in a row find none, because a dying process may have started another."""
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
    """Waits for ended children, including adopted ones, so that no zombies remain."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main() -> None:
    """Runs the commands of the parent until the parent ends."""
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
            while os.read(0, 1024):  # not sys.stdin, whose lock would block the exit
                pass
            over.set()

        threading.Thread(target=listen, daemon=True).start()
        while not over.wait(0.2):
            with contextlib.suppress(ChildProcessError):
                while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                    if ended[0] in started:  # the parent reads which process it was
                        print(started[ended[0]], os.waitstatus_to_exitcode(ended[1]), flush=True)
    finally:
        kill_members(stack_id)


if __name__ == "__main__":
    main()
