"""The accounts that a sync reads, those that the user revoked, and those that may come back."""

from collections.abc import Collection, Iterable
from typing import Self

from shared.domain.state_group import Changes, StateGroup


class SyncAccounts(StateGroup):
    """The accounts of a sync.

    Attributes:
        account_ids: The accounts that the last run found.
        accounts_digest: Of the accounts as they were last written, so that unchanged ones are not written again.
        revoked_accounts: Accounts that were removed and must not come back.
        former_accounts: Accounts that were here once, and whose rows may be missing although the provider never named
            them as removed. If one of them is shared again, everything is read again.
    """

    account_ids: tuple[str, ...] = ()
    accounts_digest: str | None = None
    revoked_accounts: tuple[str, ...] = ()
    former_accounts: tuple[str, ...] = ()

    def remove_account(self, account_id: str) -> Self:
        """An account is removed: a run ignores whatever still comes of it."""
        return self._with(
            revoked_accounts=tuple(sorted({*self.revoked_accounts, account_id})),
            account_ids=tuple(i for i in self.account_ids if i != account_id),
        )

    def reselect_accounts(self) -> Self:
        """The user selected accounts again: the next run reads all of them, also those that were revoked."""
        former = tuple(sorted({*self.former_accounts, *self.revoked_accounts}))
        return self._with(accounts_digest=None, revoked_accounts=(), former_accounts=former)

    def _accounts_returned(self, account_ids: Collection[str]) -> Changes:
        """These are shared again, and everything is read again because of it."""
        return {"former_accounts": tuple(i for i in self.former_accounts if i not in account_ids)}

    def accounts_read(self, account_ids: Iterable[str], *, digest: str, since: "SyncAccounts") -> Self:
        """A run has read which accounts there are.

        Args:
            account_ids: What the provider listed.
            digest: Of how they look. It is dropped if the user selected accounts again meanwhile.
            since: The accounts when the run read them; they may have changed since.
        """
        listed = tuple(account_ids)
        selected_again = self.accounts_digest != since.accounts_digest
        former = {*self.former_accounts, *set(since.account_ids).difference(listed)}
        return self._with(
            account_ids=tuple(i for i in listed if i not in self.revoked_accounts),
            accounts_digest=None if selected_again else digest,
            former_accounts=tuple(sorted(former)),
        )
