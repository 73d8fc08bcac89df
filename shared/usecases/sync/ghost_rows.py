"""Finds ghost rows: rows in the store that Plaid does not have, and never reports as removed.

Plaid never reports a row that it added and removed between two reads: see docs/decisions/0011 on how to find those.
"""

from collections.abc import Collection

from shared.domain.sync_state import SyncState
from shared.ports import Syncs
from shared.usecases.sync.change_loop import ChangeLoop


def ghost_rows(loop: ChangeLoop, state: SyncState, *, unlisted: Collection[str], syncs: Syncs) -> set[str]:
    """Ids of the rows that the commit of a completed loop must remove, in addition to those that Plaid reported.

    An ordinary loop costs no read. After a run that died, one query finds the rows that still bear its mark; a loop
    that reads everything again queries the ids of all rows.

    Args:
        loop: The loop, read to its end.
        state: The state of its run.
        unlisted: Accounts that the item no longer has, although the loop reported none of their rows as removed.
        syncs: The stored rows.
    """
    connection_id, unwritten = state.connection_id, loop.changes.upserts.keys()
    ghosts: set[str] = set()
    if loop.delivered is not None:
        ghosts |= syncs.transaction_ids(connection_id) - loop.delivered
    if state.marking:
        delivered = syncs.marked(connection_id, [state.run]) | unwritten
        ghosts |= syncs.transaction_ids(connection_id) - delivered
    if state.dirty_runs:
        ghosts |= syncs.marked(connection_id, state.dirty_runs) - unwritten
    ghosts -= loop.aside.current_ids(run=state.run)
    for account_id in {*state.revoked_accounts, *unlisted}:
        ghosts |= syncs.rows_of(connection_id, account_id)
    return ghosts
