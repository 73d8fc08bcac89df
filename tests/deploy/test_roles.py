"""deploy/roles.py compared with the code: an account has exactly the roles that its functions need."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest

from deploy import roles
from deploy.roles import RIGHTS
from emulators.setup import ROOT
from shared import service_accounts

NEEDS = {
    "firestore_client": roles.FIRESTORE,
    "tasks": roles.QUEUES,
    "_auth": roles.USERS,
    "messaging": roles.MESSAGES,
    "vault": "key",
}
# Dependencies of a factory that calls through it never use.
UNTOUCHED = {
    ("monitor_connections", roles.USERS): "its first page is a task of checkitems, which asks for deleted users",
}
CONTAINERS = {path.stem for path in (ROOT / "shared/serving").glob("*container.py")}
SEALS_ONLY = {"plaid_webhook"}
OPENS_ONLY = {"on_connection_created"}


def named(tree: ast.AST) -> Iterator[str]:
    """What a piece of code takes from the container: by attribute outside of it, by name within."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in CONTAINERS:
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


def parsed(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


MADE = [
    node
    for name in (*CONTAINERS, "adapters")
    for node in parsed(f"shared/serving/{name}.py").body
    if isinstance(node, ast.FunctionDef)
]
FACTORIES = {node.name: set(named(node)) for node in MADE}


def reached(function: str) -> set[str]:
    """Every factory that a function may call."""
    tree = parsed(f"functions/{function}.py")
    todo = {name for name in named(tree) if name in FACTORIES}
    if "authenticated_endpoint" in set(named(tree)):
        todo |= {"callers", "limits"}  # for authentication and rate limits
    found: set[str] = set()
    while todo:
        name = todo.pop()
        found.add(name)
        todo |= {other for other in FACTORIES[name] if other in FACTORIES} - found
    return found


def account_of(endpoint: dict[str, Any]) -> str:
    return str(endpoint["serviceAccountEmail"])


def test_every_function_has_an_account_and_every_account_a_function(functions: dict[str, Any]) -> None:
    assert {account_of(endpoint) for endpoint in functions.values()} == RIGHTS.keys()


@pytest.mark.parametrize("account", RIGHTS, ids=lambda account: account.partition("@")[0])
def test_account_has_exactly_the_roles_that_its_functions_need(account: str, functions: dict[str, Any]) -> None:
    ours = {name: endpoint for name, endpoint in functions.items() if account_of(endpoint) == account}
    needed: set[str] = set()
    for name, endpoint in ours.items():
        touched = {NEEDS[factory] for factory in reached(name) if factory in NEEDS}
        needed |= {need for need in touched if (name, need) not in UNTOUCHED}
        needed |= {roles.EVENTS} if "eventTrigger" in endpoint else set()
    rights = RIGHTS[account]
    assert set(rights.project) == needed - {"key"}
    assert (rights.key is not None) == ("key" in needed)
    if rights.key == roles.SEAL:
        assert ours.keys() <= SEALS_ONLY
    elif rights.key == roles.OPEN:
        assert ours.keys() <= OPENS_ONLY


def test_exceptions_are_up_to_date(functions: dict[str, Any]) -> None:
    for name, need in UNTOUCHED:
        assert need in {NEEDS[factory] for factory in reached(name) if factory in NEEDS}


def test_names_are_valid_and_tasks_have_their_own_account() -> None:
    assert all(6 <= len(account.partition("@")[0]) <= 30 for account in RIGHTS)
    assert not any(account.startswith(f"{service_accounts.TASKS}@") for account in RIGHTS)
