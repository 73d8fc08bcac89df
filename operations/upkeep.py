"""Operator commands for connections and users: resync, pause, resume, erase."""

import argparse
from collections.abc import Iterator

from emulators.terminal import printable
from operations.who import operator, write_down
from shared.domain.errors import BankError, FailedPrecondition, NotFound
from shared.domain.removal import RemovalReason
from shared.log import log
from shared.serving import container, products_container, removal_container, sync_container
from shared.usecases.connection_access import no_connection


def resync(given: argparse.Namespace) -> str:
    """Sync connections now; --refresh asks the banks for new data first, --products reads products, too."""
    wanted = [existing(given.connection)] if given.connection is not None else list(_many(given))
    write_down(given)
    queued = 0
    for connection_id in wanted:
        try:
            sync_container.sync_requests().by_operator(connection_id, refresh=given.refresh)
            if given.products:
                products_container.product_requests().by_operator(connection_id, sorted(products_container.kinds()))
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
    """Start no new syncs of one institution or of all; webhooks and users' sync requests are kept for later."""
    write_down(given)
    new = sync_container.sync_pauses().pause(given.institution, by=operator(), reason=given.reason)
    what = given.institution or "everything"
    return f"{what} is paused" if new else f"{what} is already paused"


def resume(given: argparse.Namespace) -> str:
    """End a pause, and list those that remain. The schedule starts the syncs that are due within 15 minutes."""
    write_down(given)
    ended = sync_container.sync_pauses().resume(given.institution)
    what = given.institution or "everything"
    said = f"{what} is resumed" if ended else f"{what} was not paused"
    return "\n".join([said, *_pauses()])


def pauses(_: argparse.Namespace) -> str:
    """List the pauses."""
    lines = _pauses()
    return "\n".join([*lines, f"{len(lines)} paused"])


def _pauses() -> list[str]:
    now, _ = container.paused().load()
    found = ([("everything", now.everything)] if now.everything else []) + sorted(now.institutions.items())
    lines = (f"{what}  since {p.since:%Y-%m-%dT%H:%M:%SZ}  by {p.by}  {p.reason}".rstrip() for what, p in found)
    return [printable(line) for line in lines]


def erase(given: argparse.Namespace) -> str:
    """Erase all bank data of a user, here and at Plaid. This is final, and needs --yes."""
    owned = container.connections().owned_by(given.user)
    _, known = container.audit_log().head(given.user)
    if not owned and known is None:
        raise NotFound("this user has no records", code="user_unknown")
    if not given.yes:
        raise FailedPrecondition(f"{len(owned)} connections would be erased: confirm with --yes", code="not_confirmed")
    write_down(given)
    removal_container.eraser().begin(given.user, reason=RemovalReason.OPERATOR)
    return f"{len(owned)} connections erased; remaining data is deleted within minutes, items once Plaid confirms"


def existing(connection_id: str) -> str:
    """The id, if the connection exists.

    Raises:
        NotFound: It does not exist.
    """
    if container.connections().find(connection_id) is None:
        raise no_connection()
    return connection_id
