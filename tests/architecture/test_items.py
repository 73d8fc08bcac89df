"""Only one module removes items at Plaid, so that no item is removed while another connection uses it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.sources import nodes

SHARED = Path(__file__).parents[2] / "shared"


def callers_of(method: str) -> set[str]:
    """The use cases that call a method of Plaid's port."""
    found = set()
    for path in (SHARED / "usecases").rglob("*.py"):
        for node in nodes(path):
            if not isinstance(node, ast.Attribute) or node.attr != method:
                continue
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            if name == "plaid":
                found.add(path.stem)
    return found


@pytest.mark.parametrize(("method", "only"), [("remove", "item_ownership"), ("invalidate", "rotate_token")])
def test_only_one_use_case_ends_an_item_and_one_replaces_its_token(method: str, only: str) -> None:
    assert callers_of(method) == {only}
