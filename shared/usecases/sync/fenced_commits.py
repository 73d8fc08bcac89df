"""One run of a sync as a writer: each commit proves that the lease is still ours, and renews it."""

from collections.abc import Callable
from dataclasses import replace

from shared.domain.errors import Conflict, Unavailable
from shared.domain.progress import SyncStatus
from shared.domain.sync_state import SyncState
from shared.ports import Loaded, Syncs, Writes
from shared.usecases.apply_status_event import report

MAX_TRIES = 20


class LeaseLost(Exception):
    """Another run works, or the connection is gone: stop, and write nothing more."""


class FencedCommits:
    """Commits the steps of one claimed run by compare-and-set on its state.

    A refused commit has three causes, told apart by reading the state again: a request came in meanwhile (try again
    on top of it), our own commit went through and only its answer was lost (go on), or the lease is gone (stop).
    """

    def __init__(self, loaded: Loaded, *, syncs: Syncs) -> None:
        self._loaded = loaded
        self._syncs = syncs

    @property
    def state(self) -> SyncState:
        """The state as this run last wrote or read it."""
        return self._loaded.state

    def commit(self, step: Callable[[SyncState], SyncState], writes: Callable[[], Writes] = Writes) -> None:
        """Takes one step of the machine, together with what belongs to it.

        Args:
            step: The transition, applied to the newest state.
            writes: Makes what is written with it; called again for each try, since it may rest on what was read.

        Raises:
            LeaseLost: Nothing was written, and nothing more may be.
            Unavailable: The state never held still, or the store is out of reach: the queue delivers again.
            CommitTooLarge: Nothing was written.
        """
        owner, run = self.state.lease_owner, self.state.run
        for _ in range(MAX_TRIES):
            after = step(self.state)
            try:
                written = writes()
                if after.status is SyncStatus.FAILED or (after.status is SyncStatus.COMPLETED and after.found_anything):
                    written = replace(written, ends_run=True)
                version = self._syncs.save(after, expected=self._loaded.version, writes=written)
            except (Conflict, Unavailable):
                now = self._syncs.load(after.connection_id)
                if now is None:
                    raise LeaseLost("the connection is gone") from None
                if (now.state.writer, now.state.heartbeat_seq) == (after.writer, after.heartbeat_seq):
                    self._loaded = now
                    report(written)
                    return
                if (now.state.run, now.state.lease_owner) != (run, owner):
                    raise LeaseLost("another run took over") from None
                self._loaded = now
            else:
                self._loaded = Loaded(state=after, version=version)
                report(written)
                return
        raise Unavailable("the state never held still", code="connection_busy", retry_after_seconds=1)
