"""How the commands end: by Ctrl-C, by a signal, with their make, or with one clear line."""

from __future__ import annotations

import io
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

    A killed make leaves its recipe running. One that gets a SIGINT which its recipe does not get (from a
    script: at a terminal both do) only stops catching it, and waits for the recipe for ever.
    """
    caught = catches_interrupts(make)
    while os.getppid() == make and not (caught and not catches_interrupts(make)):
        time.sleep(0.25)
    os.kill(os.getpid(), signal.SIGTERM)


def catches_interrupts(pid: int) -> bool:
    """Whether a process has a handler for SIGINT, as far as /proc tells."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    masks = dict(line.split(":", 1) for line in status.splitlines() if line.startswith("Sig"))
    return bool(int(masks["SigCgt"], 16) >> (signal.SIGINT - 1) & 1)


def run(command: Callable[[], int], *, when_stopped: int = 130) -> None:
    """Runs a command; whatever ends it, context managers get to clean up.

    Args:
        command: gives the exit code.
        when_stopped: the exit code after Ctrl-C or a signal: 0 where that is how the command is meant to end.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        # Once is enough: a second Ctrl-C must not break off the cleaning up.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that knows no "…" gets a "?" in its place
        sys.stdout.reconfigure(errors="replace")
    if "MAKELEVEL" in os.environ:
        threading.Thread(target=follow_make, args=(os.getppid(),), daemon=True).start()
    try:
        code = command()
    except KeyboardInterrupt:
        code = when_stopped
    except StackError as error:
        print(printable(error, lines=True), file=sys.stderr)  # it may quote a log, or what a bank has said
        code = 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)
