"""The prose linter of `make check` finds the words of docs/style-words.yml, and names file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.prose import ENGLISH_TEXTS, STYLE_GUIDE, files, findings

OLD_STYLE = "An exchange that broke off is gone on with, once more, by whoever is at it."
PLAIN = "An interrupted exchange is resumed by the next run."
WORDS = ["broke off", "gone on with", "once more", "whoever", "is at it"]

DOCUMENT = f"""# A document

{PLAIN}

{OLD_STYLE}
"""
MODULE = f'''"""{PLAIN}"""

BOUND = 3  # {PLAIN}


def resume(name: str) -> None:
    """{PLAIN}

    Raises:
        ValueError: {OLD_STYLE}
    """
    # {OLD_STYLE}
    raise ValueError("{OLD_STYLE}")
'''
SCREEN = f"""/** {PLAIN} */
export function Screen() {{
  // {OLD_STYLE}
  const address = "https://example.com"; // {PLAIN}
  /**
   * {PLAIN}
   * {OLD_STYLE}
   */
  return <p>{OLD_STYLE}</p>;
}}
"""


def lint(folder: Path, name: str, text: str) -> list[tuple[int, str]]:
    """Line and words of each finding in a file with this text."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    found = []
    for finding in findings([Path(name)], folder):
        file, line, message = finding.split(":", 2)
        assert file == name
        found.append((int(line), message.split(" => ")[0].strip()))
    return found


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("docs/document.md", DOCUMENT, [5]),
        ("shared/module.py", MODULE, [10, 12, 13]),
        ("tests/test_module.py", MODULE, [10, 12]),  # strings of tests are data
        ("web/src/Screen.tsx", SCREEN, [3, 7, 9]),
        (ENGLISH_TEXTS.as_posix(), f'const en = {{\n  text: "{OLD_STYLE}",\n}};\n', [2]),
    ],
)
def test_a_paragraph_in_the_old_style_is_found_with_its_line(
    tmp_path: Path, name: str, text: str, lines: list[int]
) -> None:
    assert lint(tmp_path, name, text) == [(line, word) for line in lines for word in WORDS]
    assert lint(tmp_path, name, text.replace(OLD_STYLE, PLAIN)) == []


def test_words_are_found_across_a_line_break_but_not_in_code(tmp_path: Path) -> None:
    assert lint(tmp_path, "broken.md", "The sync goes\non with the next page.\n") == [(1, "goes on with")]
    assert lint(tmp_path, "comment.py", "# The sync goes\n# on with the next page.\n") == [(1, "goes on with")]
    assert lint(tmp_path, "code.md", "The field `heals` is read by:\n\n```\nnobody\n```\n") == []


def test_every_document_is_linted_but_the_style_guide_which_quotes_the_words() -> None:
    linted = set(files())
    assert {Path("README.md"), Path("main.py"), ENGLISH_TEXTS, Path("docs", "flows.md")} <= linted
    assert STYLE_GUIDE not in linted
    assert not [path for path in linted if "node_modules" in path.parts]
