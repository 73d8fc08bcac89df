"""Text on its way to a terminal: what a bank, a user or a log says must not move the cursor, recolour or reorder it."""

from __future__ import annotations

import unicodedata

# Control characters (C0, DEL, C1: a terminal obeys them), format characters (they turn the order of letters around, or
# are invisible), surrogates (no encoding takes them), and the separators that begin a new line.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # parts of words in Persian and Indic scripts, and of emoji


def printable(text: object, *, lines: bool = False) -> str:
    r"""Text as it may be printed: every character that a terminal would obey is written out, as `\x1b`.

    Args:
        text: Anything; its `str` is taken.
        lines: Whether line breaks stay. Without, one value is one line, and cannot forge another.
    """
    return "".join(
        character if _is_plain(character) or (lines and character == "\n") else _written_out(character)
        for character in str(text)
    )


def _is_plain(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _HIDDEN


def _written_out(character: str) -> str:
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character) or (
        f"\\x{ord(character):02x}" if ord(character) < 0x100 else f"\\u{ord(character):04x}"
    )
