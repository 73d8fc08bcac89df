"""Runs one sync of one product: claims it, reads it at Plaid, and records the outcome."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from shared import trace
from shared.domain.ceilings import Budget
from shared.domain.errors import ErrorClass, ErrorKind, ProviderError, ServiceError, Unavailable
from shared.domain.products.kinds import ProductKind, ProductStatus
from shared.domain.products.outcomes import product_outcome
from shared.domain.products.own_recurring import uses_own
from shared.domain.products.product_progress import ReadProduct
from shared.domain.products.product_state import ProductState, product_id
from shared.domain.progress import ErrorSummary, Stage, SyncStatus
from shared.domain.retry_delays import TRIES_PER_ATTEMPT
from shared.log import log
from shared.ports import Budgets, Clock, PausedSyncs, PlaidProducts, ProductSyncs, TaskFunction, Tasks
from shared.usecases.enqueue import enqueue_product
from shared.usecases.products.read_product import ProductReader
from shared.usecases.sync.fenced_commits import FencedRun, LeaseLost
from shared.usecases.sync.prefetch_pages import SOON_SECONDS
from shared.usecases.sync.run_claims import Outcome, RunClaims
from shared.usecases.tokens.call_with_token import AccessTokens

_BUG = ProviderError(
    "internal error; it has been logged",
    kind=ErrorKind.CONFIGURATION,
    error_type="BACKEND",
    error_code="INTERNAL",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProduct:
    """Runs the sync of a product, if it is pending and no other run holds its lease.

    `kinds` are the products that the operator has turned on. `read_accounts` has the accounts of a connection read
    again, and the products planned for them.
    """

    kinds: frozenset[ProductKind]
    products: ProductSyncs
    paused: PausedSyncs
    plaid: PlaidProducts
    access_tokens: AccessTokens
    budgets: Budgets
    tasks: Tasks
    clock: Clock
    sleep: Callable[[float], None]
    read_accounts: Callable[[str], None]

    def __call__(self, connection_id: str, kind: ProductKind, *, delivery: str) -> Outcome:
        """Processes one delivery of a task.

        Args:
            connection_id: The connection.
            kind: The product.
            delivery: The id of this delivery, as for RunSync.

        Returns:
            DONE if there is nothing more to do for this delivery; RETRY if the queue should deliver it again.
        """
        claims = RunClaims(
            states=self.products,
            paused=self.paused,
            enqueue=partial(enqueue_product, self.tasks),
            clock=self.clock,
            with_first_commit=True,
        )
        sync_id = product_id(connection_id, kind)
        claimed = claims.claim(sync_id, delivery=delivery)
        if isinstance(claimed, Outcome):
            return claimed
        run = FencedRun(claimed, syncs=self.products)
        with trace.resumed(run.state.trace), log.bound(connection_id=connection_id, product=kind, run=run.state.run):
            try:
                outcome = self._run(run)
            except LeaseLost as lost:
                log.info("product.lease_lost", reason=str(lost))
                return Outcome.RETRY  # a request may have come before the first commit; else the next delivery ends
            log.info("product.ended", **_log_fields(claimed.state, run.state))
            if run.state.status is SyncStatus.COMPLETED and run.state.wanted:
                claims.requeue(sync_id)
            return outcome

    def _run(self, run: FencedRun[ProductState]) -> Outcome:
        """Reads the product and ends the run."""
        reader = ProductReader(
            run=run,
            products=self.products,
            plaid=self.plaid,
            access_tokens=self.access_tokens,
            clock=self.clock,
            sleep=self.sleep,
            jitter=random.random(),  # noqa: S311 (spreads out polls)
        )
        try:
            return self._read(run, reader)
        except ProviderError as error:
            return self._answered(run, reader, error)
        except ServiceError as error:
            return self._failed(run, error)
        except (LeaseLost, Unavailable):
            raise
        except Exception:  # noqa: BLE001 (a bug must not leave the state at `in_progress`)
            log.exception("product.bug")
            return self._failed(run, _BUG)

    def _read(self, run: FencedRun[ProductState], reader: ProductReader) -> Outcome:
        state, now = run.state, self.clock.now()
        if state.kind not in self.kinds:
            run.commit(lambda s: s.switched_off(now=self.clock.now()))
        elif not state.account_ids:
            reader.delete_all(partial(_no_accounts, self.clock))
        elif not state.is_offered:
            self._refused(run, reader, ProductStatus.UNSUPPORTED, None)
        elif state.ask_again_at is not None and now < state.ask_again_at:
            self._refused(run, reader, state.outcome, None)
        else:
            reader.read()
            if reader.has_unknown_account:
                log.info("product.unknown_account")
                self.read_accounts(state.connection_id)
        return Outcome.DONE

    def _answered(self, run: FencedRun[ProductState], reader: ProductReader, error: ProviderError) -> Outcome:
        """Ends the run with an error of Plaid."""
        outcome = product_outcome(run.state.kind, error)
        log.info(
            "product.answered",
            outcome=outcome,
            fault=error.error_class,
            error_type=error.error_type,
            error_code=error.error_code,
            request_id=error.request_id,
        )
        match outcome:
            case None:
                return self._login_failed(run, error)
            case ProductStatus.SYNCING:
                return self._not_ready(run)
            case ProductStatus.FAILED:
                return self._failed(run, error)
            case _:
                self._refused(run, reader, outcome, ErrorSummary.of(error))
                return Outcome.DONE

    def _refused(
        self, run: FencedRun[ProductState], reader: ProductReader, outcome: ProductStatus, error: ErrorSummary | None
    ) -> None:
        """Plaid does not deliver the product: keeps, deletes or replaces the rows."""

        def end(state: ProductState, found: ReadProduct | None = None) -> ProductState:
            return state.refused(outcome, now=self.clock.now(), error=error, found=found)

        if outcome is ProductStatus.NOT_ENABLED:
            self._report_not_enabled(run.state.kind)
        if outcome is ProductStatus.NO_ACCOUNTS:
            reader.delete_all(end)
        elif uses_own(run.state.kind, outcome):
            reader.detect_own(end)
        else:
            run.commit(end)

    def _report_not_enabled(self, kind: ProductKind) -> None:
        """Logs a product that the operator has not ordered, once a day: every connection gets the same answer."""
        budget = Budget.of_project(f"report-{kind}", most=1, within=timedelta(days=1))
        with suppress(Unavailable):
            if self.budgets.spend(budget, now=self.clock.now()) is None:
                log.warning("product.not_enabled")

    def _login_failed(self, run: FencedRun[ProductState], error: ProviderError) -> Outcome:
        """Has the item checked: what Plaid says about it decides about the connection (docs/decisions/0015)."""
        state = run.state
        with suppress(Unavailable):  # then the sync of transactions or the daily check finds it
            name = f"{state.connection_id}-{state.kind}-{state.run}"
            self.tasks.add(TaskFunction.CHECK_ITEM, {"connection_id": state.connection_id}, name=name)
        self._fail(run, error)
        return Outcome.DONE

    def _not_ready(self, run: FencedRun[ProductState]) -> Outcome:
        """Retries a few times in seconds, then with growing delays; a webhook is usually faster."""
        if run.state.failures == 0 and run.state.tries + 1 < TRIES_PER_ATTEMPT:
            run.commit(lambda s: s.pause(now=self.clock.now(), stage=Stage.WAITING_FOR_BANK))
            return Outcome.RETRY
        run.commit(lambda s: s.not_ready(now=self.clock.now()))
        return Outcome.DONE

    def _failed(self, run: FencedRun[ProductState], error: ServiceError) -> Outcome:
        """Retries in seconds while that may help; else ends the run with its error."""
        soon = (error.retry_after_seconds or 0) <= SOON_SECONDS
        last_try = run.state.tries + 1 >= TRIES_PER_ATTEMPT
        if error.error_class is ErrorClass.TRANSIENT and soon and not last_try:
            run.commit(lambda s: s.pause(now=self.clock.now(), error=ErrorSummary.of(error)))
            return Outcome.RETRY
        self._fail(run, error)
        return Outcome.DONE

    def _fail(self, run: FencedRun[ProductState], error: ServiceError) -> None:
        jitter = random.random()  # noqa: S311 (spreads out retries)
        # An error that only the user can fix may be fixed elsewhere, so that no event reports it: retry once a day.
        retried = error.error_class in (ErrorClass.TRANSIENT, ErrorClass.CONFIGURATION)
        error_class = error.error_class if retried else ErrorClass.USER
        at_least = timedelta(seconds=error.retry_after_seconds or 0)
        run.commit(
            lambda s: s.fail(
                now=self.clock.now(),
                error=ErrorSummary.of(error),
                error_class=error_class,
                jitter=jitter,
                at_least=at_least,
            )
        )


def _no_accounts(clock: Clock, state: ProductState, found: ReadProduct) -> ProductState:
    return state.complete(found, now=clock.now(), jitter=0, outcome=ProductStatus.NO_ACCOUNTS)


def _log_fields(begun: ProductState, ended: ProductState) -> dict[str, Any]:
    """The outcome of a run."""
    started_at = begun.started_at
    return {
        "status": ended.status,
        "outcome": ended.outcome,
        "rows": ended.rows,
        "changed": ended.changed_at != begun.changed_at,
        "error_code": ended.error.code if ended.error else None,
        "seconds": (ended.updated_at - started_at).total_seconds() if started_at else None,
    }
