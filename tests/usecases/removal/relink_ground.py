"""Helpers for tests of a relink: an old connection with notes, and a new connection to the same bank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.domain.account import Account
from shared.domain.connection import Action, ItemStatus
from shared.domain.transaction import Transaction
from tests.fakes import account, row
from tests.usecases.conftest import World
from tests.usecases.linking_ground import exchange


def link(
    world: World,
    name: str,
    *rows: Transaction,
    accounts: Sequence[Account] | None = None,
    replaces: str | None = None,
    allow_duplicate: bool = False,
) -> str:
    """Link an item with these rows; its rows belong to its first account unless they name another."""
    item = world.plaid.new_item(name, accounts=list(accounts) if accounts else [account(f"account-{name}")])
    first = item.accounts[0]["account_id"]
    item.add(*({**one, "account_id": first if one["account_id"] == "checking" else one["account_id"]} for one in rows))  # type: ignore[arg-type]
    answer = exchange(world, f"public-{name}", replaces=replaces, allow_duplicate=allow_duplicate).answer
    return str(answer["connection_id"])


def synced(world: World, connection_id: str) -> str:
    """Sync a connection."""
    world.sync(connection_id)
    assert world.state(connection_id).history_complete
    return connection_id


def dies(world: World, connection_id: str, *, code: str = "ITEM_NOT_FOUND") -> None:
    """The connection becomes unusable."""
    dead = {"status": ItemStatus.ERROR, "action": Action.RELINK, "error_code": code}
    world.store.connections[connection_id] = world.store.connections[connection_id].model_copy(update=dead)


def relinked(
    world: World,
    old: Sequence[Transaction],
    new: Sequence[Transaction],
    notes: dict[str, dict[str, Any]],
    *,
    old_accounts: Sequence[Account] | None = None,
    new_accounts: Sequence[Account] | None = None,
) -> tuple[str, str]:
    """A dead connection with notes, and the new one that replaces it, before its first sync."""
    before = synced(world, link(world, "old", *old, accounts=old_accounts))
    for transaction_id, note in notes.items():
        write(world, before, transaction_id, note)
    dies(world, before)
    return before, link(world, "new", *new, accounts=new_accounts)


def write(world: World, connection_id: str, transaction_id: str, note: dict[str, Any]) -> None:
    """The user writes on a row."""
    fields = world.store.rows[connection_id][transaction_id]
    world.store.put_row(connection_id, transaction_id, {**fields, "user": note})


def notes_of(world: World, connection_id: str) -> dict[str, dict[str, Any]]:
    """The notes on the rows of a connection."""
    rows = world.store.rows.get(connection_id, {})
    return {i: fields["user"] for i, fields in rows.items() if fields.get("user")}


def archived(world: World, connection_id: str) -> dict[str, dict[str, Any]]:
    """The notes in the archive of a connection."""
    return {i: one.fields["user"] for i, one in world.store.archives.get(connection_id, {}).items()}


def coffee(transaction_id: str, day: str = "2026-02-10", **changes: Any) -> Transaction:
    """A purchase."""
    return row(transaction_id, **{"date": day, "name": "Coffee", **changes})
