"""Makes text from banks, users and logs safe to print: it must not move the cursor, recolour or reorder text."""

from __future__ import annotations

import unicodedata

# Control characters (C0, DEL and C1, which terminals execute), format characters (which reorder letters or are
# invisible), surrogates (which cannot be encoded), and separators that begin a new line.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # parts of words in Persian and Indic scripts, and of emoji


def printable(text: object, *, lines: bool = False) -> str:
    r"""Returns text that is safe to print: control characters are escaped, as in `\x1b`.

    Args:
        text: Anything; its `str` is taken.
        lines: Whether to keep line breaks. Without them a value is one line and cannot forge another.
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
