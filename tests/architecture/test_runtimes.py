"""All places that name a version of Python agree, and a deploy uploads only the backend."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import tomllib
from typing import Any

import pytest

from emulators.setup_python import DEPLOYED, PYTHONS, dotted, program
from emulators.setup_task import ROOT

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
[CODEBASE] = json.loads((ROOT / "firebase.json").read_text(encoding="utf-8"))["functions"]
OLDEST, NEWEST = min(PYTHONS), max(PYTHONS)


def test_deployed_runtime_is_the_one_that_the_environment_is_named_after() -> None:
    assert CODEBASE["runtime"] == program(DEPLOYED).replace(".", "")


def test_pyenv_selects_the_supported_versions_in_the_set_ups_order() -> None:
    assert (ROOT / ".python-version").read_text(encoding="utf-8").split() == list(map(dotted, PYTHONS))


def test_code_is_checked_for_the_oldest_supported_version() -> None:
    assert PYPROJECT["project"]["requires-python"] == f">={dotted(OLDEST)},<{NEWEST[0]}.{NEWEST[1] + 1}"
    assert PYPROJECT["tool"]["ruff"]["target-version"] == program(OLDEST).replace(".", "").replace("python", "py")
    assert PYPROJECT["tool"]["mypy"]["python_version"] == dotted(OLDEST)
    assert f"--python-version={dotted(OLDEST)}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_documents_name_every_supported_version(name: str) -> None:
    [sentence] = re.findall(r"You need Python ([\d., or]+), Node", (ROOT / name).read_text(encoding="utf-8"))
    assert re.findall(r"\d\.\d+", sentence) == sorted(map(dotted, PYTHONS))


def uploaded(name: str) -> bool:
    """Whether the Firebase CLI uploads a file or folder of the clone's root."""
    return not any(fnmatch.fnmatchcase(name, ignored) for ignored in CODEBASE["ignore"])


def test_a_deploy_uploads_only_the_backend() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {path.partition("/")[0] for path in listed.splitlines()}
    assert {name for name in top if uploaded(name)} == {"main.py", "functions", "shared", "requirements.txt"}


@pytest.mark.parametrize("name", ["gha-creds-0a1b2c.json", "pyproject.toml", ".python-version", "venv", ".local"])
def test_credentials_and_other_declarations_of_a_version_are_not_uploaded(name: str) -> None:
    """The build reads a Python version from files such as .python-version; CI writes its credentials into the clone."""
    assert not uploaded(name)
