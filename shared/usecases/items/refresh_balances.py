"""Reads balances at the bank while a user waits, within limits, since Plaid bills each such call.

The call is counted before it is made, so a crash can waste a call but never exceed a limit. A call that Plaid refuses
was made, and stays counted. Where no live balance is allowed, or the bank has none, the stored balances are the answer.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.account import Account, BalancesSource, StoredAccount
from shared.domain.ceilings import LiveBalanceCeilings
from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.credentials import unless_our_keys
from shared.domain.errors import (
    BankError,
    ErrorKind,
    FailedPrecondition,
    ProviderError,
    ResourceExhausted,
    Unavailable,
)
from shared.domain.products.outcomes import ABOUT_THE_LOGIN
from shared.log import log
from shared.ports import Budgets, Clock, Connections, PausedSyncs, PlaidProducts, Syncs, UpdateBalances, Write
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.connection_access import no_connection, owned
from shared.usecases.items.refresh_item_status import ItemStatusRefresh
from shared.usecases.sync.record_balances import balances_to_record
from shared.usecases.tokens.call_with_token import AccessTokens

MAX_TRIES = 20  # of a compare-and-set against a run that commits a few times a second
NOT_LIVE = {"ins_128026": timedelta(days=30)}
"""Banks whose cards have no live balance, which requires to say how old a balance may be.

Source: `min_last_updated_datetime` of https://plaid.com/docs/api/products/balance/#accountsbalanceget
"""
_WITHOUT_LIVE_BALANCES = frozenset(
    [
        ErrorKind.PRODUCT_UNSUPPORTED,
        ErrorKind.PRODUCT_NO_ACCOUNTS,
        ErrorKind.PRODUCT_CONSENT,
        ErrorKind.PRODUCT_NOT_ENABLED,
        ErrorKind.PRODUCT_NOT_READY,
    ]
)


@dataclass(frozen=True, slots=True)
class CurrentBalances:
    """The accounts of a connection; `as_of` is when the oldest of their balances was read, None if none was."""

    accounts: list[StoredAccount]
    source: BalancesSource
    as_of: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshBalances:
    """Returns the balances of a connection: live if the ceilings allow it, otherwise the stored ones."""

    connections: Connections
    syncs: Syncs
    paused: PausedSyncs
    plaid: PlaidProducts
    access_tokens: AccessTokens
    item_status: ItemStatusRefresh
    budgets: Budgets
    ceilings: LiveBalanceCeilings
    clock: Clock

    def __call__(self, connection_id: str, *, app_user_id: str) -> CurrentBalances:
        """Returns the balances, and stores live ones.

        Raises:
            NotFound: The connection does not exist, or belongs to another user.
            FailedPrecondition: The connection can never work again: link the bank again.
            ResourceExhausted: Its balances were read less than a minute ago.
            ProviderError, VaultError: The bank or Plaid did not answer, or requires the user; nothing was stored.
            Unavailable: The connection is busy, or its token is being replaced: try again.
        """
        connection = owned(self.connections.find(connection_id), app_user_id)
        if connection.status is ItemStatus.ERROR:
            raise FailedPrecondition(
                "this connection cannot be repaired: link the bank again",
                code="relink_required",
                connection_id=connection_id,
            )
        is_live = self._is_allowed(connection) and self._read(connection)
        accounts = self.connections.stored_accounts(connection_id)
        times = [one["balances_at"] or one["updated_at"] for one in accounts]
        source = BalancesSource.LIVE if is_live else BalancesSource.CACHED
        return CurrentBalances(accounts, source, min(times, default=None))

    def _is_allowed(self, connection: BankConnection) -> bool:
        """Whether the bank may be asked now; the call is counted.

        Raises:
            ResourceExhausted: The bank was asked less than a minute ago.
        """
        if self.ceilings.per_user_and_day == 0 or self.paused.load()[0].of(connection.institution_id) is not None:
            return False
        user, item = self.ceilings.budgets(connection.app_user_id, connection.connection_id)
        try:
            used_up = self.budgets.spend(user, item, now=self.clock.now())
        except Unavailable:
            return False  # without a count there is no call
        if used_up is item:
            raise ResourceExhausted(
                "the balances were read a moment ago",
                code="balances_too_soon",
                retry_after_seconds=int(item.within.total_seconds()),
                connection_id=connection.connection_id,
            )
        return used_up is None

    def _read(self, connection: BankConnection) -> bool:
        """Reads and stores live balances; False if this bank or this Plaid account has none."""
        age = NOT_LIVE.get(connection.institution_id or "")
        oldest = self.clock.now() - age if age is not None else None
        try:
            accounts = self.access_tokens.call(
                connection.connection_id, lambda token: self.plaid.live_balances(token, min_last_updated=oldest)
            )
        except ProviderError as refusal:
            error = unless_our_keys(refusal)
            if error.kind in _WITHOUT_LIVE_BALANCES:
                log.info("balances.not_live", error_code=error.error_code, request_id=error.request_id)
                return False
            if error.kind in ABOUT_THE_LOGIN:
                with suppress(BankError):  # the next sync or daily check finds it, too
                    self.item_status.daily_check(connection.connection_id)
            raise error from refusal
        if accounts is None:
            raise no_connection()
        read_at = self.clock.now()
        retry_on_conflict(lambda: self._store(connection.connection_id, accounts, read_at), tries=MAX_TRIES)
        return True

    def _store(self, connection_id: str, accounts: Iterable[Account], read_at: datetime) -> None:
        """Stores the balances of accounts that are still stored, and records the day if no commit has."""
        loaded = self.syncs.load(connection_id)
        if loaded is None or loaded.state.stopped:  # removed or revoked meanwhile: its data is being deleted
            raise no_connection()
        state = loaded.state
        stored = {one["account_id"] for one in self.connections.accounts_of(connection_id)}
        known = [one for one in accounts if one["account_id"] in stored.difference(state.revoked_accounts)]
        fresh = [one for one in known if _is_known(one)]
        writes: list[Write] = [
            *(UpdateBalances(one["account_id"], one["balances"], BalancesSource.LIVE, read_at) for one in fresh),
            *balances_to_record(fresh, state, now=read_at),
        ]
        if not writes:
            return
        if stored <= {one["account_id"] for one in known}:
            state = state.balances_recorded(now=read_at)
        self.syncs.save(state.touched(), expected=loaded.version, writes=writes)


def _is_known(account: Account) -> bool:
    """Whether the bank sent any balance; one that it did not send replaces none."""
    return account["balances"]["current"] is not None or account["balances"]["available"] is not None
