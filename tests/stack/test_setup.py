"""The set-up installs only what is missing, and repairs interrupted installations."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from emulators import setup, setup_python, setup_task
from emulators.setup_task import ROOT, SetupError


def run_setup() -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emulators.setup", "--tests"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_second_run_installs_nothing_and_is_quick() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run_setup()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # CPU time, because wall time also depends on other processes.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5


class Installer:
    """A fake of npm and pip: records the commands, creates what they create, and can be interrupted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commands: list[list[str]] = []
        self.breaks = False
        installer = self

        def run(
            task: setup_task.Task, command: Sequence[str], env: setup_task.Environment, cwd: Path = ROOT, **_: object
        ) -> None:
            installer.commands.append([Path(command[0]).name, *command[1:]])
            if "venv" in command:
                (Path(command[-1]) / "bin").mkdir(parents=True)
                (Path(command[-1]) / "bin" / "python").symlink_to(sys.executable)
            elif command[:2] == ["npm", "ci"]:
                shutil.rmtree(cwd / "node_modules", ignore_errors=True)
                (cwd / "node_modules").mkdir()
            if installer.breaks:
                raise SetupError("interrupted")

        monkeypatch.setattr(setup_task.Task, "run", run)


@pytest.fixture
def installer(monkeypatch: pytest.MonkeyPatch) -> Installer:
    return Installer(monkeypatch)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("requirements.txt", "requirements-dev.txt", "package.json", "package-lock.json"):
        (tmp_path / name).write_text("{}")
    monkeypatch.setattr(setup_python, "VENV", tmp_path / "venv")
    for module in (setup, setup_python):
        monkeypatch.setattr(module, "ROOT", tmp_path)
        monkeypatch.setattr(module, "LOCAL", tmp_path / ".local")
    monkeypatch.setattr(setup, "JARS", tmp_path / ".local" / "emulators")
    return tmp_path


def test_environment_is_created_once_and_again_after_an_interruption(clone: Path, installer: Installer) -> None:
    installer.breaks = True
    with pytest.raises(SetupError):
        setup_python.make_venv()
    installer.commands.clear()
    (clone / "venv" / "half-made").touch()
    installer.breaks = False
    setup_python.make_venv()
    assert [command[2] for command in installer.commands] == ["venv", "pip"]
    installer.commands.clear()
    assert not (clone / "venv" / "half-made").exists()
    setup_python.make_venv()
    assert installer.commands == []


def test_changed_requirements_are_installed_into_the_existing_environment(clone: Path, installer: Installer) -> None:
    setup_python.make_venv()
    installer.commands.clear()
    (clone / "requirements-dev.txt").write_text("something-new==1")
    setup_python.make_venv()
    assert [command[1:4] for command in installer.commands] == [["-m", "pip", "install"]]


def test_a_moved_clone_gets_a_new_environment(
    clone: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup_python.make_venv()
    installer.commands.clear()
    moved = clone / "moved"
    shutil.copytree(clone / "venv", moved / "venv", symlinks=True)
    monkeypatch.setattr(setup_python, "VENV", moved / "venv")
    setup_python.make_venv()
    assert ["-m", "venv"] in [command[1:3] for command in installer.commands]


def test_node_modules_are_installed_once_and_again_after_an_interruption(clone: Path, installer: Installer) -> None:
    installer.breaks = True
    with pytest.raises(SetupError):
        setup.make_node_modules(clone, "x")
    installer.breaks = False
    setup.make_node_modules(clone, "x")
    setup.make_node_modules(clone, "x")
    assert [command[:2] for command in installer.commands] == [["npm", "ci"]] * 2
    (clone / "package-lock.json").write_text('{"changed": true}')
    setup.make_node_modules(clone, "x")
    assert len(installer.commands) == 3


def test_web_app_is_built_once_and_again_after_a_change_or_an_interruption(clone: Path, installer: Installer) -> None:
    web = clone / "web"
    for folder in (web / "src", web / "dist", clone / ".local"):
        folder.mkdir(parents=True)
    for name in (
        "index.html",
        "package.json",
        "package-lock.json",
        "vite.config.ts",
        "src/main.tsx",
        "dist/index.html",
    ):
        (web / name).write_text("{}")
    description = clone / "docs" / "api" / "openapi.json"
    description.parent.mkdir(parents=True)
    description.write_text("{}")

    def builds() -> int:
        return sum(command[1] == "run" for command in installer.commands)

    setup.make_web()
    setup.make_web()
    assert builds() == 1
    (web / "src" / "main.tsx").write_text("changed")
    installer.breaks = True
    with pytest.raises(SetupError):
        setup.make_web()
    installer.breaks = False
    setup.make_web()
    setup.make_web()
    assert builds() == 3
    (web / "dist" / "index.html").unlink()
    setup.make_web()
    assert builds() == 4
    description.write_text("changed")
    setup.make_web()
    assert builds() == 5


def test_jar_is_downloaded_if_possible(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def download(task: setup_task.Task, command: Sequence[str], *_: object, **__: object) -> None:
        calls.append(command[-1])
        (setup.JARS / "cloud-firestore-emulator-v1.2.3.jar").touch()

    monkeypatch.setattr(setup_task.Task, "run", download)
    setup.make_firestore_jar()
    setup.make_firestore_jar()
    assert calls == ["setup:emulators:firestore"]
    assert json.loads((setup.JARS / "firestore.json").read_text())["version"] is None


def test_cloud_sdks_jar_is_the_fallback(clone: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    installer.breaks = True
    jar = clone / ("long " * 30) / "emulator.jar"
    jar.parent.mkdir()
    jar.touch()
    monkeypatch.setattr(setup, "cloud_sdk_jar", lambda: jar)
    setup.make_firestore_jar()
    setup.make_firestore_jar()
    assert len(installer.commands) == 1
    version = json.loads((setup.JARS / "firestore.json").read_text())["version"]
    with zipfile.ZipFile(setup.JARS / f"cloud-firestore-emulator-v{version}.jar") as wrapper:
        manifest = wrapper.read("META-INF/MANIFEST.MF")
    assert all(len(line) <= 72 for line in manifest.split(b"\r\n"))
    assert f"Class-Path: {jar.as_uri()}\r\n" in manifest.decode().replace("\r\n ", "")


def test_missing_jar_is_reported_in_one_line(
    clone: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    installer.breaks = True
    monkeypatch.setattr(setup, "cloud_sdk_jar", lambda: None)
    with pytest.raises(SetupError, match=r"^setup: the Firestore emulator .*gcloud components install") as raised:
        setup.make_firestore_jar()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("version", ["v18.20.8", "v20.18.3", "v21.7.3", "v22.11.0", "v23", "unknown", None])
def test_an_unsuitable_node_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, version: str | None) -> None:
    monkeypatch.setattr(setup, "output_of", lambda command, **_: version)
    with pytest.raises(SetupError, match=rf"^setup: Node 22 or 24 is needed \(found {version or 'none'}\)\. [^\n]*$"):
        setup.check_node()


@pytest.mark.parametrize("version", ["v22.12.0", "v24.0.0", "v25.1.0"])
def test_a_maintained_node_is_accepted_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], version: str
) -> None:
    monkeypatch.setattr(setup, "output_of", lambda command, **_: version)
    setup.check_node()
    assert capsys.readouterr().out == ""


def test_node_20_is_accepted_with_one_notice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "output_of", lambda command, **_: "v20.20.2")
    monkeypatch.setattr(setup_task, "NOTICES", set())
    setup.check_node()
    setup.check_node()
    assert capsys.readouterr().out == "setup: Node 20 still works, but is no longer maintained: install 24.\n"


def test_lock_files_name_no_private_registry() -> None:
    for folder in ("emulators", "tests/js", "web"):
        lock = ROOT / folder / "package-lock.json"
        packages = json.loads(lock.read_text())["packages"].values()
        addresses = [package["resolved"] for package in packages if "resolved" in package]
        assert all(address.startswith("https://registry.npmjs.org/") for address in addresses)
    for lock in sorted(ROOT.glob("requirements*.txt")):
        assert "://" not in "".join(line for line in lock.read_text().splitlines() if not line.strip().startswith("#"))


class Machine:
    """Browsers that are installed, and what installers find."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.installed: set[str] = set()
        self.offered: set[str] = set()
        self.asked: list[str] = []
        monkeypatch.setattr(setup, "BROWSERS", folder)
        monkeypatch.setattr(shutil, "which", lambda name: str(Path("/usr/bin", name)) if name in self.has() else None)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(setup_task.Task, "run", self.run)

    def has(self) -> set[str]:
        return {"apt-get", *self.installed}

    def run(self, command: Sequence[str], *_: object, **__: object) -> None:
        self.asked.append(" ".join([Path(command[0]).name, *command[1:]]))
        if command[-1] in self.offered and "apt-get" in command:
            self.installed.add(command[-1])
        elif command[-1] != "update":
            raise SetupError("not found")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path / "browsers")


def test_a_headless_shell_is_installed_also_beside_a_whole_browser_and_preferred(machine: Machine) -> None:
    machine.installed = {"chromium"}
    machine.offered = {"chromium-headless-shell"}
    setup.make_browser()
    assert setup.installed_browser() == "/usr/bin/chromium-headless-shell"
    asked = len(machine.asked)
    setup.make_browser()
    assert len(machine.asked) == asked


def test_a_machine_that_gets_no_headless_shell_uses_its_browser_and_does_not_ask_again(machine: Machine) -> None:
    machine.installed = {"google-chrome"}
    setup.make_browser()
    assert "apt-get install -y --no-install-recommends chromium" not in machine.asked
    assert setup.installed_browser() == "/usr/bin/google-chrome"
    asked = len(machine.asked)
    setup.make_browser()
    assert len(machine.asked) == asked


def test_without_network_the_browser_of_an_earlier_setup_is_used(machine: Machine) -> None:
    browser = setup.BROWSERS / "chromium-1200" / "chrome-linux" / "chrome"
    browser.parent.mkdir(parents=True)
    browser.touch()
    machine.installed = {str(browser)}
    setup.make_browser()
    assert setup.installed_browser() == str(browser)


def test_a_system_without_a_package_for_the_shell_installs_the_whole_browser(machine: Machine) -> None:
    machine.offered = {"chromium"}
    setup.make_browser()
    assert setup.installed_browser() == "/usr/bin/chromium"


def test_without_any_browser_the_set_up_says_what_to_install(machine: Machine) -> None:
    with pytest.raises(SetupError, match="the browser tests need Chromium or Chrome"):
        setup.make_browser()
    assert not (setup.BROWSERS / "tried").exists()
