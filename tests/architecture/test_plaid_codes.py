"""Plaid's codes are translated in its adapter and unknown elsewhere: all other code decides by kind or class."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from shared.adapters.plaid import errors
from shared.adapters.plaid.webhook_events import MEANINGS
from shared.adapters.plaid.webhook_key_cache import UNKNOWN_TO_PLAID

ROOT = Path(__file__).parents[2]
SCANNED = ("shared", "functions", "operations")
EXEMPT = (
    ROOT / "shared" / "adapters" / "plaid",
    ROOT / "shared" / "contract",  # the documented contract
)
ERROR_TABLES = (
    errors.BY_CODE,
    errors.BY_CODE_OF_A_SYNC,
    errors.BY_CODE_OF_A_PRODUCT,
    errors.BY_TYPE,
    errors.BY_TYPE_OF_DATA,
)
ERROR_CODES = {code for table in ERROR_TABLES for code in table} | {
    errors.INTERRUPTED_CODE,
    errors.FIELD_CODE,
    UNKNOWN_TO_PLAID,
}
WEBHOOK_CODES = {word for event in MEANINGS for word in event} - {"ERROR"}  # which is also a log level
# Documents carry Plaid's codes: nothing else in them identifies a revocation, and a sync that waits for the end of an
# outage shows the same code as one that failed because of it.
STORED = {
    ("shared/domain/connection.py", "USER_PERMISSION_REVOKED"),
    ("shared/domain/institution_health/outage.py", "INSTITUTION_DOWN"),
    ("shared/domain/institution_health/outage.py", "INSTITUTION_ERROR"),
}


def literals(source: str) -> Iterator[str]:
    """All string literals of a module except docstrings."""
    nodes = list(ast.walk(ast.parse(source)))
    documents = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node.value


def codes_in(source: str) -> set[str]:
    """The Plaid codes in a module: webhook codes as a whole string, error codes also within one."""
    texts = list(literals(source))
    words = {word for text in texts for word in re.findall(r"[A-Z][A-Z_]+", text)}
    return (ERROR_CODES & words) | (WEBHOOK_CODES & {*texts})


def test_no_code_of_plaids_is_known_outside_its_adapter() -> None:
    paths = [path for folder in SCANNED for path in (ROOT / folder).rglob("*.py")]
    found = {
        (str(path.relative_to(ROOT)), code)
        for path in paths
        if not any(path.is_relative_to(exempt) for exempt in EXEMPT)
        for code in codes_in(path.read_text(encoding="utf-8"))
    }
    assert len(paths) > 100
    assert found == STORED


def test_codes_are_found_in_every_notation() -> None:
    assert codes_in('x = error.error_code == "ITEM_NOT_FOUND"') == {"ITEM_NOT_FOUND"}
    assert codes_in('x = f"{kind} ITEM_NOT_FOUND"') == {"ITEM_NOT_FOUND"}
    assert codes_in('TYPES = ("ITEM", "LOGIN_REPAIRED")') == {"ITEM", "LOGIN_REPAIRED"}
    assert codes_in('"""ITEM_NOT_FOUND is documented."""\n# ITEM_NOT_FOUND') == set()
