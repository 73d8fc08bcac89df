"""The measured processes: each contestant has its own, and exchanges requests and answers as lines of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from emulators.setup import ROOT

Json = dict[str, Any]


class Failed(Exception):
    """A contestant could not handle a request; the message is the last line of its traceback."""


class Contestant:
    """A process that handles one request at a time.

    Args:
        module: The module to run with `python -m`.
        environment: The complete environment.
    """

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None  # noqa: S101 (for the type checker: these are pipes)
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def ask(self, do: str, **arguments: Any) -> Json:
        """The answer to one request.

        Raises:
            Failed: The request raised an error, or the process ended.
        """
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write(json.dumps({"do": do, "with": arguments}) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith(_ANSWER):
                answer: Json = json.loads(line.removeprefix(_ANSWER))
                if "failed" in answer:
                    raise Failed(f"{do}: {answer['failed']}")
                return answer
        raise Failed(f"{do}: the process ended")


_ANSWER = "answer: "  # other output, such as that of a library, is not an answer


def serve(actions: Mapping[str, Callable[..., Json]]) -> None:
    """Answers requests until standard input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = actions[asked["do"]](**asked["with"])
        except Exception as error:  # noqa: BLE001 (sent to the parent)
            answer = {"failed": f"{type(error).__name__}: {error}"}
        print(_ANSWER + json.dumps(answer), flush=True)


class Timed:
    """Times a block: `seconds` of wall time, and `cpu` seconds of this process."""

    seconds: float = 0.0
    cpu: float = 0.0

    def __enter__(self) -> Self:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds, self.cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu


def peak_memory() -> int:
    """The peak memory of this process so far, in kB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise Failed("no VmHWM: the memory can be measured on Linux only")
