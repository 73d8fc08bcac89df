"""The Python of the set-up: finds or downloads one of the supported versions, and creates the virtual environment.

Several versions are supported, so that the project starts with the one that a machine has. CI tests the oldest and the
newest; the lock files hold the packages of all of them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence

from emulators.setup_task import LOCAL, ROOT, SetupError, Task, digest, output_of, stamped, tool_environment

VENV = ROOT / "venv"  # the name that the Functions emulator requires
DEPLOYED = (3, 13)  # the runtime in firebase.json
PYTHONS = (DEPLOYED, (3, 12), (3, 11))  # in order of preference
DOWNLOADED = LOCAL / "python"
UV = LOCAL / "uv"

# It prints the base of a virtual environment, because the caller may have activated the one that is created again here.
BASE = "getattr(sys, '_base_executable', sys.executable)"
PROBE = f"import sys, venv, ensurepip; assert sys.version_info[:2] in {PYTHONS}; print({BASE})"
READY = f"import sys, pip; assert sys.version_info[:2] in {PYTHONS}"


def base_python() -> str:
    """A supported Python that can create virtual environments: the caller's own, an installed one, else uv's."""
    for candidate in candidates():
        if found := output_of([candidate, "-c", PROBE]):
            return found
    return downloaded_python()


def candidates() -> Iterator[str]:
    """Programs that may be a supported Python, the preferred ones first.

    Every folder of the PATH counts, because the first match can be a shim of pyenv whose version is not installed.
    """
    yield sys.executable
    folders = [*os.environ.get("PATH", os.defpath).split(os.pathsep), "/usr/local/bin", "/usr/bin"]
    for name in (*map(program, PYTHONS), "python3", "python"):
        for folder in dict.fromkeys(folders):
            if found := shutil.which(name, path=folder):
                yield found


def dotted(version: Sequence[int]) -> str:
    """A version as it is written, such as `3.13`."""
    return ".".join(map(str, version))


def program(version: Sequence[int]) -> str:
    """The name of a version's program."""
    return f"python{dotted(version)}"


def downloaded_python() -> str:
    """The newest supported Python, downloaded by uv (https://docs.astral.sh/uv/guides/install-python/) into the clone.

    Raises:
        SetupError: The download failed.
    """
    task = Task("python")
    version = dotted(DEPLOYED)
    # Without UV_PYTHON_INSTALL_BIN=0, uv would also write to the home folder.
    env = {**tool_environment(), "UV_PYTHON_INSTALL_DIR": str(DOWNLOADED), "UV_PYTHON_INSTALL_BIN": "0"}
    with contextlib.suppress(SetupError), task.announced(f"downloading Python {version} with uv"):
        task.run([shutil.which("uv") or pinned_uv(task), "python", "install", "--no-config", version], env, timeout=600)
    for found in sorted(DOWNLOADED.glob(f"cpython-{version}*/bin/{program(DEPLOYED)}")):
        if output_of([str(found), "-c", PROBE]):
            return str(found)
    oldest, newest = dotted(min(PYTHONS)), dotted(max(PYTHONS))
    raise SetupError(
        f"setup: no Python {oldest} to {newest} with venv was found, and uv could not download one (is github.com "
        f"reachable?). Install one: https://www.python.org (on Debian: python{oldest} and python{oldest}-venv)."
    )


def pinned_uv(task: Task) -> str:
    """The uv of requirements-dev.txt, installed by the Python that runs the set-up."""
    uv = UV / "bin" / "uv"
    if not uv.is_file():
        lines = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
        first = next(number for number, line in enumerate(lines) if line.startswith("uv=="))
        last = next(number for number, line in enumerate(lines) if number >= first and not line.endswith("\\"))
        UV.mkdir(parents=True, exist_ok=True)
        listed = UV / "requirements.txt"
        listed.write_text("\n".join(lines[first : last + 1]) + "\n", encoding="utf-8")
        options = ["--no-deps", "--require-hashes", "--no-input", "--target", str(UV)]
        task.run([sys.executable, "-m", "pip", "install", *options, "-r", str(listed)], tool_environment())
    return str(uv)


def make_venv() -> None:
    """Creates the virtual environment from the two hashed requirement files."""
    lists = [ROOT / "requirements.txt", ROOT / "requirements-dev.txt"]
    stamp = VENV / ".made-from"
    # The path is part of the hash, because the scripts of a virtual environment break when the clone is moved.
    wanted = f"{VENV}\n{digest(PYTHONS, *lists)}"
    if stamped(stamp, wanted) and (VENV / "bin" / "python").exists():
        return
    python = str(VENV / "bin" / "python")
    sound = stamp.is_file() and stamp.read_text(encoding="utf-8").startswith(f"{VENV}\n")
    reused = sound and output_of([python, "-c", READY]) is not None
    base = "" if reused else base_python()
    task = Task("venv")
    with task.announced("installing the Python packages"):
        if not reused:
            shutil.rmtree(VENV, ignore_errors=True)
            task.run([base, "-m", "venv", str(VENV)], tool_environment())
        stamp.unlink(missing_ok=True)
        name_as_deployed()
        options = ["--no-deps", "--require-hashes", "--no-input"]
        task.run(
            [python, "-m", "pip", "install", *options, *(f"-r{path}" for path in lists)],
            tool_environment(),
            hint="Is the package index reachable? Run `make` again once it is.",
        )
        stamp.write_text(wanted, encoding="utf-8")


def name_as_deployed() -> None:
    """Gives the environment's Python the name of the deployed runtime as well.

    The Firebase CLI starts the Python with that name, within the environment, to list the functions: in the emulator
    and before a deploy. It would not find an environment of another version:
    https://github.com/firebase/firebase-tools/blob/main/src/deploy/functions/runtimes/python/index.ts
    """
    named = VENV / "bin" / program(DEPLOYED)
    if not named.exists():
        named.unlink(missing_ok=True)  # a link whose target is gone
        named.symlink_to("python")
