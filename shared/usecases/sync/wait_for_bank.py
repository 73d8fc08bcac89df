"""Ends a run for which Plaid has no data yet."""

from dataclasses import dataclass
from datetime import timedelta

from shared.domain.plaid_token import PlaidToken
from shared.domain.progress import Stage
from shared.domain.retry_delays import TRIES_PER_ATTEMPT
from shared.domain.sync_state import SyncState
from shared.ports import Clock, Plaid, Syncs
from shared.usecases.apply_status_event import ConnectionChange, StatusEvents
from shared.usecases.mark_duplicates import settle_after_commit
from shared.usecases.sync.change_accounts import NO_PAGE, AccountsChange, read_accounts
from shared.usecases.sync.fenced_commits import FencedCommits
from shared.usecases.sync.report_late_history import history_delay
from shared.usecases.sync.run_claims import Outcome

QUICK_FOR = timedelta(hours=1)  # Plaid has first data seconds after a link; more calls later are not worth it


@dataclass(frozen=True, kw_only=True)
class WaitForBank:
    """Lets a run wait: a few retries in seconds; then a webhook or the scheduler starts the next run.

    After an hour, each run makes only one call; once the data is late, one run starts every few hours.
    """

    run: FencedCommits
    token: PlaidToken
    plaid: Plaid
    syncs: Syncs
    status_events: StatusEvents
    clock: Clock

    def __call__(self) -> Outcome:
        """Ends the run.

        Raises:
            ProviderError: Plaid refused the call for the accounts of a connection whose data is late.
            LeaseLost: Another run took over.
        """
        state = self.run.state
        delay = history_delay(state, status_events=self.status_events)
        is_new = state.wanted_since is not None and self.clock.now() - state.wanted_since < QUICK_FOR
        if is_new and not delay.late and state.tries + 1 < TRIES_PER_ATTEMPT:
            self.run.commit(lambda s: s.pause(now=self.clock.now(), stage=Stage.WAITING_FOR_BANK))
            return Outcome.RETRY
        is_unknown = state.accounts_digest is None and not state.history_complete
        accounts = self._accounts() if delay.late and is_unknown else None
        if accounts is None:
            self.run.commit(lambda s: s.wait_for_bank(now=self.clock.now(), late=delay.late), delay.change.writes)
        else:
            self._record(accounts, delay.change)
        return Outcome.DONE

    def _accounts(self) -> AccountsChange | None:
        """The accounts, read once: a bank whose history is late for weeks still shows those that its user selected.

        None if Plaid does not answer now, or names no account: such an answer deletes nothing.
        """
        facts = read_accounts(self.plaid, self.token)
        if facts is None or not facts.accounts:
            return None
        return AccountsChange(
            before=self.run.state,
            listed=facts.accounts,
            roster=tuple(account["account_id"] for account in facts.accounts),
            status_events=self.status_events,
            syncs=self.syncs,
            clock=self.clock,
        )

    def _record(self, accounts: AccountsChange, change: ConnectionChange) -> None:
        def step(state: SyncState) -> SyncState:
            return accounts.read_into(state, digest=NO_PAGE).wait_for_bank(now=self.clock.now(), late=True)

        self.run.commit(step, lambda: accounts.writes(self.run.state, change))
        if accounts.may_be_doubled:
            settle_after_commit(self.run.state.app_user_id, connections=self.status_events.connections)
