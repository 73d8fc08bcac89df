"""docs/errors.md lists what the functions declare, and the declarations, the catalogue and the code agree."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import main
from docs.errors import TABLE, refusals, rendered, routes
from shared.contract.errors import CATALOGUE
from shared.domain import errors
from shared.serving.declared_errors import PLAID_ERRORS
from tests.architecture.sources import nodes

ROOT = Path(__file__).parents[2]
CLASSES = {
    name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, errors.BankError)
}
CODED_BY_CLASS = {"MethodNotAllowed"} | {
    name for name, kind in CLASSES.items() if issubclass(kind, errors.ServiceError)
}
"""Errors whose class knows the code, so that it is not given where they are made."""


def sources() -> Iterator[tuple[str, tuple[ast.AST, ...]]]:
    """The nodes of all deployed modules, except the catalogue itself."""
    for path in (*(ROOT / "shared").rglob("*.py"), *(ROOT / "functions").glob("*.py")):
        if path.parent.name != "contract":
            yield path.relative_to(ROOT).as_posix(), nodes(path)


def calls() -> Iterator[tuple[str, str, ast.expr | None]]:
    """Every call in the sources that creates an error or passes a code: its place, its name, and the code."""
    for path, found in sources():
        for node in found:
            if not isinstance(node, ast.Call) or ast.unparse(node.func).startswith("log."):
                continue
            name = ast.unparse(node.func).rpartition(".")[2]
            code = next((keyword.value for keyword in node.keywords if keyword.arg == "code"), None)
            if name in CLASSES or isinstance(code, ast.Constant):
                yield f"{path}:{node.lineno}", name, code


def source_of(function: str) -> str:
    return (ROOT / "functions" / f"{function}.py").read_text(encoding="utf-8")


def test_the_table_is_what_the_functions_declare() -> None:
    assert TABLE.read_text(encoding="utf-8") == rendered(), "run `make docs`"


def test_every_declared_code_is_in_the_catalogue_and_declared_once() -> None:
    for name, route in routes().items():
        assert set(route.declared_errors) <= set(CATALOGUE), name
        assert len(set(route.declared_errors)) == len(route.declared_errors), name
        assert {refusal.code for refusal in refusals()[name]} == set(route.declared_errors)


def test_every_code_of_the_catalogue_is_declared_by_a_function_or_is_for_operators_only() -> None:
    declared = {code for route in routes().values() for code in route.declared_errors}
    operators_only = {code for code, refusal in CATALOGUE.items() if refusal.operators_only}
    assert declared | operators_only == set(CATALOGUE)
    assert declared & operators_only == set()


def test_code_raises_exactly_the_errors_of_the_catalogue() -> None:
    codes = {code.value for _, _, code in calls() if isinstance(code, ast.Constant)}
    assert codes | {*PLAID_ERRORS} == set(CATALOGUE)


def test_every_error_is_made_with_the_status_of_the_catalogue() -> None:
    for place, name, code in calls():
        if name in CLASSES and isinstance(code, ast.Constant):
            refusal = CATALOGUE[str(code.value)]
            assert (refusal.status, refusal.http) == (CLASSES[name].status, CLASSES[name].http), place


def test_every_error_names_its_code_where_it_is_made() -> None:
    unnamed = [
        place
        for place, name, code in calls()
        if name in CLASSES.keys() - CODED_BY_CLASS
        and not isinstance(code, ast.Constant)
        and not (isinstance(code, ast.Name) and code.id == "code")  # a function that receives the code
    ]
    assert unnamed == []


def test_every_http_function_has_a_route_with_its_errors() -> None:
    assert {name for name in main.FUNCTIONS if "https_fn.on_request" in source_of(name)} == set(routes())


@pytest.mark.parametrize("function", routes())
def test_a_route_is_public_if_its_function_is(function: str) -> None:
    guard = "@public_endpoint" if routes()[function].public else "@authenticated_endpoint(ROUTE, "
    assert guard in source_of(function)
