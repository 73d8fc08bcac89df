"""Reconciles every connection with Plaid after the database was restored to an earlier point in time."""

import argparse
from collections import Counter

from operations.who import write_down
from shared.domain.errors import FailedPrecondition
from shared.serving import container, items_container
from shared.usecases.items.reconcile_after_restore import RestoreAction


def after_restore(given: argparse.Namespace) -> str:
    """Reconcile connections with Plaid after a restore. Without --yes it only prints the plan."""
    reconciliation = items_container.restore_reconciliation()
    wanted = reconciliation.connection_ids()
    if given.user is not None:
        wanted = iter([one.connection_id for one in container.connections().owned_by(given.user)])
    actions = reconciliation.plan(wanted)
    if not given.yes:
        raise FailedPrecondition(f"{_counted(actions)}: confirm with --yes", code="not_confirmed")
    write_down(given)
    done = {connection_id: reconciliation.apply(connection_id, action) for connection_id, action in actions.items()}
    lost = [connection_id for connection_id, action in done.items() if action is RestoreAction.TOKEN_LOST]
    lines = [f"{connection_id}  access token lost: ask Plaid support to remove the item" for connection_id in lost]
    return "\n".join([*lines, _counted(done)])


def _counted(actions: dict[str, RestoreAction]) -> str:
    counts = Counter(actions.values())
    return ", ".join(f"{counts[action]} {action}" for action in RestoreAction if counts[action]) or "no connections"
