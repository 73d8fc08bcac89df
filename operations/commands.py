"""The commands: parse, one call, say what came of it. Nothing secret is ever printed.

Exit codes: 0 done, 1 refused or not possible now, 2 called wrongly.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from emulators.terminal import printable
from operations.history import history
from operations.restored import after_restore
from operations.status import SHOWN, screen
from operations.upkeep import erase, existing, pause, pauses, resume, resync
from operations.who import write_down
from shared import trace
from shared.domain.audit import Actor
from shared.domain.errors import BankError, FailedPrecondition, ServiceError
from shared.domain.health import UnhealthyConnection
from shared.log import JsonFormatter, log, strike_out
from shared.serving import audit_container, container, items_container, sync_container, tokens_container

EVERYTHING_DUE = timedelta(days=3650)


def rotate(given: argparse.Namespace) -> str:
    """Asks for new access tokens; the queue `rotatetoken` replaces them, and the schedule sees that it does."""
    connection_id = existing(given.connection) if given.connection is not None else None
    requests, by = tokens_container.rotation_requests(), Actor.OPERATOR
    write_down(given)
    if connection_id is not None:
        requested = int(requests.request(connection_id, by=by))
    elif given.institution is not None:
        requested = requests.request_all_at_institution(given.institution, by=by)
    elif given.user is not None:
        requested = requests.request_all_of_user(given.user, by=by)
    else:
        requested = requests.request_all_older_than(timedelta(0), by=by, limit=None)
    return f"{requested} asked for; `rotations` lists what is not done yet"


def rotations(_: argparse.Namespace) -> str:
    """Lists the access tokens that are to be replaced, and what is under way."""
    due = container.credentials().due(container.clock().now() + EVERYTHING_DUE, limit=10_000)
    lines = [
        f"{kept.connection_id}  wanted by {kept.wanted_by}  tried {kept.attempts} times  "
        f"{'under way since' if kept.rotating_since else 'due'} {kept.rotating_since or kept.due_at:%Y-%m-%dT%H:%M:%SZ}"
        for kept, _ in due
    ]
    return "\n".join([*map(printable, lines), f"{len(lines)} to be done"])


def intents(_: argparse.Namespace) -> str:
    """Lists the exchanges that broke off or are not done with; the schedule brings each to an end when it is due."""
    due = container.intents().due(container.clock().now() + EVERYTHING_DUE, limit=10_000)
    lines = [
        f"{intent.connection_id}  of {intent.app_user_id}  item {intent.item_id or 'unknown'}  "
        f"{'unanswered' if intent.answer is None else 'its item is to be removed'}, "
        f"{'holds a token' if intent.access_token else 'without a token'}  due {intent.due_at:%Y-%m-%dT%H:%M:%SZ}"
        for intent, _ in due
    ]
    return "\n".join([*map(printable, lines), f"{len(lines)} to be done"])


def replay_webhooks(given: argparse.Namespace) -> str:
    """Handles what came into the inbox and was not handled, in its order."""
    connection_id = None if given.connection is None else existing(given.connection)
    write_down(given)
    result = items_container.webhook_handler().replay(
        given.since, connection_id=connection_id, include_handled=given.handled
    )
    if not result.skipped:
        return f"{result.handled} handled"
    why = (
        "accounts that were taken away then; what is there now was shared since"
        if given.handled
        else "handled before; --handled has them do again what they did then"
    )
    return f"{result.handled} handled, {result.skipped} left out: {why}"


def reconcile(given: argparse.Namespace) -> str:
    """Has a connection's next sync read everything again, and repair what differs."""
    connection_id = existing(given.connection)
    write_down(given)
    sync_container.sync_requests().reconcile(connection_id)
    return f"{connection_id} is queued"


def reencrypt(given: argparse.Namespace) -> str:
    """Moves every sealed token to the newest version of the key; after that, older versions can be retired.

    It may be broken off and begun again. The daily round does the same, some at a time.
    """
    write_down(given)
    result = tokens_container.reencryption()(limit=None)
    if result.unopened or result.busy:
        raise FailedPrecondition(
            f"{result.moved} moved to {result.key_id}; {result.unopened} do not open, see above; {result.busy} were "
            "being written: run it again, and retire no key version before nothing is left",
            code="tokens_left",
        )
    return f"{result.moved} moved; every token is sealed with {result.key_id}"


def status(_: argparse.Namespace) -> str:
    """Shows how all connections are, on one screen."""
    figures, now = container.health_figures(), container.clock().now()
    unhealthy = [_with_bank(one) for one in figures.unhealthy(limit=SHOWN + 1)]
    return screen(figures.count(now), unhealthy, now=now)


def _with_bank(one: UnhealthyConnection) -> UnhealthyConnection:
    if one.institution is not None or (connection := container.connections().find(one.connection_id)) is None:
        return one
    return one.model_copy(update={"institution": connection.institution_name or connection.institution_id})


def check_audit(given: argparse.Namespace) -> str:
    """Says whether a user's audit log is as it was written, and names what is not."""
    if given.go_on and (last := audit_container.repair_audit_end()(given.user)) is not None:
        write_down(given)  # afterwards, unlike all others: until then the log takes nothing
        return f"it goes on after entry {last}; check it again to see what is wrong before"
    count, damages = audit_container.check_audit()(given.user)
    if damages:
        raise FailedPrecondition("; ".join(map(str, damages)), code="audit_damaged")
    return f"{count} entries, as they were written"


def main(arguments: Sequence[str]) -> int:
    """Runs one command, and returns its exit code."""
    given = _parser().parse_args(arguments)
    _log_to_stderr()
    if given.local:
        from emulators.ports import StackError
        from operations.local import point_at_stack

        try:
            point_at_stack()
        except StackError as error:
            return _failed(given, str(error))
    try:
        container.settings()
    except ValidationError as error:
        fields = ", ".join(sorted({str(e["loc"][0]).upper() for e in error.errors()}))
        hint = "set GOOGLE_CLOUD_PROJECT, or say --local" if fields == "PROJECT" else f"cannot be used: {fields}"
        return _failed(given, hint, code=2)
    try:
        with trace.within(trace.Trace.new()):
            print(printable(f"{given.command}: {given.run(given)}", lines=True))
    except ServiceError as error:
        request = f", request {error.request_id}" if error.request_id else ""
        return _failed(given, f"{error.message} ({error.error_code}{request})")
    except BankError as error:
        return _failed(given, f"{error.message} ({error.code})")
    except Exception:  # noqa: BLE001 (a vendor's text may hold anything: it goes through the log, which strikes out)
        log.exception("operation.failed", command=given.command)
        return _failed(given, "an error of ours or of the set-up: see above")
    return 0


def _failed(given: argparse.Namespace, why: str, *, code: int = 1) -> int:
    print(printable(f"{given.command}: {why}", lines=True), file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="operations", description=__doc__)
    where = "work on the local stack (at PORT_OFFSET) instead of GOOGLE_CLOUD_PROJECT"
    parser.add_argument("--local", action="store_true", help=where)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: object) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=(run.__doc__ or "").splitlines()[0], description=run.__doc__)
        added.set_defaults(run=run)
        return added

    which = command("rotate", rotate).add_mutually_exclusive_group(required=True)
    which.add_argument("--connection", metavar="ID")
    which.add_argument("--user", metavar="UID")
    which.add_argument("--institution", metavar="ID")
    which.add_argument("--all", action="store_true")
    command("rotations", rotations)
    command("intents", intents)
    command("status", status)
    replayed = command("replay-webhooks", replay_webhooks)
    replayed.add_argument("--since", required=True, type=_moment, metavar="ISO", help="UTC where no zone is given")
    replayed.add_argument("--connection", metavar="ID")
    again_too = "and what was handled, too: an announcement that is outdated by now may come back, with its message"
    replayed.add_argument("--handled", action="store_true", help=again_too)
    checked = command("check-audit", check_audit)
    checked.add_argument("--user", required=True, metavar="UID")
    checked.add_argument("--go-on", action="store_true", help="let a log grow again whose end is before its entries")
    command("reencrypt", reencrypt)
    again = command("resync", resync)
    again.add_argument("--refresh", action="store_true", help="ask the banks first: slow, and Plaid may charge for it")
    which = again.add_mutually_exclusive_group(required=True)
    which.add_argument("--connection", metavar="ID")
    which.add_argument("--user", metavar="UID")
    which.add_argument("--institution", metavar="ID")
    command("reconcile", reconcile).add_argument("--connection", required=True, metavar="ID")
    shown = command("history", history)
    shown.add_argument("--last", type=_count, default=100, metavar="N", help="how many lines, the newest (100)")
    which = shown.add_mutually_exclusive_group(required=True)
    which.add_argument("--connection", metavar="ID")
    which.add_argument("--user", metavar="UID")
    for name, run in (("pause", pause), ("resume", resume)):
        stopped = command(name, run)
        which = stopped.add_mutually_exclusive_group(required=True)
        which.add_argument("--institution", metavar="ID")
        which.add_argument("--all", action="store_true")
        if run is pause:
            stopped.add_argument("--reason", default="", help="for whoever asks later")
    command("pauses", pauses)
    restored = command("after-restore", after_restore)
    restored.add_argument("--user", metavar="UID", help="only those of one user")
    restored.add_argument("--yes", action="store_true", help="really")
    erased = command("erase", erase)
    erased.add_argument("--user", required=True, metavar="UID")
    erased.add_argument("--yes", action="store_true", help="really")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"not a number of lines: {text!r}")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a time like 2026-03-01T12:00:00Z: {text!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _log_to_stderr() -> None:
    """What the stories log is for this command's user, too, from warnings on; stdout is for the result."""
    strike_out()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
