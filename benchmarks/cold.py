"""The rows about cold starts: the imports of a new instance of each function.

Importing a function is only half of a cold start, because clients are loaded on first use. So the modules that the
first request loads (everything that the function gets from the containers) are imported too. They are reported beside
the row, and the row about memory includes them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import main
from benchmarks.ground import Ground
from benchmarks.table import Result, median
from emulators.setup import ROOT

# Both include the interpreter's start. The measure is the process's CPU time, which other processes do not affect.
SDK_ALONE = "from firebase_functions import https_fn\nfrom google.cloud import firestore"
FUNCTION = """
import importlib
import main
getattr(main, {name!r})
imported = time.process_time()
for module in {modules!r}:
    importlib.import_module(module)
"""
ASKED_FOR = """
import importlib, json, sys
import main
getattr(main, {name!r})
for container, factory in {factories!r}:
    getattr(importlib.import_module("shared.serving." + container), factory)()
vendors = ["google.cloud.firestore", "google.cloud.tasks_v2", "firebase_admin.auth", "firebase_admin.messaging"]
print(json.dumps([module for module in sys.modules if module.startswith("shared.") or module in vendors]))
"""
MEASURED = """
import json, sys, time
{code}
memory = next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmHWM:"))
print(json.dumps([time.process_time(), globals().get("imported"), memory, len(sys.modules)]))
"""


def factories(function: str) -> list[tuple[str, str]]:
    """The factories that a function calls in the containers, and its guard."""
    source = (ROOT / "functions" / f"{function}.py").read_text(encoding="utf-8")
    found = dict.fromkeys(re.findall(r"\b(\w*container)\.(\w+)\(", source))
    if "@authenticated_endpoint" in source:
        found |= dict.fromkeys([("container", "callers")])
    if "limited(" in source:
        found |= dict.fromkeys([("container", "limits"), ("container", "clock")])
    return [(container, name) for container, name in found if name != "settings"]


def first_request(name: str, environment: Mapping[str, str]) -> str:
    """The code that imports everything that a function's first request imports."""
    modules = _run(ASKED_FOR.format(name=name, factories=factories(name)), environment)
    return FUNCTION.format(name=name, modules=modules)


def start(code: str, environment: Mapping[str, str]) -> tuple[float, float, float, int]:
    """Runs code in a new process; returns total CPU seconds, those of the function's module, MB and module count."""
    seconds, imported, memory, modules = _run(MEASURED.format(code=code), environment)
    return seconds, imported or seconds, memory / 1024, modules


def _run(code: str, environment: Mapping[str, str]) -> Any:
    command, given = [sys.executable, "-c", code], {**environment, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"a cold start failed: {(done.stderr.strip() or 'no output').splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def starts(on: Ground, *, rounds: int, quick: bool) -> list[Result]:
    """Compares each function with the SDK plus Firestore; the slowest function counts."""
    names = main.FUNCTIONS[:3] if quick else main.FUNCTIONS
    seconds: dict[str, list[float]] = defaultdict(list)
    importing: dict[str, list[float]] = defaultdict(list)
    megabytes: dict[str, list[float]] = defaultdict(list)
    times: list[float] = []
    sizes: list[float] = []
    modules: dict[str, int] = {}
    environment = on.environment()
    codes = {name: first_request(name, environment) for name in names}
    for number in range(rounds):
        for name in names:
            # The baseline runs before each function, so that both see the same load on the machine.
            base, _, base_size, alone = start(SDK_ALONE, environment)
            took, imported, size, modules[name] = start(codes[name], environment)
            seconds[name].append(took / base)
            importing[name].append(imported / base)
            megabytes[name].append(size / base_size)
            times.append(base)
            sizes.append(base_size)
        print(f"  round {number + 1}: {max(median(each) for each in importing.values()):.2f}", flush=True)
    slowest = max(names, key=lambda name: median(importing[name]))
    last = max(names, key=lambda name: median(seconds[name]))
    largest = max(names, key=lambda name: median(megabytes[name]))
    return [
        Result(
            "cold_import_worst",
            median(importing[slowest]),
            f"{slowest}; {median(times):.2f} s of CPU alone; with all imports of the first request "
            f"{median(seconds[last]):.2f} x ({last}: {modules[last]} modules, {alone} alone)",
        ),
        Result("cold_memory_worst", median(megabytes[largest]), f"{largest}; {median(sizes):.0f} MB alone"),
    ]
