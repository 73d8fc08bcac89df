"""The log events in the code are those of shared/contract/log_events.py."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from docs.events import PAGE, rendered
from shared.contract.log_events import KEY_EVENTS
from shared.contract.other_log_events import OTHER_EVENTS
from tests.architecture.sources import nodes, parsed, statements

ROOT = Path(__file__).parents[2]
LOGGING = {"debug", "info", "warning", "error", "exception"}
ANY = None  # keywords of calls that pass on a mapping, whose fields cannot be determined


@cache
def logged() -> dict[str, list[set[str] | None]]:
    """The events that the code logs, each with the fields at every place."""
    found: dict[str, list[set[str] | None]] = defaultdict(list)
    for folder in ("shared", "functions", "operations"):
        for path in (ROOT / folder).rglob("*.py"):
            for call in _calls(path):
                event = call.args[0]
                assert isinstance(event, ast.Constant), f"{path.name}:{call.lineno}: an event's name is a constant"
                names = {keyword.arg for keyword in call.keywords}
                found[str(event.value)].append(ANY if None in names else {str(name) for name in names})
    return found


def _calls(path: Path) -> Iterator[ast.Call]:
    """Calls of `log.info` and the like, and of a chosen one: `report = log.error if ... else ...`."""
    for function in (parsed(path), *statements(parsed(path))):
        if not isinstance(function, ast.FunctionDef | ast.Module):
            continue
        chosen = {
            target.id
            for node in statements(function)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.IfExp) and _is_logging(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        if isinstance(function, ast.Module):
            chosen = set()
        elif not chosen:
            continue
        for node in nodes(path) if isinstance(function, ast.Module) else ast.walk(function):
            if isinstance(node, ast.Call) and node.args:
                named = isinstance(node.func, ast.Name) and node.func.id in chosen
                if named or (isinstance(function, ast.Module) and _is_logging(node.func)):
                    yield node


def _is_logging(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="log"), attr=method):
            return method in LOGGING
        case ast.IfExp(body=first, orelse=second):
            return _is_logging(first) and _is_logging(second)
        case _:
            return False


def test_every_event_is_declared_and_every_declared_one_is_logged() -> None:
    assert set(logged()) == KEY_EVENTS.keys() | OTHER_EVENTS.keys()
    assert not KEY_EVENTS.keys() & OTHER_EVENTS.keys()


def test_the_promised_fields_are_given_wherever_an_event_is_logged() -> None:
    places = logged()
    lacking = {
        name: sorted(set(event.fields) - fields)
        for name, event in (KEY_EVENTS | OTHER_EVENTS).items()
        for fields in places[name]
        if fields is not ANY and not set(event.fields) <= fields
    }
    assert lacking == {}


def test_documented_list_matches_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == rendered(), "run `make docs`"
