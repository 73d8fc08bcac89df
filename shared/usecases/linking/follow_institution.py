"""Moves a connection when its item changes its institution, as after a bank's migration or merger.

As soon as any use case reads the item, one commit stores the new id and name, deletes the old name and logo, and
updates what depends on the institution: the guard against duplicates, and the group for pauses and statistics. The
set-up that this commit requests then fetches the new logo; if the set-up fails, the scheduler repeats it.
"""

from dataclasses import dataclass
from typing import Any

from shared.domain.connection import BankConnection
from shared.domain.status import moment_of
from shared.log import log
from shared.ports import Clock, ItemFacts, PutInstitutionGuard, Syncs, UpdateConnection, Write
from shared.ports.compare_and_set import retry_on_conflict

MAX_TRIES = 20  # of a compare-and-set against a run that commits a few times a second


def institution_change(connection: BankConnection, facts: ItemFacts) -> dict[str, Any]:
    """The fields of a connection that change because its item has another institution now; empty if it has not."""
    if facts.institution_id in (None, connection.institution_id):
        return {}
    return {"institution_id": facts.institution_id, "institution_name": facts.institution_name, "institution": None}


def report_change(connection: BankConnection, change: dict[str, Any]) -> None:
    """Logs a committed change of institution."""
    if change:
        log.info(
            "connection.institution_changed",
            connection_id=connection.connection_id,
            before=connection.institution_id,
            after=change["institution_id"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowInstitution:
    """Moves a connection to the institution that its item has now."""

    syncs: Syncs
    clock: Clock

    def __call__(self, connection: BankConnection, facts: ItemFacts) -> BankConnection | None:
        """Commits the change, if there is one.

        Returns:
            The connection after the change; None if it was removed.

        Raises:
            Unavailable: The connection is busy: try again.
        """
        change = institution_change(connection, facts)
        if not change:
            return connection

        def follow() -> BankConnection | None:
            loaded = self.syncs.load(connection.connection_id)
            if loaded is None:
                return None
            now = self.clock.now()
            changes = change | {"updated_at": moment_of(connection, connection.status, now=now)}
            state = loaded.state.moved_to(change["institution_id"], now=now)
            writes: list[Write] = [UpdateConnection(changes), PutInstitutionGuard(change["institution_id"])]
            self.syncs.save(state.touched(), expected=loaded.version, writes=writes)
            report_change(connection, change)
            return connection.model_copy(update=changes)

        return retry_on_conflict(follow, tries=MAX_TRIES)
