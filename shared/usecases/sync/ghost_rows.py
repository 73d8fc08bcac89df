"""Finds ghost rows: rows that are stored, that Plaid does not hold, and that it does not name as removed either.

A row that Plaid added and took back before a run read again is never named: docs/decisions/0011 weighs how to find it.
"""

from shared.domain.sync_state import SyncState
from shared.ports import Syncs
from shared.usecases.sync.change_loop import ChangeLoop


def ghost_rows(loop: ChangeLoop, state: SyncState, *, syncs: Syncs) -> set[str]:
    """Ids of the rows that the commit which completes a loop has to remove, beside those that Plaid named.

    An ordinary loop costs no read. After a run that died, one query finds the rows that still bear its mark; a loop
    that reads everything again reads the names of all rows.

    Args:
        loop: The loop, read to its end.
        state: The state of its run.
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
    for account_id in state.revoked_accounts:
        ghosts |= syncs.rows_of(connection_id, account_id)
    return ghosts
