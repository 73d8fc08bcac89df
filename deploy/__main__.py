"""`python -m deploy up|destroy|check-restore --project ID`; with `--dry-run` it prints every command and runs none.

Exit codes: 0 success, 1 failed, 2 wrong usage, 130 interrupted.
"""

import argparse
import getpass
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy import project, restore
from deploy.context import Context
from deploy.destroy import destroy
from deploy.steps import deploy
from deploy.tools import DeployError, Tools
from emulators.terminal import printable

_NAME = re.compile(r"[A-Za-z0-9-]+")  # allowed in a dry run: the id becomes part of file names


def main(arguments: Sequence[str], *, tools: Tools | None = None) -> int:
    """Runs one command and returns its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    tools = tools or Tools(say=_say)
    tools.dry = given.dry_run
    if (refused := _refused(given.project)) and not (given.dry_run and _NAME.fullmatch(given.project)):
        parser.error(refused)
    if refused:
        tools.say(f"would be refused: {refused}")
    interactive = sys.stdin.isatty()
    try:
        context = Context(
            project.read(given.project, app=given.app and given.app.resolve()), tools, getpass.getpass, interactive
        )
        if given.command == "up":
            deploy(context)
        elif given.command == "check-restore":
            restore.check(context)
        elif interactive or given.dry_run:
            destroy(context, confirm=input)
        else:
            raise DeployError("destroy asks for confirmation: run it at a terminal")
    except DeployError as error:
        print(printable(error, lines=True), file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):
        print("interrupted; run the same command again to continue", file=sys.stderr)
        return 130
    print("dry run: no command was run" if given.dry_run else f"{given.command}: done")
    return 0


def _say(line: str) -> None:
    print(printable(line, lines=True), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deploy", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=("up", "destroy", "check-restore"))
    parser.add_argument("--project", required=True, help="the id of a Firebase project")
    parser.add_argument(
        "--app",
        type=Path,
        metavar="FOLDER",
        help="an app that has adopted this backend: deploy with its firebase.json",
    )
    dry = os.environ.get("DRY_RUN", "") not in ("", "0")
    parser.add_argument(
        "--dry-run", action="store_true", default=dry, help="or DRY_RUN=1: print every command, run none"
    )
    return parser


def _refused(project_id: str) -> str | None:
    """Why a project id is refused, if it is. A dry run prints the reason and continues, so it needs no project."""
    if not project.ID.fullmatch(project_id):
        return f"not a project id: {project_id!r} (make deploy PROJECT=<id>)"
    if project_id.startswith("demo-"):
        return f"{project_id} is an emulator project: real project ids do not begin with demo-"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
