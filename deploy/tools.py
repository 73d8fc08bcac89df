"""Runs `gcloud` and `firebase`. A dry run prints each command, runs none, and finds no resources.

Command lines are visible to every process on the machine, so secrets go through standard input only.
"""

import json
import os
import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FIREBASE = ROOT / "emulators" / "node_modules" / ".bin" / "firebase"
PROGRAMS = {"gcloud": "gcloud", "firebase": str(FIREBASE)}

MOMENTS = (5.0, 10.0, 20.0, 30.0, 60.0)  # seconds between tries
MINUTES = (30.0,) * 24  # for changes that Google says can take ten minutes

# Errors that are temporary after a resource was created, until the change reaches all of Google Cloud.
NOT_YET = {
    "SERVICE_DISABLED": MOMENTS,
    "has not been used in": MOMENTS,
    "does not exist": MOMENTS,
    "concurrent policy changes": MOMENTS,
    "ABORTED": MOMENTS,
    # The Firebase CLI has just granted the functions' accounts access to their secrets.
    "Permission denied on secret": MOMENTS,
    # An alert policy on a new metric: https://github.com/hashicorp/terraform-provider-google/issues/11102 and 10325
    "Cannot find metric": MINUTES,
    "metric referenced by the provided filter is unknown": MINUTES,
    # The first trigger of a project: Eventarc's own account gets its rights minutes after the service is enabled.
    "recently started to use Eventarc": MINUTES,
    # A database's name is reserved for some minutes after the database was deleted.
    "Please retry in": MINUTES,
}


class DeployError(Exception):
    """A problem that the operator has to fix; the message says which one."""


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a command."""

    code: int
    out: str
    err: str


Runner = Callable[[Sequence[str], str | None], Done]


def run(command: Sequence[str], stdin: str | None) -> Done:
    """Runs a command; the exit code is 127 if it is not installed."""
    environment = {**os.environ, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "NO_UPDATE_NOTIFIER": "1"}
    try:
        done = subprocess.run(
            command, input=stdin or "", capture_output=True, text=True, check=False, env=environment, cwd=ROOT
        )
    except OSError as error:
        return Done(127, "", f"{command[0]}: {error.strerror}")
    return Done(done.returncode, done.stdout, done.stderr)


@dataclass(kw_only=True)
class Tools:
    """Runs the two programs.

    Attributes:
        say: Prints a line at the terminal.
        dry: Print commands instead of running them.
        programs: The paths of the programs.
    """

    say: Callable[[str], None]
    dry: bool = False
    programs: Mapping[str, str] = field(default_factory=lambda: PROGRAMS)
    runner: Runner = run
    sleep: Callable[[float], None] = time.sleep

    def look(self, program: str, *arguments: str) -> Done:
        """Runs a read-only command and accepts any exit code."""
        if self.dry:
            self.say(f"  look: {shlex.join([program, *arguments])}")
            return Done(0, "", "")
        return self.runner([self.programs[program], *arguments], None)

    def lines(self, *arguments: str) -> list[str]:
        """The lines that a `gcloud` list prints; none in a dry run.

        Raises:
            DeployError: It failed.
        """
        done = self._patiently("gcloud", arguments, None) if not self.dry else self.look("gcloud", *arguments)
        return [line.strip() for line in done.out.splitlines() if line.strip()]

    def json(self, *arguments: str) -> Any:
        """The JSON output of a `gcloud` command; None in a dry run, or if it prints nothing.

        Raises:
            DeployError: It failed.
        """
        text = "\n".join(self.lines(*arguments, "--format=json"))
        return json.loads(text) if text else None

    def gcloud(self, *arguments: str, stdin: str | None = None) -> None:
        """Runs a `gcloud` command that changes something.

        Raises:
            DeployError: It failed.
        """
        self.change("gcloud", *arguments, stdin=stdin)

    def firebase(self, *arguments: str) -> Done:
        """Runs a `firebase` command that changes something.

        Raises:
            DeployError: It failed.
        """
        return self.change("firebase", *arguments)

    def change(self, program: str, *arguments: str, stdin: str | None = None) -> Done:
        """Runs a command that changes something; its output is shown if it fails.

        Raises:
            DeployError: It failed.
        """
        secret = "  < (a secret)" if stdin is not None else ""
        self.say(f"  run: {shlex.join([program, *arguments])}{secret}")
        return Done(0, "", "") if self.dry else self._patiently(program, arguments, stdin)

    def _patiently(self, program: str, arguments: Sequence[str], stdin: str | None) -> Done:
        tried: Counter[tuple[float, ...]] = Counter()  # each kind of error has its own number of retries
        while True:
            done = self.runner([self.programs[program], *arguments], stdin)
            if done.code == 0:
                return done
            texts = (done.err, done.out)  # the Firebase CLI writes warnings to one and errors to the other
            waits = max((NOT_YET[word] for word in NOT_YET for text in texts if word in text), key=sum, default=())
            if tried[waits] >= len(waits):
                break
            wait = waits[tried[waits]]
            tried[waits] += 1
            self.say(f"  … not ready yet, which can take {sum(waits) / 60:.0f} minutes: retrying in {wait:.0f} s")
            self.sleep(wait)
        said = [line for text in texts for line in text.strip().splitlines()[-15:]] or ["(no output)"]
        raise DeployError("\n".join([f"`{shlex.join([program, *arguments])}` exited with {done.code}:", *said]))
