"""Commands in the documents work, their links lead to existing targets, and their diagrams name existing things."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from starlette.routing import Match

import main
from emulators.plaid.control import control_routes
from emulators.plaid.settings import Settings
from emulators.plaid.world import World
from operations.commands import _parser
from tests.openapi import Described

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    ROOT / "emulators" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
TYPED = re.compile(r"(?:[A-Z_]+=\S* )*(?:make|venv/bin/python|python|curl|gcloud|firebase|git|npm|cp|S=)\b")

# Targets that other tests run for real; all others are dry-run here, and their modules checked.
RUN_BY = {
    "demo": "tests/stack/test_demo.py",
    "dev": "tests/stack/test_lifecycle.py",
    "plaid": "tests/stack/test_lifecycle.py",
    "setup": "tests/stack/test_setup.py",
    "trace": "tests/e2e/test_trace.py",
    "adopt": "tests/deploy/test_adopt.py",
    "deploy": "tests/deploy/test_deploy.py",
    "destroy": "tests/deploy/test_destroy.py",
    "check": ".ci/run",
    "test": ".ci/run",
    "docs": "tests/architecture/test_errors.py",
    "ops": "tests/e2e/test_operations.py",
}
# Commands of other tools: a document may name only those that are registered here. Try a new one before you register
# it.
OTHERS = {
    "firebase": {"firebase deploy --only functions:bank,firestore,hosting"},
    "git": {"git submodule add", "git diff", "git switch main && git pull", "git tag --sign", "git push origin v"},
}
# With the flags that documents may use; gcloud's own parser accepts each of them.
GCLOUD: dict[str, set[str]] = {
    "auth application-default login": set(),
    "auth login": set(),
    "firestore backups list": {"--project"},
    "firestore bulk-delete": {"--database", "--collection-ids", "--project"},
    "firestore databases create": {"--database", "--location", "--project"},
    "firestore databases delete": {"--database", "--project"},
    "firestore databases restore": {"--source-backup", "--destination-database", "--project"},
    "firestore databases update": {"--database", "--no-delete-protection", "--project"},
    "firestore export": {"--database", "--project", "--snapshot-time", "--collection-ids"},
    "firestore import": {"--database", "--project"},
    "iam service-accounts add-iam-policy-binding": {"--role", "--member", "--project"},
    "iam service-accounts create": {"--display-name", "--project"},
    "iam workload-identity-pools create": {"--location", "--project"},
    "iam workload-identity-pools providers create-oidc": {
        "--workload-identity-pool",
        "--location",
        "--issuer-uri",
        "--attribute-mapping",
        "--attribute-condition",
        "--project",
    },
    "projects add-iam-policy-binding": {"--member", "--role", "--condition"},
    "projects describe": {"--format"},
    "run services update": {"--ingress", "--region"},
    "scheduler jobs pause": {"--location"},
    "secrets versions add": {"--data-file", "--project"},
    "services enable": {"--project"},
    "storage buckets create": {
        "--location",
        "--uniform-bucket-level-access",
        "--public-access-prevention",
        "--project",
    },
    "storage rm": {"--recursive"},
    "tasks queues list": {"--location"},
    "tasks queues pause": {"--location"},
    "tasks queues resume": set(),
}
INSTALLED_BY_HAND = {"coverage"}  # by the preceding command in the document


def commands(path: Path) -> Iterator[str]:
    """The commands in a document: lines of shell blocks, and code spans that start like a command."""
    text = path.read_text(encoding="utf-8")
    for language, block in re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE):
        if language in ("", "sh", "bash"):
            joined = block.replace("\\\n", " ")
            yield from (line.strip() for line in joined.splitlines() if TYPED.match(line.strip()))
    outside = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    spans = (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", outside))  # a span may wrap
    yield from (span for span in spans if TYPED.match(span) and " " in span)


ALL = sorted({(path.relative_to(ROOT).as_posix(), command) for path in DOCUMENTS for command in commands(path)})


def words(command: str) -> list[str]:
    """A command without its comment, leading variables, and a trailing ellipsis."""
    bare = re.split(r"\s+#\s", command)[0].replace("…", "X").replace("<", "{").replace(">", "}")
    found = shlex.split(bare)
    while found and re.fullmatch(r"[A-Z_]+=.*", found[0]):
        found.pop(0)
    return found


def test_documents_contain_commands() -> None:
    assert len(ALL) > 40
    assert ("README.md", "make demo") in {(path, command.split("  ")[0]) for path, command in ALL}


@pytest.mark.parametrize(("path", "command"), ALL)
def test_every_command_in_the_documents_is_valid(path: str, command: str) -> None:
    match words(command):
        case ["make", *rest]:
            check_make(rest)
        case ["venv/bin/python" | "python", "-m", "operations", *rest]:
            check_operations(rest)
        case ["venv/bin/python" | "python", "-m", module, *rest]:
            assert module in INSTALLED_BY_HAND or importlib.util.find_spec(module), module
            assert all((ROOT / one).exists() for one in rest if one.startswith("tests/"))
        case ["curl", *rest]:
            check_curl(rest)
        case ["gcloud", *rest]:
            check_gcloud(rest)
        case ["firebase" | "git" as tool, *_]:
            said = " ".join(words(command))
            assert any(said.startswith(known) for known in OTHERS[tool]), f"register it, with what runs it: {said}"
        case ["cp", source, _]:
            assert (ROOT / source).is_file()
        case other:
            pytest.fail(f"no check for such a command: {other}")


def test_every_registered_gcloud_command_is_in_a_document() -> None:
    named = {gcloud_command(words(command)[1:]) for _, command in ALL if words(command)[0] == "gcloud"}
    assert named == GCLOUD.keys()


def gcloud_command(rest: list[str]) -> str:
    """The registered command at the start of a command line."""
    found = [known for known in GCLOUD if rest[: len(known.split())] == known.split()]
    assert len(found) == 1, f"try it, and register it: gcloud {' '.join(rest)}"
    return found[0]


def check_gcloud(rest: list[str]) -> None:
    """Check that the command is registered with these flags."""
    flags = {word.partition("=")[0] for word in rest if word.startswith("-")}
    assert flags <= GCLOUD[gcloud_command(rest)], "try the flag, and register it"


def check_make(rest: list[str]) -> None:
    """Check that the target exists, and the modules that it would run."""
    given = list(rest)
    if given[:1] == ["-C"]:
        given = given[2:]
    targets = [one for one in given if "=" not in one and re.fullmatch("[a-z-]+", one)]
    assert targets, rest
    arguments = next((one.partition("=")[2] for one in given if one.startswith("ARGS=")), None)
    if "ops" in targets and arguments not in (None, "X", "--help"):
        check_operations(shlex.split(arguments or ""))
    for target in targets:
        variables = [one for one in given if re.fullmatch(r"[A-Z_]+=[\w./-]*", one)]
        modules = re.findall(r"venv/bin/python -m ([\w.]+)", dry_run(target, *variables))
        assert all(importlib.util.find_spec(module) for module in modules)
        if target in RUN_BY:
            assert (ROOT / RUN_BY[target]).is_file()


@cache
def dry_run(target: str, *variables: str) -> str:
    """What make would run; cached, because many documents name the same commands."""
    # Without this variable, make looks for an installed Python each time.
    command = ["make", "-n", target, *variables, f"SYSTEM_PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_operations(rest: list[str]) -> None:
    """Parse an operator's command; placeholders of the document are filled in."""
    if rest and rest[-1] == "X":
        rest = rest[:-1] or ["pauses"]
        rest = [*rest, "--since", "2026-01-01"] if "replay-webhooks" in rest else rest
    if "check-audit" in rest and "--user" not in rest:
        rest = [*rest, "--user", "uid"]
    _parser().parse_args(rest)


def check_curl(rest: list[str]) -> None:
    """Check a call of the API against its description, or a call of the simulator against its routes."""
    has_body = "-d" in rest
    method = rest[rest.index("-X") + 1] if "-X" in rest else "POST" if has_body else "GET"
    if ours := next((one.removeprefix("$BANK") for one in rest if one.startswith("$BANK/")), None):
        scope = {"type": "http", "method": method, "path": ours}
        assert any(route.matches(scope)[0] is Match.FULL for route in control_routes(World(Settings()))), scope
        return
    url = next(one for one in rest if "/api/" in one)
    _, operation = Described().operation(method, "/api/" + url.partition("/api/")[2].replace("{id}", "1"))
    known = {(verb.upper(), one["operationId"]) for _, verb, one in Described().operations()}
    assert operation["operationId"] != "api_not_found", url
    assert (method, operation["operationId"]) in known, (method, url)


def test_table_lists_exactly_the_operator_commands() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text.split("## Commands")[1].split("\n###")[0]
    told = {row.split("`")[1].split()[0] for row in table.splitlines() if row.startswith("| `")}
    [action] = [one for one in _parser()._actions if isinstance(one, argparse._SubParsersAction)]
    assert told == set(action.choices)


def test_every_target_has_a_help_text_and_is_phony() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.findall(r"^\.PHONY: (.*)$", text, flags=re.MULTILINE)[0].split())
    targets = set(re.findall(r"^([a-z-]+):", text, flags=re.MULTILINE))
    assert targets <= phony
    explained = set(re.findall(r"^([a-z-]+):.*## ", text, flags=re.MULTILINE))
    assert targets - explained <= {"setup", "setup-web", "setup-tests"}


def test_make_alone_lists_the_targets() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ})
    assert "make demo" in done.stdout
    assert "make trace" in done.stdout


def anchors(path: Path) -> set[str]:
    """The headings of a document, as links name them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_between_documents_has_a_target(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


FOLDERS = "benchmarks|deploy|docs|emulators|functions|operations|shared|tests|web"
NAMED = re.compile(rf"`((?:{FOLDERS})/[\w./-]+|main\.py|firestore\.(?:rules|indexes\.json))`")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_file_that_a_document_names_exists(path: Path) -> None:
    named = NAMED.findall(path.read_text(encoding="utf-8"))
    assert [one for one in named if not (ROOT / one).exists()] == []


def test_where_to_find_things_covers_at_least_thirty_questions() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.split("## Question → file")[1].split("\n## ")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines() if row.startswith("| Where ")]
    assert len({question for question, _ in rows}) == len(rows) >= 30
    unnamed = [question for question, answer in rows if not NAMED.search(answer) and "`functions/`" not in answer]
    assert unnamed == []


def test_every_document_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    missing = [path.name for path in (ROOT / "docs").glob("*.md") if f"({path.name})" not in index]
    assert missing == ["README.md"]


def test_diagrams_name_existing_things_and_declared_participants() -> None:
    text = (ROOT / "docs" / "flows.md").read_text(encoding="utf-8")
    outside = {"App", "Plaid", "Firestore", "Cloud Tasks", "Operator"}
    diagrams = re.findall(r"```mermaid\n(.*?)```", text, flags=re.DOTALL)
    assert len(diagrams) == 8
    for diagram in diagrams:
        introduced = re.findall(r"^    participant (.+)$", diagram, flags=re.MULTILINE)
        assert set(introduced) <= outside | set(main.FUNCTIONS)
        arrows = re.findall(r"^ +(.+?)(?:->>|-->>)(.+?): .+$", diagram, flags=re.MULTILINE)
        assert arrows
        assert {name for arrow in arrows for name in arrow} == set(introduced)
        others = re.sub(
            r"^ +(?:participant .+|.+?(?:->>|-->>).+?: .+|loop .+|alt .+|else .+|end)$", "", diagram, flags=re.MULTILINE
        )
        assert others.strip() == "sequenceDiagram"
        opened, closed = (
            len(re.findall(r"^ +(?:loop|alt) ", diagram, flags=re.MULTILINE)),
            len(re.findall("^ +end$", diagram, flags=re.MULTILINE)),
        )
        assert opened == closed
