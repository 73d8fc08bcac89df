"""The stack is ready when every function is registered, and reports functions that never will be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from emulators.ports import StackError
from emulators.setup import ROOT
from emulators.stack import Stack

READY = "All emulators ready"
FUNCTIONS = sorted(
    rule["function"]["functionId"]
    for rule in json.loads((ROOT / "firebase.json").read_text(encoding="utf-8"))["hosting"]["rewrites"]
    if "function" in rule
)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of emulators that have registered no function yet."""
    path = tmp_path / "emulators.log"
    path.write_text("")
    monkeypatch.setattr(Stack, "log", lambda self, name: path)
    return path


def is_loaded(registered: list[str], *, meanwhile: Callable[[], object] = lambda: None) -> bool:
    """Ask a stack whose Functions emulator has registered these; `then` runs while it answers."""

    def answer(_: httpx.Request) -> httpx.Response:
        meanwhile()
        triggers = [{"entryPoint": name} for name in registered]
        return httpx.Response(200, json={"backends": [{"functionTriggers": triggers}]})

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        return Stack()._functions_loaded(client)


def test_a_stack_with_every_function_is_ready(log: Path) -> None:
    log.write_text(READY)
    assert is_loaded(FUNCTIONS)


def test_functions_that_are_registered_while_the_emulator_answers_are_waited_for(log: Path) -> None:
    assert not is_loaded(FUNCTIONS[:3], meanwhile=lambda: log.write_text(READY))


def test_a_function_that_is_missing_once_all_are_registered_is_named(log: Path) -> None:
    log.write_text(READY)
    with pytest.raises(StackError, match=f"lacks functions that firebase.json names: {FUNCTIONS[-1]}"):
        is_loaded(FUNCTIONS[:-1])
