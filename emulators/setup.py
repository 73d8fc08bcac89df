"""Installs everything that the project needs inside the clone. Every `make` target runs it first.

It uses only the standard library and runs under any Python 3.9+, because it creates the Python 3.11 environment.
Each step writes a stamp with the hash of its inputs when it completes. A step without a stamp was interrupted, and
starts from scratch.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
VENV = ROOT / "venv"  # the name that the Functions emulator requires
JARS = LOCAL / "emulators"
BROWSERS = LOCAL / "browsers"
PYTHON = (3, 11)
NODE = 20

Environment = dict[str, str]
CHILDREN: list[subprocess.Popen[bytes]] = []


class SetupError(Exception):
    """Something is missing; the message says what it is and how to get it."""


class Task:
    """One long step: its output goes to a log, its progress to the terminal."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.log = LOCAL / "logs" / f"setup-{name}.log"

    def say(self, text: str) -> None:
        print(f"setup: {self.name}: {text}", flush=True)

    @contextlib.contextmanager
    def announced(self, text: str) -> Iterator[None]:
        self.say(f"{text} ...")
        started, done = time.monotonic(), threading.Event()

        def tick() -> None:
            while not done.wait(15):
                self.say(f"... {time.monotonic() - started:.0f} s")

        threading.Thread(target=tick, daemon=True).start()
        try:
            yield
        finally:
            done.set()
        self.say(f"done in {time.monotonic() - started:.0f} s")

    def run(
        self, command: Sequence[str], env: Environment, cwd: Path = ROOT, hint: str = "", timeout: float | None = None
    ) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("w", encoding="utf-8", errors="replace") as log:
            child = subprocess.Popen(
                command,
                cwd=str(cwd),
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                close_fds=False,  # it inherits the lock, see main()
            )
            CHILDREN.append(child)
            try:
                code = child.wait(timeout)
            except subprocess.TimeoutExpired:
                child.kill()
                code = child.wait()
        if code:
            tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
            command_line = " ".join(Path(part).name if i == 0 else part for i, part in enumerate(command))
            raise SetupError("\n".join([*tail, f"setup: {self.name} failed: `{command_line}`. {hint}".rstrip()]))


def tool_environment() -> Environment:
    """The user's environment (for mirrors and proxies), with all caches and settings redirected into the clone."""
    return {
        **os.environ,
        "PIP_CACHE_DIR": str(LOCAL / "cache" / "pip"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_REQUIRE_VIRTUALENV": "0",
        "npm_config_cache": str(LOCAL / "cache" / "npm"),
        "npm_config_update_notifier": "false",
        "XDG_CONFIG_HOME": str(LOCAL / "config"),
        "XDG_CACHE_HOME": str(LOCAL / "cache"),
        # pip asks an installed rustc for its version, which makes rustup write to the home folder.
        "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(LOCAL / "cache" / "rustup")),
        "CLOUDSDK_CONFIG": str(LOCAL / "config" / "gcloud"),
        "FIREBASE_EMULATORS_PATH": str(JARS),
        "NO_UPDATE_NOTIFIER": "1",
        "CI": "1",
    }


def output_of(command: Sequence[str], timeout: float = 60) -> str | None:
    """The output of a command, or nothing if it is missing, fails or hangs."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=tool_environment(),
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None


def digest(*parts: object) -> str:
    """A hash of texts and file contents."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part.read_bytes() if isinstance(part, Path) else str(part).encode())
        sha.update(b"\0")
    return sha.hexdigest()


def stamped(stamp: Path, value: str) -> bool:
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == value


def base_python() -> str:
    """A Python 3.11 that can create virtual environments."""
    probe = "import sys, venv, ensurepip; assert sys.version_info[:2] == (3, 11); print(sys.executable)"
    candidates = [sys.executable, "python3.11", "/usr/local/bin/python3.11", "/usr/bin/python3.11", "python3", "python"]
    for candidate in candidates:
        found = output_of([candidate, "-c", probe])
        if found:
            return found
    raise SetupError("setup: no Python 3.11 with venv found. Install it (on Debian: python3.11 and python3.11-venv).")


def make_venv() -> None:
    """Creates the virtual environment from the two hashed requirement files."""
    lists = [ROOT / "requirements.txt", ROOT / "requirements-dev.txt"]
    stamp = VENV / ".made-from"
    # The path is part of the hash, because the scripts of a virtual environment break when the clone is moved.
    wanted = f"{VENV}\n{digest(PYTHON, *lists)}"
    if stamped(stamp, wanted) and (VENV / "bin" / "python").exists():
        return
    task = Task("venv")
    with task.announced("installing the Python packages"):
        sound = stamp.is_file() and stamp.read_text(encoding="utf-8").startswith(f"{VENV}\n")
        if not (sound and output_of([str(VENV / "bin" / "python"), "-m", "pip", "--version"])):
            shutil.rmtree(VENV, ignore_errors=True)
            task.run([base_python(), "-m", "venv", str(VENV)], tool_environment())
        stamp.unlink(missing_ok=True)
        options = ["--no-deps", "--require-hashes", "--no-input"]
        task.run(
            [str(VENV / "bin" / "python"), "-m", "pip", "install", *options, *(f"-r{path}" for path in lists)],
            tool_environment(),
            hint="Is the package index reachable? Run `make` again once it is.",
        )
        stamp.write_text(wanted, encoding="utf-8")


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
    version = output_of(["node", "--version"]) or ""
    major = version.lstrip("v").split(".")[0]
    if not major.isdigit() or int(major) < NODE:
        found = f"found {version}" if version else "found none"
        raise SetupError(f"setup: Node {NODE} or newer is needed ({found}). Install it from https://nodejs.org.")
    if output_of(["npm", "--version"]) is None:
        raise SetupError("setup: npm, which comes with Node, is missing (on Debian: the package npm).")


def installed_browser() -> str | None:
    """A Chromium or Chrome on this machine, or the one that an earlier setup downloaded."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    fetched = (str(path) for path in sorted(BROWSERS.glob("chromium-*/chrome-*/chrome"), reverse=True))
    return next((found for found in map(shutil.which, (*names, *fetched)) if found), None)


def make_browser() -> None:
    """Provides a browser for the tests: an installed one, else Playwright's, else Debian's if running as root."""
    if installed_browser():
        return
    task = Task("browser")
    env = {**tool_environment(), "PLAYWRIGHT_BROWSERS_PATH": str(BROWSERS), "DEBIAN_FRONTEND": "noninteractive"}
    with task.announced("looking for a Chromium"):
        ways = [[[str(VENV / "bin" / "playwright"), "install", "chromium"]]]
        if os.geteuid() == 0 and shutil.which("apt-get"):
            install = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
            ways.append([["apt-get", "update"], install])
        for commands in ways:
            with contextlib.suppress(SetupError):
                for command in commands:
                    task.run(command, env, timeout=600)
            if installed_browser():
                return
    raise SetupError("setup: the browser tests need Chromium or Chrome (on Debian: the package chromium).")


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
