"""The state of the sync of one kind of product data of one connection. The state machine is in run_state.py.

The sync of transactions plans products: it creates their states, and tells them which accounts fit and which were
revoked. A run reads a product and ends with one of the answers of outcomes.py, none of which concerns the connection.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Self

from pydantic import Field

from shared.domain import grace_periods, poll_intervals, retry_delays
from shared.domain.errors import ErrorClass
from shared.domain.products.kinds import ProductKind, ProductStatus
from shared.domain.products.product_progress import ProductProgress, ReadProduct
from shared.domain.progress import ErrorSummary, Stage, SyncStatus
from shared.domain.run_state import IllegalTransition, RunState
from shared.domain.state_group import Changes

_HAS_ROWS = (ProductStatus.READY, ProductStatus.FAILED)  # while they are read again, clients see no other status


class ProductState(RunState):
    """The whole state of a product's sync; no client can read it.

    Attributes:
        kind: The product.
        outcome: The status that clients see.
        account_ids: The accounts that fit the product. Without one, Plaid is never asked.
        is_offered: Whether Plaid offers the product in the bank's country. If not, Plaid is never asked.
        revoked_accounts: Accounts whose rows must not be stored, whatever Plaid still sends for them.
        as_of, changed_at: As in ProductProgress.
        rows, digest, hollow, full_pass_at: As in ReadProduct.
        read_until: As in ReadProduct, in the form of a stored day.
        ask_again_at: When Plaid may be asked again after it refused the product; until then, a run can only use our
            own data.
        refusal: Plaid's answer when it refused the product, which clients see until it is asked again.
    """

    kind: ProductKind
    outcome: ProductStatus = ProductStatus.SYNCING
    account_ids: tuple[str, ...] = ()
    is_offered: bool = True
    revoked_accounts: tuple[str, ...] = ()
    as_of: datetime | None = None
    changed_at: datetime | None = None
    rows: int = 0
    digest: str | None = None
    hollow: Mapping[str, datetime] = Field(default_factory=dict)
    read_until: str | None = None
    full_pass_at: datetime | None = None
    ask_again_at: datetime | None = None
    refusal: ErrorSummary | None = None

    @classmethod
    def new(
        cls, kind: ProductKind, *, connection_id: str, app_user_id: str, now: datetime, trace: str | None = None
    ) -> Self:
        """The state of a product that was never planned."""
        return cls(
            kind=kind,
            connection_id=connection_id,
            app_user_id=app_user_id,
            updated_at=now,
            requested=0,
            trace=trace,
        )

    @property
    def sync_id(self) -> str:
        """The id of the state's document."""
        return product_id(self.connection_id, self.kind)

    @property
    def last_day_read(self) -> date | None:
        """The last day of the last completed window of investment transactions."""
        return date.fromisoformat(self.read_until) if self.read_until is not None else None

    def progress(self) -> ProductProgress:
        """The part that clients see."""
        return ProductProgress(
            kind=self.kind,
            connection_id=self.connection_id,
            app_user_id=self.app_user_id,
            status=self.outcome,
            as_of=self.as_of,
            changed_at=self.changed_at,
            counts={"rows": self.rows},
            error=self.error or self.refusal,
            next_retry_at=self.next_retry_at,
        )

    def planned(
        self,
        *,
        account_ids: Collection[str],
        revoked: Collection[str],
        source: str | None,
        now: datetime,
        is_offered: bool = True,
        waits: bool = False,
        trace: str | None = None,
    ) -> Self:
        """Accounts, consent or settings may have changed: a run reads everything again and compares all rows.

        Without a fitting account, a run only deletes the rows; without rows, none is needed.

        Args:
            account_ids: The accounts that fit.
            revoked: Accounts whose rows must not be stored.
            source: The institution.
            now: The present.
            is_offered: Whether Plaid offers the product in the bank's country.
            waits: Whether the product must not be read yet, because Plaid derives it from the complete history.
            trace: Of the run that plans.
        """
        plan: Changes = {
            "account_ids": tuple(sorted(account_ids)),
            "is_offered": is_offered,
            "revoked_accounts": tuple(sorted(revoked)),
            "source": source,
            "outcome": self.outcome if self.outcome in _HAS_ROWS else ProductStatus.SYNCING,
            "digest": None,
            "full_pass_at": None,
            "ask_again_at": None,
            "refusal": None,
        }
        if not account_ids and not self.rows:
            return self._with(**(plan | self._at_rest(now, ProductStatus.NO_ACCOUNTS)))
        if waits:
            return self._with(**(plan | self._at_rest(now, ProductStatus.SYNCING)))
        return self._with(**plan).request(now=now, trace=trace)

    def switched_off(self, *, now: datetime) -> Self:
        """The operator turned the product off: no run starts again until the product is planned again."""
        return self._with(**self._at_rest(now, ProductStatus.OFF))

    def rows_moved(self, rows: int, *, now: datetime) -> Self:
        """Rows of a replaced connection were added: the next run compares all of them.

        Raises:
            IllegalTransition: A run is working, which may have compared the rows already.
        """
        if self.is_leased(now):
            raise IllegalTransition("a run is working")
        return self._with(rows=self.rows + rows, digest=None)

    def account_removed(self, account_id: str, *, now: datetime, removed_rows: int = 0) -> Self:
        """An account was revoked: its rows are deleted, and a run ignores those that Plaid still sends."""
        left = tuple(i for i in self.account_ids if i != account_id)
        known: Changes = {
            "account_ids": left,
            "revoked_accounts": tuple(sorted({*self.revoked_accounts, account_id})),
            "rows": max(0, self.rows - removed_rows),
            "digest": None,
        }
        if left or known["rows"] or self.outcome is ProductStatus.OFF:
            return self._with(**known)
        return self._with(**(known | self._at_rest(now, ProductStatus.NO_ACCOUNTS)))

    def advance(self, *, now: datetime, rows: int | None = None) -> Self:
        """A heartbeat, with the number of stored rows if it changed.

        Raises:
            IllegalTransition: No run is working.
        """
        counted = {} if rows is None else {"rows": rows, "digest": None, "changed_at": now}
        return self._alive(now, stage=Stage.WRITING if counted else Stage.FETCHING, **counted)

    def complete(self, found: ReadProduct, *, now: datetime, jitter: float, outcome: ProductStatus) -> Self:
        """The stored rows are what the answer said.

        Args:
            found: What was read.
            now: The present.
            jitter: Between 0 and 1; makes the next poll earlier, to spread out polls.
            outcome: The status that clients see.

        Raises:
            IllegalTransition: No run is working.
        """
        self._must_run()
        return self._with(
            outcome=outcome,
            as_of=now,
            changed_at=now if found.changed else self.changed_at,
            rows=found.rows,
            digest=found.digest,
            hollow=found.hollow,
            read_until=str(found.read_until) if found.read_until is not None else self.read_until,
            full_pass_at=found.full_pass_at or self.full_pass_at,
            ask_again_at=None,
            refusal=None,
            due_at=self._next_poll(now, outcome, jitter=jitter, confirm_at=found.confirm_at),
            **self._ended(now),
        )

    def refused(
        self, outcome: ProductStatus, *, now: datetime, error: ErrorSummary | None, found: ReadProduct | None = None
    ) -> Self:
        """Plaid does not deliver the product for this connection, which is no failure.

        Args:
            outcome: Why.
            now: The present.
            error: Plaid's answer; None if it was not asked again.
            found: The rows that replace Plaid's; None if the stored ones stay. While Plaid is asked rarely, our own
                rows are made again every day.

        Raises:
            IllegalTransition: No run is working.
        """
        self._must_run()
        wait = poll_intervals.REFUSED_PRODUCT.get(outcome)
        asked = self.ask_again_at is None or now >= self.ask_again_at
        again_at = self.ask_again_at if not asked else now + wait if wait is not None else None
        polls = found is not None and again_at is not None
        own = {} if found is None else {"rows": found.rows, "as_of": now}
        changed = {"changed_at": now} if found is not None and found.changed else {}
        return self._with(
            outcome=outcome,
            digest=None,
            hollow={} if found is None else found.hollow,
            ask_again_at=again_at,
            due_at=now if self.has_newer_request else now + poll_intervals.PRODUCT if polls else again_at,
            refusal=error or self.refusal,
            **own,
            **changed,
            **self._ended(now),
        )

    def not_ready(self, *, now: datetime) -> Self:
        """Plaid is still fetching the product: pending again, with growing delays; a webhook is usually faster.

        Raises:
            IllegalTransition: No run is working.
        """
        due_at = now if self.has_newer_request else now + retry_delays.SYNC.after(self.failures)
        waiting = {"failures": self.failures + 1, "outcome": ProductStatus.SYNCING, "refusal": None}
        return self._left_pending(now, due_at=due_at, stage=Stage.WAITING_FOR_BANK, **waiting)

    def fail(
        self,
        *,
        now: datetime,
        error: ErrorSummary,
        error_class: ErrorClass,
        jitter: float,
        at_least: timedelta,
    ) -> Self:
        """The attempt failed; see RunState.fail."""
        failed = super().fail(now=now, error=error, error_class=error_class, jitter=jitter, at_least=at_least)
        return failed.model_copy(update={"outcome": ProductStatus.FAILED, "refusal": None, "ask_again_at": None})

    def _at_rest(self, now: datetime, outcome: ProductStatus) -> Changes:
        """Only a plan starts another run."""
        return {
            "status": SyncStatus.COMPLETED,
            "stage": Stage.DONE,
            "outcome": outcome,
            "updated_at": now,
            "error": None,
            "next_retry_at": None,
            "failures": 0,
            "tries": 0,
            "due_at": None,
            **self._lease_revoked(),
            **self._requests_dropped(),
        }

    def _next_poll(
        self, now: datetime, outcome: ProductStatus, *, jitter: float, confirm_at: datetime | None
    ) -> datetime | None:
        if self.has_newer_request:
            return now
        if outcome is ProductStatus.NO_ACCOUNTS:
            return None  # until the accounts change
        poll = now + poll_intervals.PRODUCT * (1 - jitter / 8)
        return poll if confirm_at is None else max(now + grace_periods.TASK, min(poll, confirm_at))


def product_id(connection_id: str, kind: ProductKind) -> str:
    """The id of a product's state."""
    return f"{connection_id}.{kind}"
