"""Declared dependencies are used, used ones are declared, and all installed packages are pinned by hash."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from emulators.setup_python import PYTHONS, dotted
from tests.architecture.sources import statements

ROOT = Path(__file__).parents[2]
OURS = {"main", "functions", "shared", "operations", "emulators", "tests", "docs", "deploy", "benchmarks"}
INSTALLED = {"node_modules", "venv", ".local", ".git"}
RUNTIME = ("main.py", "functions", "shared")
DEVELOPMENT = ("operations", "emulators", "tests", "docs", "deploy", "benchmarks")
# Needed, but not imported in this repository.
RUNS_THE_FUNCTIONS = {"functions-framework"}
TOOLS = {
    "import-linter",
    "mypy",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "types-protobuf",
    "types-pyyaml",
    "types-requests",
    "uv",
}


def declared(file: str) -> set[str]:
    """The distributions that a requirements file names."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return {_normal(re.split(r"[\[<>=~! ;]", line)[0]) for line in lines if re.match(r"[A-Za-z]", line)}


def used(parts: tuple[str, ...]) -> dict[str, str]:
    """The imported distributions, each with one place that imports it."""
    found: dict[str, str] = {}
    for part in parts:
        root = ROOT / part
        for path in [root] if root.is_file() else files(root, ".py"):
            for module in _imports(path):
                if (distribution := _distribution(module)) is not None:
                    found.setdefault(distribution, f"{path.relative_to(ROOT)}: {module}")
    return found


def files(root: Path, ending: str) -> list[Path]:
    """The repository's files below a folder, without entering the large folders of installed packages."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in INSTALLED]
        found += [Path(folder) / name for name in names if name.endswith(ending)]
    return sorted(found)


def _imports(path: Path) -> Iterator[str]:
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{name.name}" for name in node.names)


@cache
def _distribution(module: str) -> str | None:
    """The distribution of a module; None for the standard library's and the repository's own."""
    if module.partition(".")[0] in OURS | sys.stdlib_module_names:
        return None
    return next((_owners()[name] for name in (module, module.rpartition(".")[0]) if name in _owners()), None)


@cache
def _owners() -> dict[str, str]:
    """The distribution of every installed module; from the lists of files, as finding a module imports its package."""
    owners: dict[str, str] = {}
    for distribution in metadata.distributions():
        # An older pip installs what has no wheel without RECORD.
        listed = distribution.read_text("RECORD") or distribution.read_text("SOURCES.txt") or ""
        for line in listed.splitlines():
            if found := re.match(r"([\w/]+?)(?:/__init__)?(?:\.[\w-]+)*\.(?:py|so)(?:,|$)", line):
                owners[found[1].replace("/", ".")] = _normal(distribution.metadata["Name"])
    return owners


@cache
def _needs() -> list[tuple[str, list[Requirement], SpecifierSet]]:
    """The installed distributions, what each requires, and the versions of Python that it supports."""
    return [
        (
            _normal(distribution.metadata["Name"]),
            [Requirement(one) for one in distribution.requires or ()],
            SpecifierSet(str(distribution.metadata.json.get("requires_python", ""))),
        )
        for distribution in metadata.distributions()
    ]


def on(python: str) -> dict[str, str]:
    """The markers of a Python version on this machine, without extras."""
    return {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_deployed_code_declares_exactly_its_imports() -> None:
    imported = used(RUNTIME)
    assert set(imported) | RUNS_THE_FUNCTIONS == declared("requirements.in"), imported


def test_development_code_declares_exactly_its_imports() -> None:
    imported = {name: place for name, place in used(DEVELOPMENT).items() if name not in declared("requirements.in")}
    assert set(imported) | TOOLS == declared("requirements-dev.in"), imported


def locked(file: str) -> dict[str, list[str]]:
    """The pins of a lock file with their hashes."""
    pins: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / file).read_text(encoding="utf-8")):
        if found := re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\\n]+)", entry):
            pins[f"{_normal(found[1])}=={found[2]}"] = re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)
        else:
            assert entry.strip().startswith("#") or not entry.strip(), entry
    return pins


@pytest.mark.parametrize("name", ["requirements", "requirements-dev", "requirements-audit"])
def test_every_python_package_is_pinned_with_its_hashes(name: str) -> None:
    pins = locked(f"{name}.txt")
    assert [pin for pin, hashes in pins.items() if not hashes] == []
    assert declared(f"{name}.in") <= {pin.partition("==")[0] for pin in pins}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev", "requirements-audit"])
def test_lock_file_tells_the_update_bot_how_it_was_made(name: str) -> None:
    """Dependabot reads the options from the header: https://github.com/dependabot/dependabot-core/pull/13812"""
    [command] = re.findall(
        r"^#    uv pip compile (.*)$", (ROOT / f"{name}.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {"--universal", "--generate-hashes", f"--python-version={dotted(min(PYTHONS))}"} <= set(command.split())


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_one_lock_file_fits_every_supported_python(name: str) -> None:
    """The set-up installs with --no-deps: a package that only one version needs must be listed, with its marker."""
    lines = re.findall(r"^([A-Za-z0-9].*?)(?: \\)?$", (ROOT / f"{name}.txt").read_text(encoding="utf-8"), re.MULTILINE)
    pinned = {_normal(one.name): one for one in map(Requirement, lines)}
    for python in map(dotted, PYTHONS):
        installed = {one for one, pin in pinned.items() if pin.marker is None or pin.marker.evaluate(on(python))}
        for name, needed, supported in _needs():
            if name not in installed:
                continue
            wanted = {_normal(one.name) for one in needed if one.marker is None or one.marker.evaluate(on(python))}
            assert wanted <= installed, (python, name)
            assert supported.contains(f"{python}.0"), (python, name)


def test_tested_versions_are_the_deployed_ones() -> None:
    deployed, tested = (
        dict(pin.split("==") for pin in locked(file)) for file in ("requirements.txt", "requirements-dev.txt")
    )
    assert {name: tested[name] for name in deployed.keys() & tested.keys()} == {
        name: deployed[name] for name in deployed.keys() & tested.keys()
    }


def test_every_npm_package_is_pinned_with_its_hash() -> None:
    locks = files(ROOT, "package-lock.json")
    assert locks
    for lock in locks:
        packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
        loose = [
            name for name, about in packages.items() if name and not about.get("link") and "integrity" not in about
        ]
        assert [name for name in loose if not packages[name].get("inBundle")] == [], lock


def test_update_bot_covers_every_lock_file() -> None:
    import yaml

    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    watched = {(one["package-ecosystem"], folder) for one in updates for folder in one["directories"]}
    locks = files(ROOT, "package-lock.json")
    npm = {("npm", f"/{lock.parent.relative_to(ROOT).as_posix()}") for lock in locks}
    assert watched >= npm | {("uv", "/")}
    assert {folder for kind, folder in watched if kind == "npm"} == {folder for _, folder in npm}
