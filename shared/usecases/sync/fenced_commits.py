"""The commits of one sync run: each proves that the run still owns the lease, and renews it."""

from collections.abc import Callable, Sequence
from typing import Generic

from shared.domain.errors import Conflict, Unavailable
from shared.domain.progress import SyncStatus
from shared.domain.sync_state import SyncState
from shared.ports import LoadedState, RecordRun, RunStates, Write
from shared.ports.run_states import S
from shared.usecases.apply_status_event import report

MAX_TRIES = 20


class LeaseLost(Exception):
    """Another run owns the lease, or the connection was removed: stop, and write nothing more."""


class FencedRun(Generic[S]):
    """Commits the steps of one claimed run by compare-and-set on its state.

    The first commit may store the claim, too: `loaded` is then the claimed state, with the version before the claim.

    A refused commit has three possible causes, and reading the state again tells which: a request arrived (retry on the
    new state), this run's own commit succeeded and only its answer was lost (continue), or the lease is lost (stop).
    That is why `commit` has its own loop instead of `retry_on_conflict`, which would also read before the first try.
    """

    def __init__(self, loaded: LoadedState[S], *, syncs: RunStates[S]) -> None:
        self._loaded = loaded
        self._syncs = syncs
        self._noted: Callable[[S], S] | None = None

    @property
    def state(self) -> S:
        """The state as this run last read or wrote it."""
        return self._loaded.state

    def note(self, change: Callable[[S], S]) -> None:
        """Adds a change of the state to the next commit of this run, so that it costs none of its own."""
        self._noted = change

    def commit(self, step: Callable[[S], S], writes: Callable[[], Sequence[Write]] = tuple) -> None:
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
            after = step(self.state if self._noted is None else self._noted(self.state))
            try:
                written = (*writes(), *self._records(after))
                version = self._syncs.save(after, expected=self._loaded.version, writes=written)
            except (Conflict, Unavailable):
                now = self._syncs.load(after.sync_id)
                if now is None:
                    raise LeaseLost("the connection is gone") from None
                if (now.state.writer, now.state.heartbeat_seq) == (after.writer, after.heartbeat_seq):
                    self._loaded, self._noted = now, None
                    report(written)
                    return
                if (now.state.run, now.state.lease_owner) != (run, owner):
                    raise LeaseLost("another run took over") from None
                self._loaded = now
            else:
                self._loaded, self._noted = LoadedState(state=after, version=version), None
                report(written)
                return
        raise Unavailable(
            "other runs and requests keep changing the state", code="connection_busy", retry_after_seconds=1
        )

    def _records(self, _after: S) -> Sequence[Write]:
        """Records of the run for operators."""
        return ()


class FencedCommits(FencedRun[SyncState]):
    """The commits of a run of transactions."""

    def _records(self, after: SyncState) -> Sequence[Write]:
        ended = after.status is SyncStatus.FAILED or (after.status is SyncStatus.COMPLETED and after.found_anything)
        return (RecordRun(),) if ended else ()
