"""The generated replays of the evaluation, one job per replay and contestant.

A job's result is kept in .local/health, so that an interrupted evaluation resumes. It belongs to the code that made it:
a change of the detector, of the recovery plan or of the world starts the evaluation again.
"""

from __future__ import annotations

import ast
import dataclasses
import gc
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.health import scenario
from benchmarks.health.drive import Backend
from benchmarks.health.limit import possible
from benchmarks.health.measure import Tally, measure
from benchmarks.health.replay import Replay
from benchmarks.health.rivals import RIVALS, declared_by
from benchmarks.health.table import LIMIT
from emulators.lifecycle import end_with_parent
from shared.domain.institution_health.selection import DETECTORS

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".local" / "health"
EVENTFUL, QUIET, QUIET_UNRELIABLE, WITH_RIVALS = 4, 26, 5, 1
_WITH_LARGEST = (
    5  # every fifth quiet replay has banks of up to 2,000 connections, the others of up to 500, to save time
)
_USED = ("benchmarks/health", "shared/domain/institution_health")
_CHANGE_NO_RESULT = {"__main__.py", "table.py", "evaluation.py", "selection.py", "replay_file.py"}
_LEARNED = {"learned.py", "weights.json"}


@dataclass(frozen=True, slots=True)
class Job:
    """One generated replay for one contestant."""

    kind: str
    seed: int
    contestant: str

    def replay(self) -> Replay:
        """The replay."""
        if self.kind == "eventful":
            return scenario.eventful(self.seed)
        bases = (0.002, 0.005, 0.0144) if self.kind == "quiet" else (0.054, 0.156)
        largest = scenario.LARGEST if self.kind == "quiet" and self.seed % _WITH_LARGEST == 1 else scenario.LARGE
        return scenario.quiet(self.seed, bases, largest)


def tally_of(replay: Replay, seed: int, contestant: str) -> Tally:
    """What one contestant achieves in a replay, under one seed."""
    for name, detector in DETECTORS.items():
        if name == contestant:
            return measure(replay, Backend(replay, seed, detector).run(), seed)
    declared = possible(replay, seed) if contestant == LIMIT else declared_by(contestant, replay, seed)
    return measure(replay, declared, seed)


def jobs(*, quick: bool, first: int = scenario.HELD_OUT) -> list[Job]:
    """All generated replays. Rivals meet some of the eventful ones only, whose quiet years count, too.

    The kinds take turns, so that an evaluation that is interrupted says something about each.
    """
    eventful, quiet, unreliable, rivals = (1, 1, 1, 1) if quick else (EVENTFUL, QUIET, QUIET_UNRELIABLE, WITH_RIVALS)
    kinds = [("eventful", eventful, name) for name in (*DETECTORS, LIMIT)]
    kinds += [("quiet", quiet, name) for name in DETECTORS]
    kinds += [("quiet_unreliable", unreliable, name) for name in DETECTORS]
    kinds += [("eventful", rivals, rival) for rival in RIVALS]
    turns = [(at / count, Job(kind, first + at, name)) for kind, count, name in kinds for at in range(count)]
    return [job for _, job in sorted(turns, key=lambda turn: turn[0])]


def evaluate(*, quick: bool, first: int = scenario.HELD_OUT) -> dict[str, Tally]:
    """What each contestant achieves, over all replays."""
    began, tallies = time.monotonic(), dict[str, Tally]()
    for job, tally in _results(jobs(quick=quick, first=first)):
        tallies.setdefault(job.contestant, Tally()).add(tally)
        print(f"{time.monotonic() - began:5.0f} s  {job.kind} {job.seed} {job.contestant}", flush=True)
    return tallies


def _results(wanted: list[Job]) -> Iterator[tuple[Job, Tally]]:
    missing = []
    for job in wanted:
        if (kept := _read(_file(job))) is not None:
            yield job, kept
        else:
            missing.append(job)
    with ProcessPoolExecutor(os.cpu_count(), initializer=_begin_worker) as workers:
        yield from workers.map(run, missing)


def _begin_worker() -> None:
    """A replay makes few cycles of objects, and their collection would visit each of its many events repeatedly."""
    gc.disable()
    end_with_parent()


def run(job: Job) -> tuple[Job, Tally]:
    """Runs a job and keeps its result."""
    tally, file = tally_of(job.replay(), job.seed, job.contestant), _file(job)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}")
    content = {one.name: getattr(tally, one.name) for one in dataclasses.fields(tally)}  # asdict breaks a Counter
    unfinished.write_text(json.dumps(content), encoding="utf-8")
    unfinished.replace(file)
    return job, tally


def _file(job: Job) -> Path:
    return KEPT / _digest(learned=job.contestant == "learned") / f"{job.kind}-{job.seed}-{job.contestant}.json"


@cache
def _digest(*, learned: bool) -> str:
    unused = _CHANGE_NO_RESULT if learned else _CHANGE_NO_RESULT | _LEARNED
    files = sorted(file for folder in _USED for file in (ROOT / folder).iterdir() if file.suffix in {".py", ".json"})
    used = "".join(_meaning(file) for file in files if file.name not in unused)
    return hashlib.sha256(used.encode()).hexdigest()[:12]


def _meaning(file: Path) -> str:
    """The content of a file without its comments, its docstrings and its format."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        return text
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body: list[ast.stmt] = getattr(node, "body", [])
        if isinstance(body, list):
            body[:] = [one for one in body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
    return ast.dump(tree)


def _read(file: Path) -> Tally | None:
    if not file.is_file():
        return None
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    tally = Tally(**{name: value for name, value in content.items() if not isinstance(value, dict)})
    tally.delays.update(content["delays"])
    tally.quiet_minutes.update({float(base): minutes for base, minutes in content["quiet_minutes"].items()})
    tally.false_down = Counter({float(base): count for base, count in content["false_down"].items()})
    return tally
