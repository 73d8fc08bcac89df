"""The changes that a run makes to a connection's accounts, as Plaid lists them now."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from shared.domain.account import Account
from shared.domain.errors import ErrorClass, ProviderError
from shared.domain.plaid_token import PlaidToken
from shared.domain.status import StatusEvent
from shared.domain.sync_state import SyncState
from shared.log import log
from shared.ports import Clock, DeleteAccount, ItemFacts, Plaid, PutAccount, Syncs, Write
from shared.usecases.apply_status_event import ConnectionChange, StatusEvents
from shared.usecases.mark_duplicates import accounts_to_write
from shared.usecases.sync.record_balances import balances_to_delete, balances_to_record

NO_PAGE = ""  # the digest of accounts that were read without a page: the next page reads them again


def read_accounts(plaid: Plaid, token: PlaidToken, *, is_needed: bool = False) -> ItemFacts | None:
    """The item with its accounts; None if Plaid does not answer now.

    Args:
        plaid: Plaid.
        token: The item's access token.
        is_needed: Whether the run must not continue without the accounts.

    Raises:
        ProviderError: Plaid refused the call; or does not answer, but the accounts are needed.
    """
    try:
        return plaid.accounts(token)
    except ProviderError as error:
        if error.error_class is not ErrorClass.TRANSIENT or is_needed:
            raise
        log.warning("sync.accounts_unavailable", error_code=error.error_code, request_id=error.request_id)
        return None


@dataclass(kw_only=True)
class AccountsChange:
    """The accounts of one commit. What depends on the newest state is computed for each try.

    Attributes:
        before: The state when the accounts were read.
        listed: The accounts as Plaid lists them; none if they are unchanged.
        roster: The ids of the item's accounts.
        may_be_doubled: Whether duplicates must be settled after the commit.
    """

    before: SyncState
    listed: Sequence[Account]
    roster: tuple[str, ...]
    status_events: StatusEvents
    syncs: Syncs
    clock: Clock
    may_be_doubled: bool = field(default=False, init=False)

    def read_into(self, state: SyncState, *, digest: str | None) -> SyncState:
        """The state after the accounts were read, or kept; without a digest, the next run must read them."""
        state = state.accounts_read(self.roster, digest=digest, since=self.before, listed=bool(self.listed))
        return state.balances_recorded(now=self.clock.now()) if self.listed else state

    def chosen(self, state: SyncState) -> ConnectionChange:
        """The change of status if the user selected more accounts, whether or not the app reported that."""
        more = self.before.account_ids and set(self._ids(state)) - set(self.before.account_ids)
        found = self.status_events.apply(state.connection_id, StatusEvent.ACCOUNTS_CHOSEN) if more else None
        return found or ConnectionChange()

    def writes(self, state: SyncState, change: ConnectionChange) -> list[Write]:
        """All writes of the accounts, and of the connection with its other changes."""
        ids, accounts = self._ids(state), tuple[Account, ...]()
        if self.listed:
            accounts, marks = accounts_to_write(
                state.connection_id,
                state.app_user_id,
                [account for account in self.listed if account["account_id"] in ids],
                status=change.fields.get("status"),
                connections=self.status_events.connections,
            )
            came_or_went = {account["account_id"] for account in accounts} ^ {*state.account_ids}
            self.may_be_doubled = bool(came_or_went) or any(account["duplicate_of"] for account in accounts)
            change = replace(change, fields={**change.fields, "account_ids": ids}, marks=marks)
        # If an account was revoked meanwhile, its own commit removes it and notifies the user.
        gone = set(self.before.account_ids) - set(ids) - set(state.revoked_accounts)
        return [
            *(PutAccount(account) for account in accounts),
            *balances_to_record(accounts, state, now=self.clock.now()),
            *(DeleteAccount(account_id) for account_id in gone),
            *balances_to_delete(state.connection_id, gone, syncs=self.syncs),
            *change.writes(),
        ]

    def _ids(self, state: SyncState) -> tuple[str, ...]:
        return tuple(i for i in self.roster if i not in state.revoked_accounts)
