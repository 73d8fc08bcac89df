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


TEXTS = {
    "docs/document.md": DOCUMENT,
    "shared/module.py": MODULE,
    "tests/test_module.py": MODULE,
    "web/src/Screen.tsx": SCREEN,
    ENGLISH_TEXTS.as_posix(): f'const en = {{\n  text: "{OLD_STYLE}",\n}};\n',
    "broken.md": "The sync goes\non with the next page.\n",
    "comment.py": "# The sync goes\n# on with the next page.\n",
    "code.md": "The field `heals` is read by:\n\n```\nnobody\n```\n",
}
Findings = dict[str, list[tuple[int, str]]]


def lint(folder: Path, texts: dict[str, str]) -> Findings:
    """Line and words of each finding in files with these texts; textlint starts once for all of them."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    found: Findings = {name: [] for name in texts}
    for finding in findings([Path(name) for name in texts], folder):
        file, line, message = finding.split(":", 2)
        found[file].append((int(line), message.split(" => ")[0].strip()))
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """The findings in the texts."""
    return lint(tmp_path_factory.mktemp("old"), TEXTS)


@pytest.fixture(scope="module")
def found_in_plain_style(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """The findings in the texts after the paragraph in the old style was rewritten."""
    plain = {name: text.replace(OLD_STYLE, PLAIN) for name, text in TEXTS.items()}
    return lint(tmp_path_factory.mktemp("plain"), plain)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("docs/document.md", [5]),
        ("shared/module.py", [10, 12, 13]),
        ("tests/test_module.py", [10, 12]),  # strings of tests are data
        ("web/src/Screen.tsx", [3, 7, 9]),
        (ENGLISH_TEXTS.as_posix(), [2]),
    ],
)
def test_a_paragraph_in_the_old_style_is_found_with_its_line(
    found: Findings, found_in_plain_style: Findings, name: str, lines: list[int]
) -> None:
    assert found[name] == [(line, word) for line in lines for word in WORDS]
    assert found_in_plain_style[name] == []


def test_words_are_found_across_a_line_break_but_not_in_code(found: Findings) -> None:
    assert found["broken.md"] == [(1, "goes on with")]
    assert found["comment.py"] == [(1, "goes on with")]
    assert found["code.md"] == []


def test_every_document_is_linted_but_the_style_guide_which_quotes_the_words() -> None:
    linted = set(files())
    assert {Path("README.md"), Path("main.py"), ENGLISH_TEXTS, Path("docs", "flows.md")} <= linted
    assert STYLE_GUIDE not in linted
    assert not [path for path in linted if "node_modules" in path.parts]
