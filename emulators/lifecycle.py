"""How the commands end: by Ctrl-C, by a signal, with their make, or with one clear line."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from emulators.ports import StackError
from emulators.supervisor import PR_SET_PDEATHSIG, prctl


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
    if "MAKELEVEL" in os.environ:  # a killed make would leave its recipe running
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        code = command()
    except KeyboardInterrupt:
        code = when_stopped
    except StackError as error:
        print(error, file=sys.stderr)
        code = 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)
