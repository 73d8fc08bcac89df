"""Reads one product at Plaid completely, and stores what has changed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

from shared.domain.plaid_rate_limits import INVESTMENT_CALLS_PER_ITEM_AND_MINUTE
from shared.domain.plaid_token import PlaidToken
from shared.domain.products.investment_transactions import Window, WindowRead
from shared.domain.products.kinds import ProductKind, ProductStatus, fitting_accounts
from shared.domain.products.own_recurring import detect
from shared.domain.products.product_progress import ReadProduct
from shared.domain.products.product_state import ProductState
from shared.domain.products.snapshot import Snapshot, digest_of_snapshot
from shared.log import log
from shared.ports import Clock, PlaidProducts, ProductSyncs, StoredRows
from shared.usecases.products.store_answer import AnswerWriter
from shared.usecases.sync.fenced_commits import FencedRun, LeaseLost
from shared.usecases.sync.prefetch_pages import HEARTBEAT_SECONDS
from shared.usecases.tokens.call_with_token import AccessTokens

PAGE_ROWS = 500  # Plaid's maximum
OWN_HISTORY = timedelta(days=400)  # of our own detection: an annual payment comes twice
QUIET = timedelta(seconds=HEARTBEAT_SECONDS)  # the maximum time without a heartbeat between two pages

Answer = TypeVar("Answer")
End = Callable[[ProductState, ReadProduct], ProductState]


@dataclass(kw_only=True)
class ProductReader:
    """One read of one product, within one claimed run.

    Attributes:
        run: Commits with the run's lease.
        products: States and rows.
        plaid: Plaid's products.
        access_tokens: Calls with the item's access token.
        clock: The time.
        sleep: Waits, to stay below Plaid's rate limit.
        jitter: Between 0 and 1; spreads out polls.
        has_unknown_account: Whether the answer listed a fitting account that the plan does not know.
    """

    run: FencedRun[ProductState]
    products: ProductSyncs
    plaid: PlaidProducts
    access_tokens: AccessTokens
    clock: Clock
    sleep: Callable[[float], None]
    jitter: float
    has_unknown_account: bool = field(default=False, init=False)

    def read(self) -> None:
        """Reads the product and completes the run.

        Raises:
            ProviderError, VaultError: Not possible now; the run is still open.
            LeaseLost: Another run took over, or the connection was removed.
        """
        match self.run.state.kind:
            case ProductKind.INVESTMENT_TRANSACTIONS:
                self._read_window()
            case ProductKind.RECURRING:
                # All accounts of the item: one that the bank no longer lists would be refused.
                self._read_snapshot(lambda token: self.plaid.recurring(token, account_ids=()))
            case ProductKind.LIABILITIES:
                self._read_snapshot(self.plaid.liabilities)
            case ProductKind.HOLDINGS:
                self._read_snapshot(self.plaid.holdings)

    def detect_own(self, end: End) -> None:
        """Makes the rows from our own data, because Plaid does not deliver the product.

        Args:
            end: The transition of the last commit.

        Raises:
            LeaseLost: Another run took over, or the connection was removed.
        """
        state, today = self.run.state, self.clock.now().date()
        transactions = self.products.transactions_since(state.connection_id, today - OWN_HISTORY)
        rows = detect(transactions, account_ids=state.account_ids, today=today)
        self._writer(self._all_rows()).write(Snapshot(kind=state.kind, rows=rows), end)

    def delete_all(self, end: End) -> None:
        """Deletes all rows, because no account has such data.

        Args:
            end: The transition of the last commit.

        Raises:
            LeaseLost: Another run took over, or the connection was removed.
        """
        stored = self._all_rows()
        nothing = Snapshot(kind=self.run.state.kind, rows=())
        self._writer(stored, certain=True).write(nothing, end)

    def _read_snapshot(self, ask: Callable[[PlaidToken], Snapshot]) -> None:
        snapshot, state = self._call(ask), self.run.state
        self._check_accounts(snapshot)
        digest = digest_of_snapshot(snapshot, revoked=state.revoked_accounts)
        if digest == state.digest and not state.hollow:
            self._keep(ReadProduct(rows=state.rows, digest=digest))
            return
        self._writer(self._all_rows()).write(snapshot, self._completed(digest=digest))

    def _read_window(self) -> None:
        """Reads a window of days; its end is stored only with the last commit."""
        state, now = self.run.state, self.clock.now()
        window = Window.next(read_until=state.last_day_read, full_pass_at=state.full_pass_at, now=now)
        snapshot = self._pages(window)
        self._check_accounts(snapshot)
        digest = digest_of_snapshot(snapshot, revoked=state.revoked_accounts)
        read = {"digest": digest, "read_until": window.end, "full_pass_at": now if window.is_full else None}
        if digest == state.digest and not state.hollow and not window.is_full:
            self._keep(ReadProduct(rows=state.rows).model_copy(update=read))
            return
        since = None if window.is_full else window.start
        found = self.products.stored_rows(state.connection_id, state.kind, since=since)
        covered = replace(found, rows=window.covered(found.rows))
        total = len(found.rows) if window.is_full else state.rows
        self._writer(covered, others=max(0, total - len(covered.rows))).write(snapshot, self._completed(**read))

    def _check_accounts(self, snapshot: Snapshot) -> None:
        state = self.run.state
        known = {*state.account_ids, *state.revoked_accounts}
        self.has_unknown_account = bool(fitting_accounts(state.kind, snapshot.accounts) - known)

    def _pages(self, window: Window) -> Snapshot:
        read = WindowRead(window)
        first_ever = self.run.state.as_of is None  # the product may not be a part of the item yet
        while not read.is_complete:
            offset = read.offset
            page = self._call(
                lambda token, offset=offset: self.plaid.investment_transactions(  # type: ignore[misc]
                    token,
                    start=window.start,
                    end=window.end,
                    offset=offset,
                    count=PAGE_ROWS,
                    async_update=first_ever,
                )
            )
            restarts, read = read.restarts, read.take(page)
            if read.restarts > restarts:
                log.info("product.restarted", total=page.total, request_id=page.request_id)
            if read.is_complete:
                break
            if page.total > PAGE_ROWS * INVESTMENT_CALLS_PER_ITEM_AND_MINUTE:
                self.sleep(60 / INVESTMENT_CALLS_PER_ITEM_AND_MINUTE)
            if self.clock.now() - self.run.state.updated_at >= QUIET:
                self.run.commit(lambda s: s.advance(now=self.clock.now()))
        return read.snapshot()

    def _call(self, ask: Callable[[PlaidToken], Answer]) -> Answer:
        answer = self.access_tokens.call(self.run.state.connection_id, ask)
        if answer is None:
            raise LeaseLost("the connection has no credentials: it is being removed")
        return answer

    def _all_rows(self) -> StoredRows:
        return self.products.stored_rows(self.run.state.connection_id, self.run.state.kind)

    def _writer(self, stored: StoredRows, *, others: int = 0, certain: bool = False) -> AnswerWriter:
        return AnswerWriter(
            run=self.run, products=self.products, clock=self.clock, stored=stored, others=others, certain=certain
        )

    def _keep(self, read: ReadProduct) -> None:
        end = self._completed()
        self.run.commit(lambda state: end(state, read))

    def _completed(self, **read: object) -> End:
        def end(state: ProductState, found: ReadProduct) -> ProductState:
            known = found.model_copy(update=read)
            return state.complete(known, now=self.clock.now(), jitter=self.jitter, outcome=ProductStatus.READY)

        return end
