"""Threads, locks and waits have one place each, so that a simulation can replace them."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.architecture.sources import nodes, parsed, statements

ROOT = Path(__file__).parents[2]
DEPLOYED = [ROOT / "main.py", *(ROOT / "functions").rglob("*.py"), *(ROOT / "shared").rglob("*.py")]
# A lock may only protect memory, or the creation of a client: never a call to the outside, during which a simulation
# in one thread runs other requests.
LOCKS = {
    "shared/adapters/google/fcm.py",
    "shared/adapters/google/firebase_auth.py",
    "shared/serving/once.py",
    "shared/serving/refused_calls.py",
}
WAITS = {
    "shared/adapters/firestore/limits.py",  # between the tries of a transaction
    "shared/serving/container.py",  # every use case's `sleep`
}


def importing(*modules: str) -> set[str]:
    """The deployed files that import a module or something from it."""
    return {
        _place(path)
        for path in DEPLOYED
        for node in statements(parsed(path))
        if isinstance(node, ast.Import | ast.ImportFrom) and _imports(node, modules)
    }


def naming(attribute: str) -> set[str]:
    """The deployed files that use `module.attribute`, or import it by its name."""
    module, _, name = attribute.partition(".")
    return {
        _place(path)
        for path in DEPLOYED
        for node in nodes(path)
        if (isinstance(node, ast.Attribute) and node.attr == name and ast.unparse(node) == attribute)
        or (isinstance(node, ast.ImportFrom) and node.module == module and name in {one.name for one in node.names})
    }


def _imports(node: ast.Import | ast.ImportFrom, modules: tuple[str, ...]) -> bool:
    names = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    return any(name.partition(".")[0] in modules for name in names)


def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_threads_start_only_in_the_executor() -> None:
    assert importing("concurrent", "multiprocessing", "asyncio", "_thread") == {"shared/adapters/threads.py"}
    assert naming("threading.Thread") | naming("threading.Timer") == set()


def test_locks_are_only_where_nothing_calls_the_outside() -> None:
    assert importing("threading", "queue") == LOCKS


def test_waiting_has_one_place() -> None:
    assert naming("time.sleep") == WAITS
