"""Prints all log lines of a call: `python -m operations.trace [--local] ID`, which `make trace` runs.

ID can be the `X-Request-Id` of a response, a Plaid request id, the id of a connection or an item, or the name of a
task. Every trace with a line that contains it is printed, oldest line first. The lines come from the local stack's
log, or from Cloud Logging through the `gcloud` command.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from emulators.terminal import printable
from shared.log import redact

Line = dict[str, Any]
TRACE = "logging.googleapis.com/trace"
PLAIN = re.compile(r"[A-Za-z0-9_.:#-]{6,200}")
ABOUT_THE_LINE = {"severity", "message", "logger", "time", "function", "exception"}
MOST_LINES = 5000
MOST_TRACES = 50


class NoLines(Exception):
    """The log cannot be read; the message says why."""


def traces_that_name(wanted: str, lines: Iterable[Line]) -> set[str]:
    """The ids of the traces with a line that contains the wanted id, or that have it as their own id."""
    named = {trace_of(line) for line in lines if wanted == trace_of(line) or wanted in _words(line)}
    return named - {""}


def trace_of(line: Line) -> str:
    """The id of a line's trace; "" if it has none."""
    return str(line.get(TRACE, "")).rpartition("/")[2]


def told(lines: Iterable[Line]) -> Iterator[str]:
    """The log lines of one trace as text: time, function, event and fields."""
    began: datetime | None = None
    for line in sorted(lines, key=lambda line: str(line.get("time", ""))):
        at = datetime.fromisoformat(line["time"])
        began = began or at
        about = "  ".join(f"{name}={_short(value)}" for name, value in _fields(line).items())
        grave = "" if line.get("severity") in ("INFO", "DEBUG", None) else f"  [{line['severity']}]"
        said = f"{line.get('function', ''):24} {line['message']:26} {about}{grave}"
        yield printable(redact(f"{(at - began).total_seconds():9.3f} s  {said}").rstrip())
        yield from (
            f"{'':14}{printable(frame)}" for frame in redact(str(line.get("exception", ""))).split("\n") if frame
        )


def story(wanted: str, lines: Sequence[Line]) -> list[str]:
    """All traces that contain the wanted id, one after the other."""
    by_trace: dict[str, list[Line]] = {}
    named = traces_that_name(wanted, lines)
    for line in lines:
        if trace_of(line) in named:
            by_trace.setdefault(trace_of(line), []).append(line)
    said: list[str] = []
    for trace_id, theirs in sorted(by_trace.items(), key=lambda item: min(str(line["time"]) for line in item[1])):
        said += [f"trace {printable(trace_id)}, from {min(str(line['time']) for line in theirs)}", *told(theirs), ""]
    return said


def local_lines() -> list[Line]:
    """The log lines of the local stack at PORT_OFFSET since it was started.

    Raises:
        NoLines: No stack was started there, or PORT_OFFSET is invalid.
    """
    from emulators.ports import StackError, offset_from_environment
    from emulators.setup import LOCAL

    try:
        offset = offset_from_environment()
    except StackError as error:
        raise NoLines(str(error)) from None
    path = LOCAL / "logs" / str(offset) / "emulators.log"
    if not path.is_file():
        raise NoLines(f"no local stack was started at PORT_OFFSET={offset}")
    return list(parsed(path.read_text(encoding="utf-8", errors="replace").splitlines()))


def parsed(text: Iterable[str]) -> Iterator[Line]:
    """The JSON log lines of this backend among all lines of the emulators' log."""
    for one in text:
        begins = one.find('{"severity"')
        if begins < 0:
            continue
        try:
            line = json.loads(one[begins:])
        except ValueError:
            continue  # two workers wrote at the same time
        if isinstance(line, dict) and "time" in line and "message" in line:
            yield line


def log_filter(project: str, wanted: str) -> str:
    """The filter for lines that contain the id: https://cloud.google.com/logging/docs/view/logging-query-language"""
    return f'trace="projects/{project}/traces/{wanted}" OR (jsonPayload.logger="bank" AND SEARCH("{wanted}"))'


def cloud_lines(project: str, wanted: str, *, since: str) -> list[Line]:
    """Log lines from Cloud Logging, read with two queries: one for the traces that contain the id, one for their lines.

    Raises:
        NoLines: There is no gcloud command, or it failed.
    """
    first = _read(project, log_filter(project, wanted), since)
    named = sorted(traces_that_name(wanted, first))[:MOST_TRACES]
    if not named:
        return []
    return _read(project, " OR ".join(f'trace="projects/{project}/traces/{one}"' for one in named), since)


def _read(project: str, condition: str, since: str) -> list[Line]:
    command = ["gcloud", "logging", "read", condition, f"--project={project}", f"--freshness={since}"]
    if shutil.which("gcloud") is None:
        raise NoLines(f"gcloud is not installed; read Cloud Logging with this filter:\n{condition}")
    command += ["--order=asc", f"--limit={MOST_LINES}", "--format=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoLines(f"gcloud logging read failed: {redact(done.stderr.strip())}")
    entries = json.loads(done.stdout or "[]")
    return [_from_cloud(entry) for entry in entries if "message" in (entry.get("jsonPayload") or {})]


def _from_cloud(entry: dict[str, Any]) -> Line:
    """A Cloud Logging entry as the line that was printed: Cloud Logging moves some fields out of the payload."""
    about = {"severity": entry.get("severity"), "time": entry.get("timestamp"), TRACE: entry.get("trace", "")}
    return {**entry["jsonPayload"], **about}


def _fields(line: Line) -> Line:
    return {
        name: value
        for name, value in line.items()
        if name not in ABOUT_THE_LINE and not name.startswith("logging.googleapis.com/") and value not in (None, "")
    }


def _words(value: object) -> set[str]:
    """Every string in a line, at any depth; for a task's name also the connection id that it starts with."""
    match value:
        case dict():
            return set().union(*map(_words, value.values())) if value else set()
        case list():
            return set().union(*map(_words, value)) if value else set()
        case str():
            return {value, value.partition("-")[0]}
        case _:
            return set()


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}:{inner}" for name, inner in value.items())
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def main(arguments: Sequence[str]) -> int:
    """Print the traces; exit with 1 if no line contains the id or the log cannot be read, 2 if the id is malformed."""
    parser = argparse.ArgumentParser(prog="operations.trace", description=__doc__)
    parser.add_argument("--local", action="store_true", help="read the log of the local stack (at PORT_OFFSET)")
    parser.add_argument("--since", default="30d", help="how far back to look in Cloud Logging (30d)")
    parser.add_argument("id", metavar="ID", help="of a request, a connection, an item or a task")
    given = parser.parse_args(arguments)
    if not PLAIN.fullmatch(given.id):
        parser.error("not a valid id")
    project = os.environ.get("GOOGLE_CLOUD_PROJECT", "")
    if not given.local and not project:
        parser.error("set GOOGLE_CLOUD_PROJECT, or use --local")
    try:
        lines = local_lines() if given.local else cloud_lines(project, given.id, since=given.since)
    except NoLines as error:
        print(printable(f"trace: {error}", lines=True), file=sys.stderr)
        return 1
    said = story(given.id, lines)
    if not said:
        print(printable(f"trace: no log line contains {given.id}"), file=sys.stderr)
        return 1
    print(printable("\n".join(said[:-1]), lines=True))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
