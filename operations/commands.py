"""Operator commands. Each one makes a single call and prints its result; secrets are never printed.

Exit codes: 0 success, 1 refused or failed, 2 wrong usage.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from emulators.terminal import printable
from operations.banks import health, hours, override, verdicts
from operations.history import history
from operations.restored import after_restore
from operations.status import SHOWN, screen
from operations.upkeep import erase, existing, pause, pauses, resume, resync
from operations.who import write_down
from shared import trace
from shared.domain.audit import Actor
from shared.domain.errors import BankError, FailedPrecondition, ServiceError
from shared.domain.health import UnhealthyConnection
from shared.domain.region import Region
from shared.log import JsonFormatter, log, strike_out
from shared.serving import audit_container, container, items_container, sync_container, tokens_container

EVERYTHING_DUE = timedelta(days=3650)


def rotate(given: argparse.Namespace) -> str:
    """Request new access tokens; the queue `rotatetoken` replaces them, and the schedule retries what fails."""
    connection_id = existing(given.connection) if given.connection is not None else None
    requests, by = tokens_container.rotation_requests(), Actor.OPERATOR
    write_down(given)
    if connection_id is not None:
        requested = int(requests.request(connection_id, by=by))
    elif given.institution is not None:
        requested = requests.request_all_at_institution(given.institution, by=by)
    elif given.user is not None:
        requested = requests.request_all_of_user(given.user, by=by)
    elif given.region is not None:
        requested = requests.request_all_of_region(given.region, by=by)
    else:
        requested = requests.request_all_older_than(timedelta(0), by=by, limit=None)
    return f"{requested} requested; `rotations` lists the pending ones"


def rotations(_: argparse.Namespace) -> str:
    """List the access tokens that are due for rotation or are being rotated."""
    due = container.credentials().due(container.clock().now() + EVERYTHING_DUE, limit=10_000)
    lines = [
        f"{kept.connection_id}  requested by {kept.wanted_by}  {kept.attempts} attempts  "
        f"{'rotating since' if kept.rotating_since else 'due'} {kept.rotating_since or kept.due_at:%Y-%m-%dT%H:%M:%SZ}"
        for kept, _ in due
    ]
    return "\n".join([*map(printable, lines), f"{len(lines)} pending"])


def intents(_: argparse.Namespace) -> str:
    """List unfinished exchanges; the schedule resumes or rolls back each one when it is due."""
    due = container.intents().due(container.clock().now() + EVERYTHING_DUE, limit=10_000)
    lines = [
        f"{intent.connection_id}  of {intent.app_user_id}  "
        f"item {intent.item_id or 'unknown'} of region {intent.region}  "
        f"{'unanswered' if intent.answer is None else 'item to be removed'}, "
        f"{'has a token' if intent.access_token else 'no token'}  due {intent.due_at:%Y-%m-%dT%H:%M:%SZ}"
        for intent, _ in due
    ]
    return "\n".join([*map(printable, lines), f"{len(lines)} pending"])


def replay_webhooks(given: argparse.Namespace) -> str:
    """Process the webhooks in the inbox that were not processed, in arrival order."""
    connection_id = None if given.connection is None else existing(given.connection)
    write_down(given)
    result = items_container.webhook_handler().replay(
        given.since, connection_id=connection_id, include_handled=given.handled
    )
    if not result.skipped:
        return f"{result.handled} processed"
    why = (
        "they removed accounts; the accounts that exist now were shared later"
        if given.handled
        else "already processed; --handled processes them again"
    )
    return f"{result.handled} processed, {result.skipped} skipped: {why}"


def reconcile(given: argparse.Namespace) -> str:
    """Make a connection's next sync read its whole history and repair every difference."""
    connection_id = existing(given.connection)
    write_down(given)
    sync_container.sync_requests().reconcile(connection_id)
    return f"{connection_id} is queued"


def reencrypt(given: argparse.Namespace) -> str:
    """Re-encrypt every access token with the newest version of the key, so that older versions can be retired.

    It can be interrupted and run again. The daily check does the same work in small batches.
    """
    write_down(given)
    result = tokens_container.reencryption()(limit=None)
    if result.unopened or result.busy:
        raise FailedPrecondition(
            f"{result.moved} re-encrypted with {result.key_id}; {result.unopened} cannot be decrypted, see above; "
            f"{result.busy} were being written: run this again, and keep all key versions until no token is left",
            code="tokens_left",
        )
    return f"{result.moved} re-encrypted; every token uses {result.key_id}"


def status(_: argparse.Namespace) -> str:
    """Show the health of all connections on one screen."""
    figures, now = container.health_figures(), container.clock().now()
    unhealthy = [_with_bank(one) for one in figures.unhealthy(limit=SHOWN + 1)]
    return screen(figures.count(now), unhealthy, now=now, banks=verdicts())


def _with_bank(one: UnhealthyConnection) -> UnhealthyConnection:
    if one.institution is not None or (connection := container.connections().find(one.connection_id)) is None:
        return one
    return one.model_copy(update={"institution": connection.institution_name or connection.institution_id})


def check_audit(given: argparse.Namespace) -> str:
    """Verify a user's audit log, and list the entries that were changed or are missing."""
    if given.go_on and (last := audit_container.repair_audit_end()(given.user)) is not None:
        write_down(given)  # after the repair: until then the log accepts no entry
        return f"it continues after entry {last}; check it again to see what is damaged before that"
    count, damages = audit_container.check_audit()(given.user)
    if damages:
        raise FailedPrecondition("; ".join(map(str, damages)), code="audit_damaged")
    return f"{count} entries, all intact"


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
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
        hint = "set GOOGLE_CLOUD_PROJECT, or use --local" if fields == "PROJECT" else f"invalid settings: {fields}"
        return _failed(given, hint, code=2)
    try:
        with trace.within(trace.Trace.new()):
            print(printable(f"{given.command}: {given.run(given)}", lines=True))
    except ServiceError as error:
        request = f", request {error.request_id}" if error.request_id else ""
        return _failed(given, f"{error.message} ({error.error_code}{request})")
    except BankError as error:
        return _failed(given, f"{error.message} ({error.code})")
    except Exception:  # noqa: BLE001 (a vendor's text may contain secrets: only the log, which redacts them, prints it)
        log.exception("operation.failed", command=given.command)
        return _failed(given, "internal error or wrong configuration: see above")
    return 0


def _failed(given: argparse.Namespace, why: str, *, code: int = 1) -> int:
    print(printable(f"{given.command}: {why}", lines=True), file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="operations", description=__doc__)
    where = "use the local stack (at PORT_OFFSET) instead of GOOGLE_CLOUD_PROJECT"
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
    which.add_argument("--region", type=Region, choices=list(Region), help="all tokens of one pair of Plaid's keys")
    which.add_argument("--all", action="store_true")
    command("rotations", rotations)
    command("intents", intents)
    command("status", status)
    replayed = command("replay-webhooks", replay_webhooks)
    replayed.add_argument("--since", required=True, type=_moment, metavar="ISO", help="UTC unless a time zone is given")
    replayed.add_argument("--connection", metavar="ID")
    again_too = "include processed webhooks: an outdated status and its notification may reappear"
    replayed.add_argument("--handled", action="store_true", help=again_too)
    checked = command("check-audit", check_audit)
    checked.add_argument("--user", required=True, metavar="UID")
    checked.add_argument("--go-on", action="store_true", help="repair a log that ends before its last entry")
    command("reencrypt", reencrypt)
    again = command("resync", resync)
    again.add_argument("--refresh", action="store_true", help="ask the banks first: slow, and Plaid may charge for it")
    again.add_argument("--products", action="store_true", help="read the products of SYNC_PRODUCTS again, too")
    which = again.add_mutually_exclusive_group(required=True)
    which.add_argument("--connection", metavar="ID")
    which.add_argument("--user", metavar="UID")
    which.add_argument("--institution", metavar="ID")
    command("reconcile", reconcile).add_argument("--connection", required=True, metavar="ID")
    shown = command("history", history)
    shown.add_argument("--last", type=_count, default=100, metavar="N", help="show the newest N lines (100)")
    which = shown.add_mutually_exclusive_group(required=True)
    which.add_argument("--connection", metavar="ID")
    which.add_argument("--user", metavar="UID")
    for name, run in (("pause", pause), ("resume", resume)):
        stopped = command(name, run)
        which = stopped.add_mutually_exclusive_group(required=True)
        which.add_argument("--institution", metavar="ID")
        which.add_argument("--all", action="store_true")
        if run is pause:
            stopped.add_argument("--reason", default="", help="shown by `pauses`")
    command("pauses", pauses)
    command("health", health).add_argument("--institution", metavar="ID", help="one bank, with its evidence")
    overridden = command("override", override)
    overridden.add_argument("institution", metavar="ID")
    overridden.add_argument("state", choices=["down", "healthy"])
    overridden.add_argument("--for", dest="lasting", type=hours, required=True, metavar="6h", help="at most 24h")
    restored = command("after-restore", after_restore)
    restored.add_argument("--user", metavar="UID", help="only the connections of one user")
    restored.add_argument("--yes", action="store_true", help="confirm")
    erased = command("erase", erase)
    erased.add_argument("--user", required=True, metavar="UID")
    erased.add_argument("--yes", action="store_true", help="confirm")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"not a positive number of lines: {text!r}")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a time like 2026-03-01T12:00:00Z: {text!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _log_to_stderr() -> None:
    """Send warnings and errors to stderr, so that the operator sees them; stdout carries the result."""
    strike_out()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
