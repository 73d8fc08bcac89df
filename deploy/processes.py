"""Runs one command: shows its output as it appears, and ends it after half an hour."""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO

ROOT = Path(__file__).resolve().parent.parent

# The Firebase CLI itself waits for up to 25 minutes. If Cloud Run has no CPU left for a new function, the CLI deletes
# and creates it again without end and without a message (release/fabricator.ts), so only a limit ends that.
LIMIT_SECONDS = 30 * 60.0
TIMED_OUT = 124  # as of the command `timeout`
NOT_INSTALLED = 127

Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a command."""

    code: int
    out: str
    err: str

    @property
    def why(self) -> str:
        """The command's own words about its failure; with `--json`, the Firebase CLI writes them into its output."""
        try:
            return str(json.loads(self.out)["error"])
        except (ValueError, KeyError, TypeError):
            return " ".join((self.err.strip() or self.out.strip() or "(no output)").splitlines()[-5:])


Runner = Callable[[Sequence[str], str | None, Show | None], Done]


def run(command: Sequence[str], stdin: str | None, show: Show | None = None, *, seconds: float = LIMIT_SECONDS) -> Done:
    """Runs a command.

    Args:
        command: The program and its arguments.
        stdin: Its standard input.
        show: Receives each line of output as it appears.
        seconds: The limit after which the command is ended.

    Returns:
        The result. The exit code is 127 if the program is not installed, and 124 if the command did not end in time.
    """
    environment = {**os.environ, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "NO_UPDATE_NOTIFIER": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    try:
        process = subprocess.Popen(command, text=True, env=environment, cwd=ROOT, **pipes)  # type: ignore[call-overload]
    except OSError as error:
        return Done(NOT_INSTALLED, "", f"{command[0]}: {error.strerror}")
    out, err = list[str](), list[str]()
    try:
        readers = [_reader(process.stdout, out, show), _reader(process.stderr, err, show)]
        _write(process.stdin, stdin or "")
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        code = TIMED_OUT
        err.append(f"{Path(command[0]).name} did not end within {seconds / 60:.0f} minutes\n")
    finally:
        process.kill()  # has no effect on a process that ended
        process.wait()
    for reader in readers:
        reader.join(timeout=5)  # a child process of the command may keep the output open
    return Done(code, "".join(out), "".join(err))


def _write(stream: IO[str], text: str) -> None:
    try:
        with stream:
            stream.write(text)
    except BrokenPipeError:
        pass  # the command ended without reading its input


def _reader(stream: IO[str], lines: list[str], show: Show | None) -> Thread:
    def read() -> None:
        with stream:
            for line in stream:
                lines.append(line)
                if show is not None and line.strip():
                    show(f"  | {line.rstrip()}")

    thread = Thread(target=read, daemon=True)
    thread.start()
    return thread
