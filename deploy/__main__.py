"""`python -m deploy up --project ID`, `… destroy --project ID`; with `--dry-run` it shows all, and calls nothing.

Exit codes: 0 done, 1 something is to be seen to, 2 called wrongly, 130 broken off.
"""

import argparse
import getpass
import os
import re
import sys
from collections.abc import Sequence

from deploy import project
from deploy.context import Context
from deploy.destroy import destroy
from deploy.steps import deploy
from deploy.tools import DeployError, Tools

PROJECT_ID = re.compile(
    r"[a-z][a-z0-9-]{4,28}[a-z0-9]"
)  # https://cloud.google.com/resource-manager/docs/creating-managing-projects


def main(arguments: Sequence[str], *, tools: Tools | None = None) -> int:
    """Runs one command, and returns its exit code."""
    given = _parser().parse_args(arguments)
    tools = tools or Tools(say=_say)
    tools.dry = given.dry_run
    interactive = sys.stdin.isatty()
    try:
        context = Context(project.read(given.project), tools, getpass.getpass, interactive)
        if given.command == "up":
            deploy(context)
        elif interactive or given.dry_run:
            destroy(context, confirm=input)
        else:
            raise DeployError("this asks before it does anything: run it at a terminal")
    except DeployError as error:
        print(error, file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):
        print("broken off; run the same command again to go on", file=sys.stderr)
        return 130
    print("dry run: nothing was called" if given.dry_run else f"{given.command}: done")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deploy", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=("up", "destroy"))
    parser.add_argument("--project", required=True, type=_project, help="the id of a Firebase project")
    dry = os.environ.get("DRY_RUN", "") not in ("", "0")
    parser.add_argument(
        "--dry-run", action="store_true", default=dry, help="or DRY_RUN=1: print everything, call nothing"
    )
    return parser


def _project(text: str) -> str:
    if not PROJECT_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"not the id of a project: {text!r} (make deploy PROJECT=<id>)")
    if text.startswith("demo-"):
        raise argparse.ArgumentTypeError(f"{text} is the emulators' own: nothing real begins with demo-")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
