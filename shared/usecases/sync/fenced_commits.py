"""The commits of one sync run: each proves that the run still owns the lease, and renews it."""

from collections.abc import Callable, Sequence

from shared.domain.errors import Conflict, Unavailable
from shared.domain.progress import SyncStatus
from shared.domain.sync_state import SyncState
from shared.ports import Loaded, RecordRun, Syncs, Write
from shared.usecases.apply_status_event import report

MAX_TRIES = 20


class LeaseLost(Exception):
    """Another run owns the lease, or the connection was removed: stop, and write nothing more."""


class FencedCommits:
    """Commits the steps of one claimed run by compare-and-set on its state.

    A refused commit has three possible causes, and reading the state again tells which: a request arrived (retry on the
    new state), this run's own commit succeeded and only its answer was lost (continue), or the lease is lost (stop).
    That is why `commit` has its own loop instead of `retry_on_conflict`, which would also read before the first try.
    """

    def __init__(self, loaded: Loaded, *, syncs: Syncs) -> None:
        self._loaded = loaded
        self._syncs = syncs

    @property
    def state(self) -> SyncState:
        """The state as this run last read or wrote it."""
        return self._loaded.state

    def commit(self, step: Callable[[SyncState], SyncState], writes: Callable[[], Sequence[Write]] = tuple) -> None:
        """Commits one transition of the state, together with the writes that belong to it.

        Args:
            step: The transition, applied to the newest state.
            writes: Makes the writes; called again for each try, since they may depend on the state.

        Raises:
            LeaseLost: Nothing was written, and the run must stop.
            Unavailable: Other writers were faster each time, or the store did not answer: the queue delivers again.
            CommitTooLarge: Nothing was written.
        """
        owner, run = self.state.lease_owner, self.state.run
        for _ in range(MAX_TRIES):
            after = step(self.state)
            try:
                written = writes()
                if after.status is SyncStatus.FAILED or (after.status is SyncStatus.COMPLETED and after.found_anything):
                    written = (*written, RecordRun())
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
        raise Unavailable(
            "other runs and requests keep changing the state", code="connection_busy", retry_after_seconds=1
        )
