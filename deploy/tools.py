"""Runs `gcloud` and `firebase`. A dry run prints each command, runs none, and finds no resources.

Command lines are visible to every process on the machine, so secrets go through standard input only.
"""

import json
import shlex
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.processes import ROOT as ROOT
from deploy.processes import Done as Done
from deploy.processes import Runner, run

FIREBASE = ROOT / "emulators" / "node_modules" / ".bin" / "firebase"
PROGRAMS = {"gcloud": "gcloud", "firebase": str(FIREBASE)}

MOMENTS = (5.0, 10.0, 20.0, 30.0, 60.0)  # seconds between tries
CONTENTION = (15.0,) * 12  # several changes of one database's indexes at a time
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
    # Many indexes: https://github.com/hashicorp/terraform-provider-google/issues/16664, firebase-tools#1119
    "underlying data changed": CONTENTION,
    "too much contention": CONTENTION,
    # Instances that a previous batch of functions started end after some minutes without calls.
    "Quota exceeded for total allowable CPU": MINUTES,
}


class DeployError(Exception):
    """A problem that the operator has to fix; the message says which one."""


# Errors of a search for something that does not exist, or whose API is still off.
ABSENT = ("SERVICE_DISABLED", "has not been used in", "not enabled on project", "NOT_FOUND")


def said(error: Exception) -> str:
    """The message of an error, or its kind if it has none."""
    return str(error) or type(error).__name__


# Errors that last until the operator acts, with what to do.
MORE_CPU = (
    "Cloud Run has too little quota in this region: open https://console.cloud.google.com/iam-admin/quotas, filter for "
    "`Cloud Run Admin API` and `total CPU allocation per project per region`, request 40 vCPU or more, and run this "
    "again when it is granted. A new project may have to pay a first bill before."
)
WHAT_TO_DO = {
    "Quota exceeded for total allowable CPU": MORE_CPU,
    "Quota violated": MORE_CPU,
    "Max instances must be set to": MORE_CPU,
    "maxScale may not exceed": MORE_CPU,
    "total max instances in your project": MORE_CPU,
    "is already reserved by another project": "Create a Hosting site with a name of your choice (firebase "
    "hosting:sites:create), set WEBHOOK_URL to its address followed by /api/v1/bank/webhook, and run this again.",
    # deploy.processes has ended it.
    "firebase did not end within": f"If a function was being created all the time: {MORE_CPU}",
}


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
        return self.runner([self.programs[program], *arguments], None, None)

    def found(self, *arguments: str) -> str:
        """What a `gcloud` command finds; nothing in a dry run, or if nothing can exist yet, because its API is off.

        Raises:
            DeployError: It failed for another reason, which says nothing about what exists.
        """
        done = self.look("gcloud", *arguments)
        if done.code and not any(word in done.err for word in ABSENT):
            raise DeployError(f"`{shlex.join(['gcloud', *arguments])}` exited with {done.code}: {done.why}")
        return "" if done.code else done.out.strip()

    def listed(self, *arguments: str) -> list[dict[str, Any]]:
        """What a `gcloud` list command finds, as `found`.

        Raises:
            DeployError: It failed for another reason.
        """
        text = self.found(*arguments, "--format=json")
        return json.loads(text) if text else []

    def firebase_json(self, *arguments: str) -> Any:
        """The result of a `firebase` command that changes nothing; None in a dry run.

        Raises:
            DeployError: It failed.
        """
        asked = (*arguments, "--json")
        done = self._patiently("firebase", asked, None) if not self.dry else self.look("firebase", *asked)
        return json.loads(done.out)["result"] if done.out else None

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

    def token(self) -> str:
        """An access token of the operator's gcloud login, for the few calls that gcloud has no command for.

        Raises:
            DeployError: It failed.
        """
        done = self.look("gcloud", "auth", "print-access-token")
        if done.code or not done.out.strip():
            raise DeployError(f"gcloud gave no access token (gcloud auth login): {done.why}")
        return done.out.strip()

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
        show = self.say if program == "firebase" and arguments[0] == "deploy" else None  # it takes many minutes
        tried: Counter[tuple[float, ...]] = Counter()  # each kind of error has its own number of retries
        while True:
            done = self.runner([self.programs[program], *arguments], stdin, show)
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
        said += dict.fromkeys(hint for word, hint in WHAT_TO_DO.items() for text in texts if word in text)
        raise DeployError("\n".join([f"`{shlex.join([program, *arguments])}` exited with {done.code}:", *said]))
