"""Text from banks, users and logs reaches a terminal as plain text, without control effects."""

from __future__ import annotations

import ast
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from emulators.demo_view import View
from emulators.setup import ROOT
from emulators.terminal import printable

ESC, CSI, BELL, RLO, LRI, NEL = "\x1b", "\x9b", "\x07", "\u202e", "\u2066", "\x85"
NASTY = [
    f"{ESC}[2J{ESC}]0;owned{BELL}",
    f"{CSI}31mred",
    f"evil{RLO}txt.exe{LRI}",
    "[/x]",
    "[bold]not bold[/bold]",
    "[link=https://evil.example]click[/link]",
    ":bomb: :smile:",
    "ends with a backslash\\",
    f"two\nlines\r\x00{NEL}three",
    "\u2028\u2029\ufeff\u00ad\u200e",
    "\ud800",
    "\U000e0041tags",
]


def obeyed(text: str) -> list[str]:
    """Characters that a terminal interprets instead of showing them; line breaks of the text are among them."""
    return [character for character in text if character != "\n" and printable(character) != character]


@pytest.mark.parametrize("nasty", NASTY)
def test_control_characters_are_removed(nasty: str) -> None:
    shown = printable(nasty)
    assert obeyed(shown) == []
    assert "\n" not in shown
    assert shown.encode()


def test_ordinary_text_of_every_language_stays_as_it_is() -> None:
    for text in ("Café Müller 12 €", "北京银行", "بانک ملی", "می\u200cخواهم", "👩\u200d👧 [brackets] \\ back", "", "ﬁ"):  # noqa: RUF001
        assert printable(text) == text


def test_invisible_characters_are_escaped() -> None:
    assert printable(f"a{ESC}b{CSI}c{RLO}d\te\nf") == r"a\x1bb\x9bc\u202ed\te\nf"
    assert printable("a\nb\x1b", lines=True) == "a\nb\\x1b"


def transaction(text: str) -> dict[str, Any]:
    return {
        "transaction_id": "t",
        "account_id": "a",
        "date": "2026-01-05",
        "name": text,
        "merchant_name": None,
        "pending": False,
        "amount": "12.5",
        "iso_currency_code": None,
        "unofficial_currency_code": text,
        "category": {"primary": text},
        "user": {"category": text},
    }


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("nasty", NASTY)
def test_demo_shows_control_characters_of_a_bank_escaped(nasty: str, *, terminal: bool) -> None:
    out = StringIO()
    view = View(Console(file=out, force_terminal=terminal, color_system=None, width=2000, legacy_windows=False))
    balances = {"current": "1", "available": None, "limit": None, "unofficial_currency_code": nasty}
    account = {"account_id": "a", "name": nasty, "mask": nasty, "type": nasty, "subtype": nasty, "balances": balances}
    progress = {
        "status": "failed",
        "stage": nasty,
        "history_complete": False,
        "error": {"code": nasty, "message": nasty},
    }
    view.step(nasty)
    with view.progress() as show:
        show(progress)
    written = out.getvalue()
    out.truncate(0)
    out.seek(0)
    view.summary(nasty, {"status": nasty}, [account], [transaction(nasty)])
    shown = out.getvalue()
    assert obeyed(shown) == []
    assert printable(nasty) in shown
    if not terminal:  # a live progress bar moves the cursor itself
        assert obeyed(written) == []
        assert printable(nasty) in written


PRINTING = [
    *(ROOT / "operations").glob("*.py"),
    *(ROOT / "emulators" / f"{name}.py" for name in ("demo", "demo_view", "dev", "lifecycle")),
]


def is_safe(argument: ast.expr) -> bool:
    """Whether an expression is a constant, or text that went through `printable`."""
    match argument:
        case ast.Constant() | ast.Call(func=ast.Name(id="printable")):
            return True
        case ast.Starred(value=ast.Call(func=ast.Name(id="map"), args=[ast.Name(id="printable"), *_])):
            return True
        case _:
            return False


@pytest.mark.parametrize("path", PRINTING, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_all_printed_text_goes_through_printable(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    prints = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    assert [ast.unparse(call) for call in prints if not all(map(is_safe, call.args))] == []
