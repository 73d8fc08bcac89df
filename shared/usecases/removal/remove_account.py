"""A user took the permission for one account away: it goes, with all its transactions."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from shared.domain.errors import Conflict, Unavailable
from shared.domain.status import moment_of
from shared.domain.sync_state import SyncState
from shared.ports import (
    Clock,
    Connections,
    RemoveAccount,
    RemoveSetAside,
    RemoveTransactions,
    Syncs,
    Write,
)
from shared.usecases.apply_status_event import StatusEvents
from shared.usecases.mark_duplicates import OwnedAccounts

MAX_TRIES = 20  # of a compare-and-set against a run that commits a few times a second
ROWS_AT_ONCE = 400


def remove_account(
    connection_id: str,
    account_id: str,
    *,
    connections: Connections,
    syncs: Syncs,
    status_events: StatusEvents,
    clock: Clock,
) -> None:
    """Removes an account. First what keeps its late rows out, then the rows in steps, at last the account itself.

    A call that broke off is made again: until the last commit the account's document is there, or it is not yet noted
    as revoked. A sync may have found the account gone before the webhook came: it is noted and told all the same.

    Raises:
        Unavailable: The connection is busy: try again.
    """
    connection, before = connections.find(connection_id), syncs.load(connection_id)
    if connection is None or before is None:
        return
    shown = any(account["account_id"] == account_id for account in connections.accounts_of(connection_id))
    if not shown and account_id in before.state.revoked_accounts:
        return

    def revoke(state: SyncState) -> SyncState:
        return state.remove_account(account_id)

    def save(
        writes: Callable[[], Sequence[Write]], step: Callable[[SyncState], SyncState] = lambda state: state
    ) -> None:
        for _ in range(MAX_TRIES):
            loaded = syncs.load(connection_id)
            if loaded is None:
                return
            try:
                syncs.save(step(loaded.state).touched(), expected=loaded.version, writes=writes())
            except Conflict:
                continue
            return
        raise Unavailable("the connection is busy", code="connection_busy", retry_after_seconds=1)

    if shown:
        save(list, revoke)
    ids = sorted(syncs.rows_of(connection_id, account_id))
    for start in range(0, len(ids), ROWS_AT_ONCE):
        some = ids[start : start + ROWS_AT_ONCE]
        save(partial(_removals, syncs, connection_id, some))
    news = status_events.revoke_account(connection, account_id)

    def last() -> Sequence[Write]:
        there = connections.find(connection_id) or connection  # a sync may have brought others
        left = tuple(i for i in there.account_ids if i != account_id)
        changes = {"account_ids": left, "updated_at": moment_of(there, there.status, now=clock.now())}
        aside = [RemoveSetAside(row.key) for row in syncs.set_aside(connection_id) if row.account_id == account_id]
        accounts = (one for one in connections.accounts_of(connection_id) if one["account_id"] != account_id)
        owned = OwnedAccounts.read(there.app_user_id, connections=connections, beside=connection_id)
        marks = owned.with_connection(there, accounts).marks()
        return [RemoveAccount(account_id), *replace(news, fields=changes, marks=marks).writes(), *aside]

    save(last, revoke)


def _removals(syncs: Syncs, connection_id: str, ids: list[str]) -> Sequence[Write]:
    stored = syncs.stored_rows(connection_id, ids)
    return [RemoveTransactions({transaction_id: row.version for transaction_id, row in stored.items()})]
