"""Installs everything that the project needs inside the clone. Every `make` target runs it first.

It uses only the standard library and runs under any Python 3.9+, because it finds or downloads the Python that the
environment needs. Each step writes a stamp with the hash of its inputs when it completes. A step without a stamp was
interrupted, and starts from scratch.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

from emulators.setup_python import VENV, make_venv
from emulators.setup_task import CHILDREN, SetupError, Task, digest, notice, output_of, stamped, tool_environment
from emulators.setup_task import JARS as JARS
from emulators.setup_task import LOCAL as LOCAL
from emulators.setup_task import ROOT as ROOT

BROWSERS = LOCAL / "browsers"
NODES = (22, 24)  # the versions that Node.js maintains: https://nodejs.org/en/about/previous-releases
OLD_NODE = 20
# What Vite requires of them: https://vite.dev/guide/
FIRST_MINOR = {20: 19, 22: 12}


def make_node_modules(folder: Path, name: str) -> None:
    """Installs the packages of a folder's package-lock.json; `npm ci` removes the remains of an interrupted run."""
    stamp = folder / "node_modules" / ".made-from"
    wanted = digest(folder / "package.json", folder / "package-lock.json")
    if stamped(stamp, wanted):
        return
    check_node()
    task = Task(name)
    with task.announced("installing from npm"):
        task.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            tool_environment(),
            cwd=folder,
            hint="Is the npm registry reachable? Run `make` again once it is.",
        )
        stamp.write_text(wanted, encoding="utf-8")


def make_web() -> None:
    """Builds the web app for Hosting in web/dist, again whenever its sources have changed."""
    web = ROOT / "web"
    make_node_modules(web, "web")
    folders = (web / name for name in ("src", "public", "reference"))
    sources = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    made_from = [web / name for name in ("index.html", "package-lock.json", "vite.config.ts")]
    made_from.append(ROOT / "docs" / "api" / "openapi.json")
    wanted = digest(*(part for path in (*made_from, *sources) for part in (str(path.relative_to(ROOT)), path)))
    stamp = LOCAL / "web-made-from"
    if stamped(stamp, wanted) and (web / "dist" / "index.html").is_file():
        return
    stamp.unlink(missing_ok=True)
    task = Task("web-build")
    with task.announced("building the web app"):
        task.run(["npm", "run", "build"], tool_environment(), cwd=web, hint="`cd web && npm run build` shows details.")
    stamp.write_text(wanted, encoding="utf-8")


def check_node() -> None:
    """Checks that Node and npm are installed, and reports a Node that is no longer maintained."""
    version = output_of(["node", "--version"]) or ""
    numbers = [int(part) for part in version.lstrip("v").split(".")[:2] if part.isdigit()]
    major, minor = numbers if len(numbers) == 2 else (0, 0)
    if not (major == OLD_NODE or major >= min(NODES)) or minor < FIRST_MINOR.get(major, 0):
        found = f"found {version}" if version else "found none"
        wanted = " or ".join(map(str, NODES))
        raise SetupError(f"setup: Node {wanted} is needed ({found}). Install it from https://nodejs.org.")
    if output_of(["npm", "--version"]) is None:
        raise SetupError("setup: npm, which comes with Node, is missing (on Debian: the package npm).")
    if major == OLD_NODE:
        notice(f"Node {major} still works, but is no longer maintained: install {NODES[-1]}.")


def headless_shell() -> str | None:
    """Chromium without windows, installed on this machine or by an earlier setup."""
    names = ("chromium-headless-shell", "chrome-headless-shell")
    fetched = (str(path) for path in sorted(BROWSERS.glob("chromium_headless_shell-*/*/*headless?shell"), reverse=True))
    return next((found for found in map(shutil.which, (*names, *fetched)) if found), None)


def installed_browser() -> str | None:
    """The browser for the tests: a headless shell, else a Chromium or Chrome, perhaps of an earlier setup."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    fetched = (str(path) for path in sorted(BROWSERS.glob("chromium-*/chrome-*/chrome"), reverse=True))
    return headless_shell() or next((found for found in map(shutil.which, (*names, *fetched)) if found), None)


def make_browser() -> None:
    """Provides a browser for the tests: an installed one, else Playwright's, else Debian's if running as root.

    A headless shell needs a sixth of the processor time of a whole browser, which prepares its windows too. So a setup
    tries once to get one, also on a machine that has a browser.
    """
    tried = BROWSERS / "tried"
    if headless_shell() or (tried.exists() and installed_browser()):
        return
    task = Task("browser")
    env = {**tool_environment(), "PLAYWRIGHT_BROWSERS_PATH": str(BROWSERS), "DEBIAN_FRONTEND": "noninteractive"}
    with task.announced("looking for a headless Chromium"):
        ways = [[[str(VENV / "bin" / "playwright"), "install", "--only-shell", "chromium"]]]
        if os.geteuid() == 0 and shutil.which("apt-get"):
            install = ["apt-get", "install", "-y", "--no-install-recommends"]
            ways.append([["apt-get", "update"], [*install, "chromium-headless-shell"]])
            if not installed_browser():  # Ubuntu and older releases of Debian have no such package
                ways.append([[*install, "chromium"]])
        for commands in ways:
            if headless_shell() is None:
                with contextlib.suppress(SetupError):
                    for command in commands:
                        task.run(command, env, timeout=600)
    if not installed_browser():
        raise SetupError("setup: the browser tests need Chromium or Chrome (on Debian: the package chromium).")
    BROWSERS.mkdir(exist_ok=True)
    tried.touch()


def make_firestore_jar() -> None:
    """Provides the Firestore emulator: cached, else downloaded by firebase-tools, else from an installed Cloud SDK.

    `firestore.json`, written last, holds the version that the stack must request from firebase-tools.
    """
    stamp = JARS / "firestore.json"
    if stamp.is_file() and Path(json.loads(stamp.read_text(encoding="utf-8"))["jar"]).is_file():
        return
    task = Task("firestore-emulator")
    JARS.mkdir(parents=True, exist_ok=True)
    for leftover in JARS.glob("cloud-firestore-emulator-*.jar"):
        leftover.unlink()
    with contextlib.suppress(SetupError), task.announced("downloading the jar"):
        firebase = ROOT / "emulators" / "node_modules" / "firebase-tools" / "lib" / "bin" / "firebase.js"
        task.run(["node", str(firebase), "setup:emulators:firestore"], tool_environment(), cwd=JARS, timeout=600)
        jar = next(JARS.glob("cloud-firestore-emulator-*.jar"), None)
        if jar:
            stamp.write_text(json.dumps({"jar": str(jar), "version": None}), encoding="utf-8")
            return
    sdk_jar = cloud_sdk_jar()
    if sdk_jar is None:
        raise SetupError(
            "setup: the Firestore emulator could be neither downloaded (is storage.googleapis.com reachable?) "
            "nor found in a Google Cloud SDK (`gcloud components install cloud-firestore-emulator`)."
        )
    wrap_jar(sdk_jar, JARS / "cloud-firestore-emulator-vsdk.jar")
    stamp.write_text(json.dumps({"jar": str(sdk_jar), "version": "sdk"}), encoding="utf-8")
    task.say("download failed: using the emulator of the installed Google Cloud SDK")


def cloud_sdk_jar() -> Path | None:
    """The emulator's jar inside an installed Google Cloud SDK."""
    gcloud = shutil.which("gcloud")
    roots: list[Callable[[], str | None]] = [
        lambda: str(Path(gcloud).resolve().parent.parent) if gcloud else None,
        lambda: output_of([gcloud, "info", "--format=value(installation.sdk_root)"]) if gcloud else None,
        lambda: "/usr/lib/google-cloud-sdk",
    ]
    for root in roots:
        found = root()
        jar = Path(found or ".", "platform", "cloud-firestore-emulator", "cloud-firestore-emulator.jar")
        if found and jar.is_file():
            return jar
    return None


def wrap_jar(jar: Path, wrapper: Path) -> None:
    """Writes a jar that `java -jar` can start, because the Cloud SDK's jar names no main class."""
    lines = [
        "Manifest-Version: 1.0",
        "Main-Class: com.google.cloud.datastore.emulator.firestore.CloudFirestore",
        f"Class-Path: {jar.as_uri()}",
    ]
    wrapped = []
    for line in lines:  # a manifest line has at most 72 bytes; a leading space continues it
        wrapped.append(line[:70])
        rest = line[70:]
        wrapped.extend(" " + rest[i : i + 69] for i in range(0, len(rest), 69))
    with zipfile.ZipFile(wrapper, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "\r\n".join([*wrapped, "", ""]))


def set_up(*, with_web: bool, with_tests: bool) -> None:
    """Runs every step that is not done yet; the slow, independent ones run in parallel."""
    steps: list[Callable[[], None]] = [
        make_venv,
        lambda: make_node_modules(ROOT / "emulators", "firebase-tools"),
    ]
    if with_web:
        steps.append(make_web)
    if with_tests:
        steps.append(lambda: make_node_modules(ROOT / "tests" / "js", "sdk-tests"))
    with ThreadPoolExecutor(len(steps)) as pool:
        running = [pool.submit(step) for step in steps]
        try:
            for step in running:
                step.result()
        except KeyboardInterrupt:
            for child in CHILDREN:
                child.terminate()
            raise
    make_firestore_jar()
    if with_tests:
        make_browser()


def main() -> int:
    """Installs what is missing; only one setup of a clone runs at a time.

    The installers inherit the lock, so if this process is killed, the next run waits for the remaining installers.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / "setup.lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("setup: waiting for another setup of this clone ...", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            tests = "--tests" in sys.argv[1:]
            set_up(with_web=tests or "--web" in sys.argv[1:], with_tests=tests)
        except SetupError as error:
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("setup: interrupted; the next run completes it", file=sys.stderr)
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
