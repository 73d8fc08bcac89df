"""What every step of the set-up uses: the folders, a long task with its log, and stamps of completed steps."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
JARS = LOCAL / "emulators"

Environment = dict[str, str]
CHILDREN: list[subprocess.Popen[bytes]] = []
NOTICES: set[str] = set()
_PRINTING = threading.Lock()


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


def notice(text: str) -> None:
    """Prints a line once, even if several steps have it."""
    with _PRINTING:
        if text not in NOTICES:
            NOTICES.add(text)
            print(f"setup: {text}", flush=True)


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
        "RUSTUP_HOME": os.environ.get("RUSTUP_HOME") or str(LOCAL / "cache" / "rustup"),
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
