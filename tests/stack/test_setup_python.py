"""The set-up finds a supported Python on any PATH, also behind shims of pyenv, and otherwise downloads one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from emulators import setup_python
from emulators.setup_python import DEPLOYED, base_python, dotted, program
from emulators.setup_task import ROOT, Environment, SetupError, Task

SHIM = "#!/bin/sh\necho 'pyenv: version is not installed' >&2\nexit 127\n"
# What the set-up's probe prints for a suitable Python, and a Python that refuses the probe.
SUITABLE = "#!/bin/sh\necho $0\n"
UNSUITABLE = "#!/bin/sh\nexit 1\n"
NAMES = ("python3", "python3.13", "python3.12", "python3.11", "python")


def folder(path: Path, programs: Mapping[str, str]) -> Path:
    """A folder of a PATH with these programs."""
    path.mkdir(parents=True)
    for name, text in programs.items():
        (path / name).write_text(text)
        (path / name).chmod(0o755)
    return path


def on_path(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """Lets the set-up see only these folders, started by a Python that it does not support."""
    found = shutil.which
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))
    monkeypatch.setattr(sys, "executable", "/nowhere/python3.9")
    system = {"/usr/bin", "/usr/local/bin"}
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None if path in system else found(name, path=path))


def test_a_supported_python_that_runs_the_set_up_is_used() -> None:
    version = [sys.executable, "-c", "import sys; print(sys.version_info[:2])"]
    chosen = [base_python(), *version[1:]]
    assert subprocess.check_output(chosen) == subprocess.check_output(version)


def test_a_python_behind_failing_shims_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shims = folder(tmp_path / "shims", dict.fromkeys(NAMES, SHIM))
    real = folder(tmp_path / "real", {"python3": SUITABLE})
    on_path(monkeypatch, shims, real)
    assert base_python() == str(real / "python3")


def test_an_activated_environment_is_not_used_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It can be the one that the set-up deletes and creates again."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    on_path(monkeypatch, tmp_path / "venv" / "bin")
    found = Path(base_python())
    assert not found.is_relative_to(tmp_path)
    assert found.is_file()


def test_the_deployed_version_is_preferred_to_older_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    older = folder(tmp_path / "older", {"python3": UNSUITABLE, "python3.11": SUITABLE, "python3.12": SUITABLE})
    newer = folder(tmp_path / "newer", {program(DEPLOYED): SUITABLE})
    on_path(monkeypatch, older, newer)
    assert base_python() == str(newer / program(DEPLOYED))
    on_path(monkeypatch, older)
    assert base_python() == str(older / "python3.12")


class Uv:
    """A fake of uv's download, recorded instead of run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path, *, reachable: bool = True) -> None:
        self.commands: list[list[str]] = []
        self.environment: Environment = {}
        monkeypatch.setattr(setup_python, "DOWNLOADED", root / "python")
        monkeypatch.setattr(setup_python, "UV", root / "uv")

        def run(_task: Task, command: Sequence[str], env: Environment, **_: object) -> None:
            self.commands.append(list(command))
            if "python" in command:
                self.environment = env
                if not reachable:
                    raise SetupError("no route to host")
                folder(Path(env["UV_PYTHON_INSTALL_DIR"], "cpython-3.13.9-any", "bin"), {program(DEPLOYED): SUITABLE})

        monkeypatch.setattr(Task, "run", run)


def test_without_a_supported_python_uv_downloads_one_into_the_clone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    uv = Uv(monkeypatch, tmp_path)
    programs = folder(tmp_path / "bin", {"python3": UNSUITABLE, "uv": SUITABLE})
    on_path(monkeypatch, programs)
    assert base_python() == str(tmp_path / "python" / "cpython-3.13.9-any" / "bin" / program(DEPLOYED))
    assert uv.commands == [[str(programs / "uv"), "python", "install", "--no-config", dotted(DEPLOYED)]]
    assert uv.environment["UV_PYTHON_INSTALL_BIN"] == "0"


def test_without_uv_the_pinned_one_is_installed_by_its_hashes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    uv = Uv(monkeypatch, tmp_path)
    on_path(monkeypatch, folder(tmp_path / "bin", {"python3": UNSUITABLE}))
    base_python()
    pip, download = uv.commands
    assert pip[:4] == ["/nowhere/python3.9", "-m", "pip", "install"]
    assert {"--require-hashes", "--no-deps"} <= set(pip)
    assert download[0] == str(tmp_path / "uv" / "bin" / "uv")
    listed = Path(pip[-1]).read_text()
    assert re.findall(r"^\S+", listed, re.MULTILINE) == [listed.split()[0]]
    assert listed in (ROOT / "requirements-dev.txt").read_text()
    assert re.fullmatch(r"uv==\S+ (\\\n    --hash=sha256:[0-9a-f]{64}\s*)+", listed)


def test_a_failed_download_is_reported_with_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Uv(monkeypatch, tmp_path, reachable=False)
    on_path(monkeypatch, folder(tmp_path / "bin", {"uv": SUITABLE}))
    with pytest.raises(SetupError, match=r"^setup: no Python 3\.11 to 3\.13 with venv was found, .* Install one: "):
        base_python()


def test_environment_has_the_name_of_the_deployed_runtime_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The Firebase CLI starts `python3.13` in the environment, whichever version the environment has."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    monkeypatch.setattr(setup_python, "VENV", tmp_path / "venv")
    monkeypatch.setattr(setup_python, "DEPLOYED", (3, 99))
    setup_python.name_as_deployed()
    setup_python.name_as_deployed()
    named = tmp_path / "venv" / "bin" / "python3.99"
    prefix = subprocess.check_output([str(named), "-c", "import sys; print(sys.prefix)"], text=True)
    assert prefix.strip() == str(tmp_path / "venv")


def make_setup(*folders: Path, dry: bool = True) -> subprocess.CompletedProcess[str]:
    """`make setup` with these folders as its PATH."""
    make = shutil.which("make")
    assert make
    # Without the flags of the make that may run this test, which would print its folders.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    environment["PATH"] = os.pathsep.join(map(str, folders))
    command = [make, "setup", *(["-n"] if dry else [])]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_make_starts_the_set_up_behind_failing_shims(tmp_path: Path) -> None:
    shims = folder(tmp_path / "shims", dict.fromkeys(NAMES, SHIM))
    real = folder(tmp_path / "with space", {})
    (real / "python3").symlink_to(sys.executable)
    assert make_setup(shims, real).stdout == f'"{real}/python3" -m emulators.setup\n'


def test_make_without_any_python_says_what_to_install(tmp_path: Path) -> None:
    done = make_setup(folder(tmp_path / "empty", {}), dry=False)
    assert done.returncode != 0
    assert "setup: install Python 3.13" in done.stderr
