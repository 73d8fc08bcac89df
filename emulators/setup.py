"""Puts everything that the project runs on inside the clone. Every `make` target calls it first.

Needs the standard library only and runs under any Python 3.9+, because it is what makes the real one.
What a step has made is stamped with the hash of what it was made from, and the stamp is written last:
a step without its stamp was broken off half-way and is made again from nothing.
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
VENV = ROOT / "venv"  # the name that the Functions emulator insists on
JARS = LOCAL / "emulators"
BROWSERS = LOCAL / "browsers"
PYTHON = (3, 11)
NODE = 20

Environment = dict[str, str]
CHILDREN: list[subprocess.Popen[bytes]] = []


class SetupError(Exception):
    """Something that cannot be had; the text says what and how to get it."""


class Task:
    """One long step: its output goes to a log, the terminal hears how it is getting on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.log = LOCAL / "logs" / f"setup-{name}.log"

    def say(self, text: str) -> None:
        print(f"set-up: {self.name}: {text}", flush=True)

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
            raise SetupError("\n".join([*tail, f"set-up: {self.name} failed: `{command_line}`. {hint}".rstrip()]))


def tool_environment() -> Environment:
    """The user's environment (it may hold mirrors and proxies), with every cache and setting moved into the clone."""
    return {
        **os.environ,
        "PIP_CACHE_DIR": str(LOCAL / "cache" / "pip"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_REQUIRE_VIRTUALENV": "0",
        "npm_config_cache": str(LOCAL / "cache" / "npm"),
        "npm_config_update_notifier": "false",
        "XDG_CONFIG_HOME": str(LOCAL / "config"),
        "XDG_CACHE_HOME": str(LOCAL / "cache"),
        # pip asks an installed rustc for its version, to which rustup may answer by writing into the home folder.
        "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(LOCAL / "cache" / "rustup")),
        "CLOUDSDK_CONFIG": str(LOCAL / "config" / "gcloud"),
        "FIREBASE_EMULATORS_PATH": str(JARS),
        "NO_UPDATE_NOTIFIER": "1",
        "CI": "1",
    }


def output_of(command: Sequence[str], timeout: float = 60) -> str | None:
    """What a command prints, or nothing if it is missing, fails or hangs."""
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
    """A hash of texts and of files' contents."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part.read_bytes() if isinstance(part, Path) else str(part).encode())
        sha.update(b"\0")
    return sha.hexdigest()


def stamped(stamp: Path, value: str) -> bool:
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == value


def base_python() -> str:
    """A Python 3.11 that can make virtual environments."""
    probe = "import sys, venv, ensurepip; assert sys.version_info[:2] == (3, 11); print(sys.executable)"
    candidates = [sys.executable, "python3.11", "/usr/local/bin/python3.11", "/usr/bin/python3.11", "python3", "python"]
    for candidate in candidates:
        found = output_of([candidate, "-c", probe])
        if found:
            return found
    raise SetupError("set-up: no Python 3.11 with venv found. Install it (on Debian: python3.11 and python3.11-venv).")


def make_venv() -> None:
    """The virtual environment, from the two hashed lists."""
    lists = [ROOT / "requirements.txt", ROOT / "requirements-dev.txt"]
    stamp = VENV / ".made-from"
    # Where it lies is part of it: the scripts of a virtual environment stop working when the clone is moved.
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
            hint="Is the package index reachable? `make` again once it is.",
        )
        stamp.write_text(wanted, encoding="utf-8")


def make_node_modules(folder: Path, name: str) -> None:
    """What a folder's package-lock.json asks for; `npm ci` removes what a broken run has left."""
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
            hint="Is the npm registry reachable? `make` again once it is.",
        )
        stamp.write_text(wanted, encoding="utf-8")


def make_web() -> None:
    """The web app that Hosting serves, in web/dist: built again when anything that it is made from has changed."""
    web = ROOT / "web"
    make_node_modules(web, "web")
    sources = (path for top in ("src", "public") for path in sorted((web / top).rglob("*")) if path.is_file())
    made_from = [web / name for name in ("index.html", "package-lock.json", "vite.config.ts")]
    wanted = digest(*(part for path in (*made_from, *sources) for part in (str(path.relative_to(web)), path)))
    stamp = LOCAL / "web-made-from"
    if stamped(stamp, wanted) and (web / "dist" / "index.html").is_file():
        return
    stamp.unlink(missing_ok=True)
    task = Task("web-build")
    with task.announced("building the web app"):
        task.run(["npm", "run", "build"], tool_environment(), cwd=web, hint="`cd web && npm run build` shows more.")
    stamp.write_text(wanted, encoding="utf-8")


def check_node() -> None:
    version = output_of(["node", "--version"]) or ""
    major = version.lstrip("v").split(".")[0]
    if not major.isdigit() or int(major) < NODE:
        found = f"found {version}" if version else "found none"
        raise SetupError(f"set-up: Node {NODE} or newer is needed ({found}). Install it from https://nodejs.org.")
    if output_of(["npm", "--version"]) is None:
        raise SetupError("set-up: npm, which comes with Node, is missing (on Debian: the package npm).")


def installed_browser() -> str | None:
    """A Chromium or Chrome of this machine, or the one that an earlier set-up has fetched."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    fetched = (str(path) for path in sorted(BROWSERS.glob("chromium-*/chrome-*/chrome"), reverse=True))
    return next((found for found in map(shutil.which, (*names, *fetched)) if found), None)


def make_browser() -> None:
    """For the browser tests: an installed one, else Playwright's own, else Debian's where that may be installed."""
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
    raise SetupError("set-up: the browser tests need Chromium or Chrome (on Debian: the package chromium).")


def make_firestore_jar() -> None:
    """The Firestore emulator: cached, else downloaded by firebase-tools, else the one of an installed Cloud SDK.

    `firestore.json`, written last, says which version the stack must ask firebase-tools for.
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
            "set-up: the Firestore emulator could be neither downloaded (is storage.googleapis.com reachable?) "
            "nor found in a Google Cloud SDK (`gcloud components install cloud-firestore-emulator`)."
        )
    wrap_jar(sdk_jar, JARS / "cloud-firestore-emulator-vsdk.jar")
    stamp.write_text(json.dumps({"jar": str(sdk_jar), "version": "sdk"}), encoding="utf-8")
    task.say("could not be downloaded: using the one of the installed Google Cloud SDK")


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
    """A jar that `java -jar` can start: the Cloud SDK's own names no main class."""
    lines = [
        "Manifest-Version: 1.0",
        "Main-Class: com.google.cloud.datastore.emulator.firestore.CloudFirestore",
        f"Class-Path: {jar.as_uri()}",
    ]
    wrapped = []
    for line in lines:  # a manifest's lines hold 72 bytes at most; a space continues one
        wrapped.append(line[:70])
        rest = line[70:]
        wrapped.extend(" " + rest[i : i + 69] for i in range(0, len(rest), 69))
    with zipfile.ZipFile(wrapper, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "\r\n".join([*wrapped, "", ""]))


def set_up(*, with_web: bool, with_tests: bool) -> None:
    """Every step that is not done yet; the slow, independent ones beside each other."""
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
    """Sets up what is missing; two set-ups of one clone wait for each other.

    The installers inherit the lock: should this process be killed, the next run waits for those it left behind.
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
            print("set-up: waiting for another one of this clone to end ...", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            tests = "--tests" in sys.argv[1:]
            set_up(with_web=tests or "--web" in sys.argv[1:], with_tests=tests)
        except SetupError as error:
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("set-up: broken off; the next run repairs it", file=sys.stderr)
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
