"""The accounts that a sync reads, revoked accounts, and former accounts that may be shared again."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Self

from shared.domain.balance_history import day_of
from shared.domain.state_group import Changes, StateGroup


class SyncAccounts(StateGroup):
    """The accounts of a sync.

    Attributes:
        account_ids: The accounts that the last run found.
        accounts_digest: Digest of the accounts at the last write, so that unchanged accounts are not written again;
            None while the list must be read: it never was, or is outdated.
        revoked_accounts: Removed accounts that runs must ignore until they are shared again, whatever the provider
            still sends for them.
        former_accounts: Accounts that were shared before. Rows may be missing although the provider never reported
            them as removed, so if one is shared again, everything is read again.
    """

    account_ids: tuple[str, ...] = ()
    accounts_digest: str | None = None
    revoked_accounts: tuple[str, ...] = ()
    former_accounts: tuple[str, ...] = ()
    balances_day: str | None = None
    derived_accounts: tuple[str, ...] = ()

    def lacks_balances(self, account_id: str, *, now: datetime) -> bool:
        """Whether no balance of this account and day was recorded, as far as the state shows."""
        return self.balances_day != day_of(now) or account_id not in self.account_ids

    def balances_recorded(self, *, now: datetime) -> Self:
        """The balances of all accounts were recorded for this day."""
        return self._with(balances_day=day_of(now))

    def balances_derived(self, account_id: str) -> Self:
        """The earlier balances of an account were derived."""
        return self._with(derived_accounts=tuple(sorted({*self.derived_accounts, account_id})))

    def remove_account(self, account_id: str) -> Self:
        """Removes an account: runs ignore data that the provider still sends for it."""
        return self._with(
            revoked_accounts=tuple(sorted({*self.revoked_accounts, account_id})),
            former_accounts=tuple(i for i in self.former_accounts if i != account_id),
            account_ids=tuple(i for i in self.account_ids if i != account_id),
            derived_accounts=tuple(i for i in self.derived_accounts if i != account_id),
        )

    def reselect_accounts(self) -> Self:
        """The user selected accounts again: the next run reads all of them, including revoked ones."""
        former = tuple(sorted({*self.former_accounts, *self.revoked_accounts}))
        return self._with(accounts_digest=None, revoked_accounts=(), former_accounts=former)

    def accounts_outdated(self) -> Self:
        """The provider has other accounts than are known: the next run reads the list."""
        return self._with(accounts_digest=None)

    def shared_again(self, account_ids: Iterable[str]) -> frozenset[str]:
        """The accounts that are shared again, of those that the provider lists.

        Users may share an account again at their bank, so that no app reports it:
        https://plaid.com/docs/api/items/#user_account_revoked. A revoked account counts as shared again only after it
        was missing from the list, because the provider may continue to list it.
        """
        return frozenset(account_ids).intersection(self.former_accounts)

    def _accounts_returned(self, account_ids: Collection[str]) -> Changes:
        """Accounts are shared again, so everything is read again."""
        return {
            "former_accounts": tuple(i for i in self.former_accounts if i not in account_ids),
            "revoked_accounts": tuple(i for i in self.revoked_accounts if i not in account_ids),
        }

    def accounts_read(
        self, account_ids: Iterable[str], *, digest: str | None, since: "SyncAccounts", listed: bool
    ) -> Self:
        """A run has read the list of accounts, or kept the one that was known.

        Args:
            account_ids: The accounts that the provider listed.
            digest: The digest of these accounts, discarded if the user selected accounts again during the run; None if
                the list still must be read.
            since: The accounts at the time of the read; they may have changed since.
            listed: Whether the provider was asked; if not, they are those that were known.
        """
        known = tuple(account_ids)
        selected_again = self.accounts_digest != since.accounts_digest
        shared_before = {*since.account_ids, *since.revoked_accounts} if listed else {*since.account_ids}
        former = {*self.former_accounts, *shared_before.difference(known)}
        return self._with(
            account_ids=tuple(i for i in known if i not in self.revoked_accounts),
            accounts_digest=None if selected_again else digest,
            former_accounts=tuple(sorted(former)),
            derived_accounts=tuple(i for i in self.derived_accounts if i in known),
        )
