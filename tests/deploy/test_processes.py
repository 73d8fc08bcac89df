"""Commands run with their output shown as it appears, and with a limit on their time."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.processes import TIMED_OUT, run


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "firebase"


def written(script: Path, text: str) -> list[str]:
    script.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    script.chmod(0o755)
    return [str(script)]


def test_output_is_shown_while_the_command_runs(script: Path, tmp_path: Path) -> None:
    """The command waits for a file that is made only once its first line was shown."""
    seen = tmp_path / "seen"
    lines: list[str] = []

    def show(line: str) -> None:
        lines.append(line)
        if "creating" in line:
            seen.touch()

    command = written(script, f'echo creating; until [ -e "{seen}" ]; do :; done; echo done; echo oops >&2; exit 3')
    done = run(command, None, show)
    assert (done.code, done.out, done.err) == (3, "creating\ndone\n", "oops\n")
    assert sorted(lines) == ["  | creating", "  | done", "  | oops"]


def test_command_that_does_not_end_is_ended_and_its_output_kept(script: Path) -> None:
    done = run(written(script, "echo creating; exec sleep 1000"), None, seconds=0.5)
    assert (done.code, done.out) == (TIMED_OUT, "creating\n")
    assert "firebase did not end within" in done.err


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A process that a shell started in the background ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interrupted_command_does_not_keep_running(script: Path, tmp_path: Path) -> None:
    """The command reads its input, interrupts this process, as Ctrl-C does, and would continue."""
    pid = tmp_path / "pid"
    with pytest.raises(KeyboardInterrupt):
        run(written(script, f'echo $$ > "{pid}"; cat; kill -INT $PPID; exec sleep 1000'), None)
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()


def test_command_that_ignores_its_input_still_answers(script: Path) -> None:
    assert run(written(script, "exec <&-; echo ok"), "x" * 1_000_000).out == "ok\n"
