"""Stores the history of balances, which costs no call of Plaid: balances are recorded when they are known anyway.

The first commit of a day that writes accounts records their balances, too. For connections without changes the daily
check does it. A connection whose bank does not answer, or whose login is broken, gets no entry: the day is a gap.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from shared.domain.account import Account
from shared.domain.balance_history import day_of, derived, recorded, recorded_days
from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.progress import SyncStatus
from shared.domain.sync_state import SyncState
from shared.log import log
from shared.ports import Clock, Connections, DeleteBalances, Loaded, PutBalances, Syncs
from shared.ports.compare_and_set import retry_on_conflict

MAX_TRIES = 20  # of a compare-and-set against a run that commits a few times a second
CURRENT_FOR = timedelta(hours=26)  # a healthy connection is synced twice a day, with or without webhooks
_BROKEN = frozenset([ItemStatus.BAD, ItemStatus.ERROR])


def balances_to_record(accounts: Iterable[Account], state: SyncState, *, now: datetime) -> list[PutBalances]:
    """The day's entries of accounts that have none yet, as far as the state before the commit shows."""
    day = day_of(now)
    missing = (account for account in accounts if state.lacks_balances(account["account_id"], now=now))
    return [PutBalances(entry) for account in missing if (entry := recorded(account, day)) is not None]


def balances_to_delete(connection_id: str, account_ids: Iterable[str], *, syncs: Syncs) -> list[DeleteBalances]:
    """Deletes the history of accounts: one query for each."""
    months = {i: tuple(one["month"] for one in syncs.balance_months(connection_id, i)) for i in account_ids}
    return [DeleteBalances(account_id, found) for account_id, found in months.items() if found]


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceHistory:
    """Records the balances of days without changes, and derives those before the first recorded day."""

    connections: Connections
    syncs: Syncs
    clock: Clock

    def __call__(self, connection_id: str) -> None:
        """Records the day if no commit has, and derives earlier days of accounts whose history is complete. Idempotent.

        Raises:
            Unavailable: The store did not answer, or the connection is busy: try again.
        """
        retry_on_conflict(partial(self._record, connection_id), tries=MAX_TRIES)
        for account_id in self._not_derived(connection_id):
            retry_on_conflict(partial(self._derive, connection_id, account_id), tries=MAX_TRIES)

    def _record(self, connection_id: str) -> None:
        now = self.clock.now()
        loaded = self.syncs.load(connection_id)
        if loaded is None or loaded.state.balances_day == day_of(now) or not self._is_current(connection_id, now):
            return
        accounts = self._accounts(loaded.state)
        writes = balances_to_record(accounts.values(), loaded.state, now=now)
        if writes:
            state = loaded.state.balances_recorded(now=now).touched()
            self.syncs.save(state, expected=loaded.version, writes=writes)

    def _not_derived(self, connection_id: str) -> list[str]:
        """The accounts whose earlier balances were not derived yet; none until all transactions are stored."""
        loaded = self.syncs.load(connection_id)
        if loaded is None or not _is_whole(loaded) or not self._is_current(connection_id, self.clock.now()):
            return []
        return sorted(set(loaded.state.account_ids) - set(loaded.state.derived_accounts))

    def _derive(self, connection_id: str, account_id: str) -> None:
        """Derives an account's balances, once; reads all its transactions.

        The state is read first, and every writer of transactions changes it: they belong to the balance.
        """
        loaded = self.syncs.load(connection_id)
        if loaded is None or not _is_whole(loaded) or account_id in loaded.state.derived_accounts:
            return
        account = self._accounts(loaded.state).get(account_id)
        if account is None:
            return
        months = self.syncs.balance_months(connection_id, account_id)
        bookings = self.syncs.bookings(connection_id, account_id)
        today = day_of(self.clock.now())
        changes = derived(account, bookings, recorded_days=recorded_days(months), today=today)
        state = loaded.state.balances_derived(account_id).touched()
        self.syncs.save(state, expected=loaded.version, writes=[PutBalances(change) for change in changes])
        log.info("balances.derived", connection_id=connection_id, months=len(changes))

    def _is_current(self, connection_id: str, now: datetime) -> bool:
        """Whether the stored balances are today's, as far as Plaid knows."""
        connection = self.connections.find(connection_id)
        return connection is not None and _works(connection, now)

    def _accounts(self, state: SyncState) -> dict[str, Account]:
        found = self.connections.accounts_of(state.connection_id)
        return {one["account_id"]: one for one in found if one["account_id"] not in state.revoked_accounts}


def _works(connection: BankConnection, now: datetime) -> bool:
    synced = connection.last_sync
    return connection.status not in _BROKEN and synced is not None and now - synced <= CURRENT_FOR


def _is_whole(loaded: Loaded) -> bool:
    """Whether the stored transactions are complete and belong to the stored balances."""
    state = loaded.state
    return state.history_complete and state.status is SyncStatus.COMPLETED and not state.rebuilding
