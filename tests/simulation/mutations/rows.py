"""Faults of data: pages, rows, accounts, notes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from shared.adapters.plaid import transaction_mapping
from shared.adapters.plaid.values import Unusable
from shared.domain.sync_accounts import SyncAccounts
from shared.ports import PutNote
from shared.usecases.removal import remove_account
from shared.usecases.removal.remove_account import RemoveAccount
from shared.usecases.sync import change_accounts, complete_run
from shared.usecases.sync.change_loop import ChangeLoop
from shared.usecases.sync.complete_run import RunCompletion
from shared.usecases.sync.remove_rows import RowRemovals
from shared.usecases.sync.set_aside_rows import SetAsideRows
from tests.simulation.mutations import Patch, mutation


@mutation
def removals_ignored() -> list[Patch]:
    """Rows that Plaid reports as removed stay in the store."""
    original = ChangeLoop.take

    def take(self: ChangeLoop, page: Any, *, revoked: set[str]) -> None:
        original(self, replace(page, removed=[]), revoked=revoked)

    return [Patch(ChangeLoop, "take", take)]


@mutation
def ghost_rows_kept() -> list[Patch]:
    """Rows that Plaid added and removed between two reads stay in the store."""
    return [Patch(complete_run, "ghost_rows", lambda loop, state, **_: set())]


@mutation
def odd_row_stops_the_sync() -> list[Patch]:
    """A row that cannot be stored fails the whole sync."""
    original = transaction_mapping.page

    def page(answer: Any, *, size: int) -> Any:
        found = original(answer, size=size)
        if found.set_aside:
            raise Unusable("a row is unusable", field=found.set_aside[0].field)
        return found

    return [Patch(transaction_mapping, "page", page)]


@mutation
def set_aside_rows_lost() -> list[Patch]:
    """Rows that cannot be stored are dropped without a record."""
    return [Patch(SetAsideRows, "writes", lambda self, *, revoked: iter(()))]


@mutation
def account_shared_again_has_no_history() -> list[Patch]:
    """An account that is shared again is not read from the beginning."""
    reselect, read = SyncAccounts.reselect_accounts, SyncAccounts.accounts_read

    def reselect_accounts(self: SyncAccounts) -> SyncAccounts:
        return reselect(self).model_copy(update={"former_accounts": ()})

    def accounts_read(self: SyncAccounts, account_ids: Iterable[str], **more: Any) -> SyncAccounts:
        return read(self, account_ids, **more).model_copy(update={"former_accounts": ()})

    return [
        Patch(SyncAccounts, "reselect_accounts", reselect_accounts),
        Patch(SyncAccounts, "accounts_read", accounts_read),
    ]


@mutation
def revoked_account_kept() -> list[Patch]:
    """The webhook that an account was revoked is ignored."""
    return [Patch(RemoveAccount, "__call__", lambda self, connection_id, account_id: None)]


@mutation
def accounts_not_read_again() -> list[Patch]:
    """A run does not read the accounts of the item."""
    return [Patch(RunCompletion, "_accounts", lambda self, loop, page: ([], self.run.state.accounts_digest or ""))]


@mutation
def balances_outlive_their_account() -> list[Patch]:
    """The history of balances stays when its account is no longer shared."""

    def nothing(*_: Any, **__: Any) -> list[Any]:
        return []

    return [Patch(place, "balances_to_delete", nothing) for place in (change_accounts, remove_account)]


@mutation
def notes_overwritten() -> list[Patch]:
    """A changed row loses its user's note."""
    original = RowRemovals.writes

    def writes(self: RowRemovals, upserts: Any = None) -> list[Any]:
        changed = [row["transaction_id"] for row in upserts.rows] if upserts is not None else []
        emptied = [PutNote(i, {}) for i in changed if i not in upserts.new]
        return [*original(self, upserts), *emptied]

    return [Patch(RowRemovals, "writes", writes)]


@mutation
def notes_not_handed_over() -> list[Patch]:
    """The note on a pending row does not move to the posted row."""
    original = RowRemovals.writes

    def writes(self: RowRemovals, upserts: Any = None) -> list[Any]:
        return [write for write in original(self, upserts) if not isinstance(write, PutNote)]

    return [Patch(RowRemovals, "writes", writes)]


@mutation
def lost_notes_not_reported() -> list[Patch]:
    """The user does not learn of the note on a transaction that the bank removed."""
    return [Patch(RowRemovals, "lost_notes", lambda self: ())]
