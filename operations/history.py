"""The recorded history of a connection or a user, oldest first, without secrets."""

import argparse
from collections.abc import Iterable, Iterator
from datetime import datetime

from emulators.terminal import printable
from shared import trace
from shared.domain.audit import ChainedEntry
from shared.domain.errors import NotFound
from shared.domain.history_move import HistoryMove
from shared.domain.products.kinds import ProductKind
from shared.domain.progress import RunRecord
from shared.ports import Delivery
from shared.serving import container
from shared.usecases.connection_access import no_connection

Happened = tuple[datetime, str]


def history(given: argparse.Namespace) -> str:
    """Show the history of a connection, or of all connections of a user.

    It lists sync runs, webhooks, status changes and commands.
    """
    happened = _of_connection(given.connection) if given.connection is not None else _of_user(given.user)
    lines = [f"{at:%Y-%m-%dT%H:%M:%SZ}  {printable(what)}" for at, what in sorted(happened)[-given.last :]]
    head = _standing(given.connection) if given.connection is not None else f"{given.user}"
    more = [*_products(given.connection), *_set_aside(given.connection)] if given.connection is not None else ()
    return "\n".join([printable(head), *lines, *more])


def _of_connection(connection_id: str) -> Iterator[Happened]:
    connection = container.connections().find(connection_id)
    if connection is None:
        raise no_connection()
    yield from _audited(_entries(connection.app_user_id), connection_id)
    yield from map(_run, container.syncs().runs(connection_id))
    yield from map(_webhook, container.inbox().of_connection(connection_id))


def _products(connection_id: str) -> Iterator[str]:
    """The state of each product."""
    loaded = container.syncs().load(connection_id)
    kinds = [ProductKind(kind) for kind in loaded.state.products] if loaded is not None else []
    found = container.product_syncs().of_connection(connection_id, kinds) if kinds else {}
    for kind in sorted(found):
        state = found[kind].state
        error = state.error or state.refusal
        why = f", {error.code}, Plaid request {error.request_id}" if error is not None else ""
        due = f"{state.due_at:%Y-%m-%dT%H:%M:%SZ}" if state.due_at is not None else "never"
        yield f"product  {kind} {state.outcome}, {state.rows} rows, sync {state.status}, due {due}{why}"


def _set_aside(connection_id: str) -> Iterator[str]:
    """The rows that could not be stored: their ids and their unusable fields; Firestore keeps the rows themselves."""
    for row in container.syncs().set_aside(connection_id):
        named = f"{row.transaction_id!a}" if row.transaction_id else "no usable id"
        account = f"{row.account_id!a}" if row.account_id else "unknown"
        yield f"set aside  {named}, account {account}: unusable {row.field}  bank_set_aside/{connection_id}-{row.key}"


def _of_user(app_user_id: str) -> Iterator[Happened]:
    """Includes removed connections, because their audit entries are kept."""
    entries = _entries(app_user_id)
    if not entries:
        raise NotFound("this user has no records", code="user_unknown")
    yield from _audited(entries, None)


def _entries(app_user_id: str) -> list[ChainedEntry]:
    return [entry for _, entry in container.audit_log().entries(app_user_id) if entry is not None]


def _audited(entries: Iterable[ChainedEntry], connection_id: str | None) -> Iterator[Happened]:
    for entry in entries:
        if connection_id is None or entry.connection_id == connection_id:
            whose = f"  {entry.connection_id}" if connection_id is None and entry.connection_id else ""
            about = "".join(f"  {name}={value}" for name, value in entry.details.items())
            yield entry.at, f"audit    {entry.action} by {entry.actor}{whose}{about}"


def _run(kept: RunRecord) -> Happened:
    took = f" in {(kept.updated_at - kept.started_at).total_seconds():.1f} s" if kept.started_at else ""
    why = f"  {kept.error.code}, Plaid request {kept.error.request_id}" if kept.error else ""
    begun_by = trace.Trace.parse(kept.trace)
    traced = f"  trace {begun_by.trace_id}" if begun_by else ""
    counts = f"+{kept.added} ~{kept.modified} -{kept.removed} on {kept.pages} pages"
    return kept.updated_at, f"sync     run {kept.run} {kept.status}{took}: {counts}{why}{traced}"


def _webhook(delivery: Delivery) -> Happened:
    webhook = container.parse_webhook()(delivery.body)
    done = "" if delivery.due_at is None else "  pending"
    begun_by = trace.Trace.parse(delivery.trace)
    traced = f"  trace {begun_by.trace_id}" if begun_by else ""
    return delivery.received_at, f"webhook  {webhook.webhook_type} {webhook.webhook_code}{done}{traced}"


def _move(move: HistoryMove) -> str:
    counts = f"{move.moved} moved, {move.archived} archived"
    old = move.from_connection_id or "a connection not known yet"
    return f"notes of {old} {move.state} ({counts}), due {move.due_at:%Y-%m-%dT%H:%M:%SZ}"


def _standing(connection_id: str) -> str:
    connection, loaded = container.connections().find(connection_id), container.syncs().load(connection_id)
    if connection is None:
        raise no_connection()
    why = f" ({connection.error_code})" if connection.error_code else ""
    said = [
        f"{connection_id} of {connection.app_user_id}, {connection.institution_name or connection.institution_id}",
        f"item {connection.item_id} of region {connection.region}",
        f"status {connection.status}{why}",
    ]
    if loaded is not None:
        due = f"{loaded.state.due_at:%Y-%m-%dT%H:%M:%SZ}" if loaded.state.due_at else "never"
        said.append(f"sync {loaded.state.status}, due {due}")
        said += [f"{loaded.state.set_aside} rows set aside"] if loaded.state.set_aside else []
        pause = container.paused().load()[0].of(loaded.state.source, now=container.clock().now())
        move = container.history_moves().find(connection_id)
        said += [_move(move[0])] if move else []
        said += [f"paused since {pause.since:%Y-%m-%dT%H:%M:%SZ}"] if pause else []
    return ", ".join(said)
