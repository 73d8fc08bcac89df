"""What an operator does to connections and users: sync again, pause, resume, erase."""

import argparse
from collections.abc import Iterator

from emulators.terminal import printable
from operations.who import operator, write_down
from shared.domain.errors import BankError, FailedPrecondition, NotFound
from shared.domain.removal import RemovalReason
from shared.log import log
from shared.serving import container, removal_container, sync_container
from shared.usecases.connection_access import no_connection


def resync(given: argparse.Namespace) -> str:
    """Has connections sync now; --refresh asks the banks themselves first."""
    wanted = [existing(given.connection)] if given.connection is not None else list(_many(given))
    write_down(given)
    queued = 0
    for connection_id in wanted:
        try:
            sync_container.sync_requests().by_operator(connection_id, refresh=given.refresh)
        except (FailedPrecondition, NotFound) as error:
            if given.connection is not None:
                raise
            log.warning("operation.skipped", connection_id=connection_id, code=error.code)
        except BankError as error:
            if not queued:
                raise
            log.warning("operation.skipped", connection_id=connection_id, code=error.code)
        else:
            queued += 1
    return f"{queued} of {len(wanted)} queued"


def _many(given: argparse.Namespace) -> Iterator[str]:
    if given.user is not None:
        yield from (connection.connection_id for connection in container.connections().owned_by(given.user))
    else:
        yield from container.connections().at_institution(given.institution)


def pause(given: argparse.Namespace) -> str:
    """No sync of an institution, or none at all, begins any more; webhooks and users' calls are kept for later."""
    write_down(given)
    new = sync_container.sync_pauses().pause(given.institution, by=operator(), reason=given.reason)
    what = given.institution or "everything"
    return f"{what} is paused" if new else f"{what} was paused already"


def resume(given: argparse.Namespace) -> str:
    """Ends a pause. The schedule takes up what is due, within a quarter of an hour."""
    write_down(given)
    ended = sync_container.sync_pauses().resume(given.institution)
    what = given.institution or "everything"
    return f"{what} goes on" if ended else f"{what} was not paused"


def pauses(_: argparse.Namespace) -> str:
    """Lists what is paused."""
    now, _version = container.paused().load()
    found = ([("everything", now.everything)] if now.everything else []) + sorted(now.institutions.items())
    lines = [f"{what}  since {p.since:%Y-%m-%dT%H:%M:%SZ}  by {p.by}  {p.reason}".rstrip() for what, p in found]
    return "\n".join([*map(printable, lines), f"{len(lines)} paused"])


def erase(given: argparse.Namespace) -> str:
    """Erases all bank data of a user, here and at Plaid. There is no way back: it wants --yes."""
    owned = container.connections().owned_by(given.user)
    _, known = container.audit_log().head(given.user)
    if not owned and known is None:
        raise NotFound("nothing is on record of this user", code="user_unknown")
    if not given.yes:
        raise FailedPrecondition(f"{len(owned)} connections would go: say --yes", code="not_confirmed")
    write_down(given)
    removal_container.eraser().begin(given.user, reason=RemovalReason.OPERATOR)
    return f"{len(owned)} connections are gone; the rest goes within minutes, their items when Plaid answers"


def existing(connection_id: str) -> str:
    """The id of a connection that exists.

    Raises:
        NotFound: It does not.
    """
    if container.connections().find(connection_id) is None:
        raise no_connection()
    return connection_id
