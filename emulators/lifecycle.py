"""How the commands end: on Ctrl-C, a signal or the end of their make or owner, or with one clear error line."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from emulators.ports import StackError
from emulators.terminal import printable


def follow_make(make: int) -> None:
    """Stops this process when make is killed, or is interrupted alone.

    A killed make leaves its recipe running. If only make gets SIGINT (as from a script; at a terminal both do), it
    stops handling SIGINT and waits for the recipe forever.
    """
    caught = catches_interrupts(make)
    while os.getppid() == make and not (caught and not catches_interrupts(make)):
        time.sleep(0.25)
    os.kill(os.getpid(), signal.SIGTERM)


def catches_interrupts(pid: int) -> bool:
    """Whether /proc shows a SIGINT handler for a process."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    masks = dict(line.split(":", 1) for line in status.splitlines() if line.startswith("Sig"))
    return bool(int(masks["SigCgt"], 16) >> (signal.SIGINT - 1) & 1)


def end_with_parent() -> None:
    """Ends this worker of a process pool when its owner has ended: the pool's `initializer`.

    Otherwise, the workers of an owner that is killed continue their work, and then wait for more forever.
    """
    owner = multiprocessing.parent_process()

    def follow() -> None:
        if owner is not None:
            owner.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def run(command: Callable[[], int], *, when_stopped: int = 130) -> None:
    """Runs a command, and lets its context managers clean up however it ends.

    Args:
        command: returns the exit code.
        when_stopped: the exit code after Ctrl-C or a signal: 0 if that is the normal end of the command.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        # Later signals are ignored: a second Ctrl-C must not interrupt the cleanup.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that cannot encode "…" gets a "?"
        sys.stdout.reconfigure(errors="replace")
    if "MAKELEVEL" in os.environ:
        threading.Thread(target=follow_make, args=(os.getppid(),), daemon=True).start()
    try:
        code = command()
    except KeyboardInterrupt:
        code = when_stopped
    except StackError as error:
        print(printable(error, lines=True), file=sys.stderr)  # the message may quote a log or a bank
        code = 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)
