"""The prose linter: finds the words of docs/style-words.yml in everything that people read.

`make check` runs it: `python -m docs.prose [file ...]`. It lints the documents, the comments, docstrings and messages
of the code and the English texts of the web app with textlint (https://textlint.org), and names each finding by file
and line.
"""

from __future__ import annotations

import ast
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXTLINT = ROOT / "web" / "node_modules" / ".bin" / "textlint"
CONFIG = ROOT / "web" / ".textlintrc.json"

STYLE_GUIDE = Path("docs", "style.md")  # it quotes the words that it asks to avoid
ENGLISH_TEXTS = Path("web", "src", "text", "en.ts")
SKIPPED = {"venv", "node_modules", "dist", "__pycache__"}
MESSAGE_WORDS = 3  # a string with fewer words is a name or a value
SCRIPTS = {".ts", ".tsx", ".js", ".mjs", ".cjs"}

# A string is one token, so that the `//` of an address in it does not start a comment.
SCRIPT_TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|(?<![:\\])//[^\n]*)|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)""",
    re.DOTALL,
)
JSX_TEXT = re.compile(r"(?<=>)[^<>{}();=]*[A-Za-z][^<>{}();=]*(?=</)")
# What starts a line of a comment and is no part of its text.
DECORATION = re.compile(r"^\s*(?:/\*+|\*/|\*(?=\s|$)|//+|#+:?)?\s*|\s*\*/\s*$")

Lines = dict[int, str]


def files() -> Iterator[Path]:
    """Every file with prose, relative to the project's folder."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(one for one in folders if one not in SKIPPED and not one.startswith("."))
        for name in sorted(names):
            path = Path(folder, name).relative_to(ROOT)
            if path.suffix in {".md", ".py", *SCRIPTS} and path != STYLE_GUIDE and not name.endswith(".min.js"):
                yield path


def prose(path: Path, source: str) -> str:
    """The prose of a file as Markdown, each line at its own number."""
    if path.suffix == ".md":
        return source
    if path.suffix == ".py":
        lines = _python(source, with_messages=path.parts[0] != "tests")  # in tests, most strings are data
    else:
        lines = _script(source, with_strings=path == ENGLISH_TEXTS)
    return "\n".join(lines.get(number, "") for number in range(1, source.count("\n") + 2))


def _python(source: str, *, with_messages: bool) -> Lines:
    lines: Lines = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            _add(lines, token.start[0], token.string)
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if id(node) in docstrings:
            _add(lines, node.lineno, node.value)
        elif with_messages and len(node.value.split()) >= MESSAGE_WORDS:
            _add(lines, node.lineno, " ".join(node.value.split()))
    return lines


def _script(source: str, *, with_strings: bool) -> Lines:
    lines: Lines = {}
    for token in SCRIPT_TOKEN.finditer(source):
        text = token["comment"] or (token["string"][1:-1] if with_strings else "")
        _add(lines, source.count("\n", 0, token.start()) + 1, text)
    for text in JSX_TEXT.finditer(source):
        _add(lines, source.count("\n", 0, text.start()) + 1, text[0])
    return lines


def _add(lines: Lines, first: int, text: str) -> None:
    """Adds a text that begins on the given line, without indentation: Markdown takes indented lines for code."""
    for number, line in enumerate(text.splitlines(), first):
        bare = DECORATION.sub("", line)
        lines[number] = f"{lines[number]} {bare}" if number in lines else bare


def findings(paths: list[Path], root: Path = ROOT) -> list[str]:
    """Lints the files, and returns a line `file:line: what is wrong` for each finding."""
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            copy = Path(folder, f"{path}.md")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(prose(path, (root / path).read_text(encoding="utf-8")), encoding="utf-8")
        command = [str(TEXTLINT), "--config", str(CONFIG), "--format", "json", f"{folder}/**/*.md"]
        done = subprocess.run(command, cwd=CONFIG.parent, capture_output=True, text=True, encoding="utf-8", check=False)
        if done.returncode > 1 or not done.stdout.startswith("["):
            raise RuntimeError(f"textlint failed: {done.stderr or done.stdout}")
        real = Path(folder).resolve()
        return [
            f"{Path(one['filePath']).resolve().relative_to(real).as_posix().removesuffix('.md')}"
            f":{message['line']}: {' '.join(message['message'].split())}"
            for one in json.loads(done.stdout)
            for message in one["messages"]
        ]


def main(names: list[str]) -> int:
    """Prints the findings in the given files, by default in all; the exit code is 1 if there are any."""
    found = findings([Path(name) for name in names] or list(files()))
    for line in found:
        sys.stdout.write(f"{line}\n")
    if found:
        sys.stderr.write(f"{len(found)} findings: docs/style.md explains what to write instead\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
