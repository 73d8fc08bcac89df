"""The state of a sync of transactions: pure, and independent of banks.

Clients see `SyncProgress`, a projection of the complete `SyncState`. Every commit of a run writes both, with a
compare-and-set on the state. run_state.py has the state machine that all kinds of syncs share. The state consists of
groups, each with the transitions of its own fields:

* `RunState`: status, lease, demand, failures and due time, as every sync has them.
* `ReadPosition`: the cursor, and the runs that wrote rows ahead of it.
* `SyncAccounts`: the accounts that are read, and the revoked ones.
* `ProductPlan`: the product syncs of the connection.
* `BankContact`: the latest outcome of a call that reached the bank.
* `SyncDocument`: all of them, with the progress and the set-up of the connection.

`SyncRun` has the transitions of a running run, this module all others.
"""

from datetime import datetime
from typing import Self

from shared.domain import grace_periods
from shared.domain.progress import ErrorSummary, Stage, SyncStatus
from shared.domain.run_state import IllegalTransition
from shared.domain.sync_transitions import SyncRun

__all__ = ["IllegalTransition", "SyncState"]


class SyncState(SyncRun):
    """The whole state of a sync; no client can read it."""

    @classmethod
    def new(
        cls,
        *,
        connection_id: str,
        app_user_id: str,
        now: datetime,
        account_ids: tuple[str, ...] = (),
        source: str | None = None,
        trace: str | None = None,
        moves_history: bool = False,
    ) -> Self:
        """The state of a new sync: pending; if its task is lost, the scheduler finds it."""
        return cls(
            connection_id=connection_id,
            app_user_id=app_user_id,
            account_ids=account_ids,
            source=source,
            trace=trace,
            moves_history=moves_history,
            updated_at=now,
            wanted_since=now,
            due_at=now + grace_periods.TASK,
        )

    def stop(self, *, now: datetime, error: ErrorSummary) -> Self:
        """The source was removed permanently: a working run loses the lease, and no run starts again.

        Its data is deleted, so the cursor is cleared, too: another run would start from the beginning.
        """
        return self._with(
            status=SyncStatus.FAILED,
            stage=Stage.FAILED,
            stopped=True,
            error=error,
            updated_at=now,
            next_retry_at=None,
            due_at=None,
            deferred_from=None,
            **self._lease_revoked(),
            **self._requests_dropped(),
            **self._position_forgotten(),
        )

    def halt(self, *, now: datetime, error: ErrorSummary) -> Self:
        """The source was found unusable outside a run: a working run loses the lease; only an event starts another."""
        return self._with(
            status=SyncStatus.FAILED,
            stage=Stage.FAILED,
            error=error,
            updated_at=now,
            next_retry_at=None,
            needs_user=True,
            clears_error_on_success=False,
            due_at=None,
            deferred_from=None,
            **self._lease_revoked(),
            **self._requests_returned(),
            **self._interrupted(),
        )

    def checked(self, *, needs_user: bool) -> Self:
        """The source was checked outside a run."""
        clears = self.clears_error_on_success and not needs_user
        return self._with(needs_user=needs_user, clears_error_on_success=clears)

    def moved_to(self, institution_id: str, *, now: datetime) -> Self:
        """The source moved to another institution: it is set up again, at the next scheduler run if none is working."""
        rests = self.status is SyncStatus.COMPLETED and not self.stopped
        due_at = now if rests else self.due_at
        return self._with(source=institution_id, is_set_up=False, set_up_attempts=0, updated_at=now, due_at=due_at)

    def reselect_accounts(self) -> Self:
        """The user selected accounts again: the next run reads all of them, and plans the products again."""
        return super().reselect_accounts().model_copy(update=self._products_outdated())

    def reconcile(self, *, now: datetime, trace: str | None = None) -> Self:
        """The next run reads everything again and compares it with the store, products too; no effect if stopped.

        Raises:
            IllegalTransition: A run is working: it would continue with the cursor that this transition clears.
        """
        if self.stopped:
            return self
        if self.is_leased(now):
            raise IllegalTransition("a run is working")
        from_beginning = self._reading_abandoned() | self._reads_from_beginning() | self._products_outdated()
        return self.request(now=now, trace=trace).model_copy(update=from_beginning)
