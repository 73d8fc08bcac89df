"""Starts the first sync of a new connection."""

from dataclasses import dataclass

from shared import trace
from shared.ports import SyncQueue, Syncs
from shared.usecases.enqueue import enqueue


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFirstSync:
    """Enqueues the first sync of a connection."""

    syncs: Syncs
    queue: SyncQueue

    def __call__(self, connection_id: str) -> str | None:
        """Enqueues the run that the connection was created with (its state is `pending` already).

        Returns:
            The trace of the call that created the connection, if it is known.
        """
        loaded = self.syncs.load(connection_id)
        if loaded is None:
            return None
        if loaded.state.wanted:
            with trace.resumed(loaded.state.trace):
                enqueue(self.queue, connection_id, name=f"{connection_id}-q{loaded.state.requested}")
        return loaded.state.trace
