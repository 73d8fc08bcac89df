"""An item can change its institution, as when a bank is migrated or merged: its connection follows.

The new id and name are stored with one commit, as soon as anything reads the item. Name and logo of the old bank go in
the same commit, and what depends on the institution follows: the guard against duplicates, the group that pauses and
statistics use. The logo is fetched afterwards, by the set-up that this commit asks for; if that fails, the scheduler
repeats it.
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
    """The fields of a connection that change because its item is at another institution now; empty if it is not."""
    if facts.institution_id in (None, connection.institution_id):
        return {}
    return {"institution_id": facts.institution_id, "institution_name": facts.institution_name, "institution": None}


def report_change(connection: BankConnection, change: dict[str, Any]) -> None:
    """Logs a change that is committed."""
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
            The connection as it is afterwards; None if it is gone.

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
