"""Requests a refresh from the bank, within ceilings, since Plaid charges for each `/transactions/refresh`.

The run that holds the connection's lease counts the call before it makes it. So a crash can waste a call of the budget,
but never exceed it. A call that Plaid refuses was made, and stays counted.
"""

from dataclasses import dataclass

from shared.domain.bank_contact import ContactSource, is_banks_fault
from shared.domain.ceilings import RefreshCeilings
from shared.domain.errors import ProviderError, Unavailable
from shared.domain.plaid_token import PlaidToken
from shared.domain.status import breaks_login
from shared.domain.sync_state import SyncState
from shared.log import log
from shared.ports import Budgets, Clock, Plaid
from shared.usecases.sync.fenced_commits import FencedCommits


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionsRefresh:
    """Refreshes the transactions of connections, within the ceilings."""

    plaid: Plaid
    budgets: Budgets
    ceilings: RefreshCeilings
    clock: Clock

    def __call__(self, run: FencedCommits, token: PlaidToken) -> None:
        """Requests a refresh unless a ceiling is reached; then the run only reads the data that Plaid already has.

        Raises:
            ProviderError: The item itself cannot be used.
            LeaseLost: Another run took over; no refresh was requested.
            Unavailable: The state could not be written; no refresh was requested.
        """
        if (ceiling := self._reached(run.state)) is not None:
            log.info("sync.refresh_spared", ceiling=ceiling)
            return
        run.commit(lambda s: s.refreshing(now=self.clock.now()))
        try:
            self.plaid.refresh(token)
        except ProviderError as error:
            if breaks_login(error):
                raise
            if is_banks_fault(error):
                self._note(run, failed=True)
            log.info("sync.not_refreshed", error_code=error.error_code, request_id=error.request_id)
            return
        self._note(run, failed=False)
        run.commit(lambda s: s.refreshed(now=self.clock.now()))

    def _note(self, run: FencedCommits, *, failed: bool) -> None:
        """Records the outcome with the run's next commit: the sync that follows reads Plaid's cache, and hides it."""
        at = self.clock.now()
        run.note(lambda s: s.contacted(at=at, failed=failed, source=ContactSource.LIVE))

    def _reached(self, state: SyncState) -> str | None:
        """The ceiling that is reached; None if the call is allowed and was counted."""
        now = self.clock.now()
        if not state.may_refresh(now=now, spacing=self.ceilings.spacing):
            return "connection"
        user, project = self.ceilings.budgets(state.app_user_id)
        try:
            # The user's own budget comes first, so that one user's excess never exhausts the budget of the project.
            used_up = self.budgets.spend(user, project, now=now)
        except Unavailable:
            return "unknown"  # without a count there is no call; the sync itself continues
        return None if used_up is None else "user" if used_up is user else "project"
