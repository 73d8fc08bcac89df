"""Completes a run: writes the remaining rows, the removals, the accounts and the connection, and last the cursor."""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from shared.domain.account import Account
from shared.domain.bank_contact import ContactSource
from shared.domain.errors import CommitTooLarge
from shared.domain.plaid_token import PlaidToken
from shared.domain.status import StatusEvent
from shared.domain.sync_state import SyncState
from shared.domain.transaction import History, Page, Transaction
from shared.log import log
from shared.ports import (
    DeleteHandover,
    Plaid,
    Syncs,
    Write,
)
from shared.usecases.apply_status_event import ConnectionChange, StatusEvents
from shared.usecases.mark_duplicates import settle_after_commit
from shared.usecases.sync.change_accounts import AccountsChange, read_accounts
from shared.usecases.sync.change_loop import ChangeLoop
from shared.usecases.sync.fenced_commits import FencedCommits
from shared.usecases.sync.ghost_rows import ghost_rows
from shared.usecases.sync.report_late_history import HistoryDelay, history_delay
from shared.usecases.sync.write_changes import ChangeWriter, fit_one_commit


class AccountsReturned(Exception):
    """Accounts are shared again whose rows this backend removed or ignored, though Plaid did not remove them."""

    def __init__(self, account_ids: frozenset[str]) -> None:
        super().__init__()
        self.account_ids = account_ids


@dataclass(kw_only=True)
class RunCompletion:
    """Completes one run, once one of its loops has read the last page.

    Attributes:
        run: Commits with the run's lease.
        token: The item's access token.
        plaid: Plaid.
        syncs: The stored rows.
        status_events: Applies the outcome of the run to the connection.
        writer: Writes rows.
        moved: Whether the item's institution has changed.
    """

    run: FencedCommits
    token: PlaidToken
    plaid: Plaid
    syncs: Syncs
    status_events: StatusEvents
    writer: ChangeWriter
    moved: bool = False

    def complete(self, loop: ChangeLoop, page: Page, cursor: str | None) -> None:
        """Writes everything that is left, in one commit if it fits.

        Args:
            loop: The loop, read to its end.
            page: Its last page.
            cursor: The first cursor of the next loop.

        Raises:
            AccountsReturned: Everything must be read again; the cursor was not written.
            ProviderError: Plaid refused the call for the accounts.
            LeaseLost: Another run took over.
        """
        before = self.run.state
        accounts, digest = self._accounts(loop, page)
        roster = tuple(account["account_id"] for account in accounts) if accounts else before.account_ids
        if returned := before.shared_again(roster):
            raise AccountsReturned(returned)
        unlisted = _unlisted(page, before, roster) if accounts else frozenset[str]()
        ghosts = ghost_rows(loop, before, unlisted=unlisted, syncs=self.syncs)
        removed = loop.changes.removed = loop.changes.removed | ghosts
        loop.aside.end(before, unlisted=unlisted)
        self.writer.put_aside(loop)
        history_complete = page.history is History.COMPLETE
        arrived = history_complete or before.history_complete
        last = _LastCommit(
            run=self.run,
            loop=loop,
            writer=self.writer,
            status_events=self.status_events,
            before=before,
            accounts=self._change_of(before, accounts, roster),
            accounts_digest=digest,
            cursor=cursor,
            history_complete=history_complete,
            delay=HistoryDelay() if arrived else history_delay(before, status_events=self.status_events),
            moved=self.moved,
        )
        if not self._complete_at_once(loop, last, sorted(removed)):
            self.writer.stream(loop)
            self.writer.remove(loop, sorted(removed))
            self.run.commit(last.step, lambda: last.writes((), ()))
        if last.accounts.may_be_doubled:
            settle_after_commit(before.app_user_id, connections=self.status_events.connections)
        if loop.delivered is not None:
            repaired, surplus = self.writer.written_rows, len(removed)
            log.info("sync.reconciled", rows=len(loop.delivered), repaired=repaired, surplus=surplus)

    def _change_of(self, before: SyncState, accounts: Sequence[Account], roster: tuple[str, ...]) -> AccountsChange:
        return AccountsChange(
            before=before,
            listed=accounts,
            roster=roster,
            status_events=self.status_events,
            syncs=self.syncs,
            clock=self.writer.clock,
        )

    def _complete_at_once(self, loop: ChangeLoop, last: "_LastCommit", removed: Sequence[str]) -> bool:
        """Writes everything in one commit, so that a listener never sees only a part; False if it does not fit."""
        if not fit_one_commit(len(loop.changes.upserts) + len(removed)):
            return False
        rows = self.writer.changed_rows(loop)
        try:
            self.run.commit(last.step, lambda: last.writes(rows, removed))
        except CommitTooLarge as error:
            log.info("sync.streamed", reason=type(error).__name__)
            return False
        return True

    def _accounts(self, loop: ChangeLoop, page: Page) -> tuple[list[Account], str | None]:
        """All accounts if anything changed, else none. Calls Plaid: a page names only accounts with transactions."""
        state = self.run.state
        digest = hashlib.sha256(json.dumps(page.accounts, sort_keys=True).encode()).hexdigest()
        if digest == state.accounts_digest and not (loop.counts.added or loop.counts.modified):
            return [], digest
        # Without the list, accounts that are shared again would stay without rows until the next run.
        is_needed = state.accounts_digest is None and bool(state.former_accounts)
        facts = read_accounts(self.plaid, self.token, is_needed=is_needed)
        if facts is None:
            return [], state.accounts_digest
        self.moved = state.source is not None and facts.institution_id not in (None, state.source)
        return facts.accounts, digest


def _unlisted(page: Page, before: SyncState, roster: Collection[str]) -> frozenset[str]:
    """The accounts that are gone without a word in the change log, because the user shares no account that it covers.

    Then Plaid answers with complete history and an empty cursor, for ever, and no rows are reported as removed.
    """
    covered = page.next_cursor is not None or page.history is not History.COMPLETE
    return frozenset() if covered else frozenset((*before.account_ids, *before.former_accounts)).difference(roster)


@dataclass(kw_only=True)
class _LastCommit:
    """The commit that stores the cursor. Each try makes the writes again, since requests may arrive in between."""

    run: FencedCommits
    loop: ChangeLoop
    writer: ChangeWriter
    status_events: StatusEvents
    before: SyncState
    accounts: AccountsChange
    accounts_digest: str | None
    cursor: str | None
    history_complete: bool
    delay: HistoryDelay
    moved: bool

    def step(self, state: SyncState) -> SyncState:
        """The transition to `completed`."""
        if self.moved:
            state = state.model_copy(update={"is_set_up": False})  # the set-up then looks up the new institution
        state = self.accounts.read_into(state, digest=self.accounts_digest)
        if not state.history_complete:  # Plaid extracts the history at the bank
            state = state.contacted(at=self.writer.clock.now(), failed=False, source=ContactSource.LIVE)
        return state.complete(
            now=self.writer.clock.now(),
            cursor=self.cursor,
            history_complete=self.history_complete,
            late=self.delay.late,
            counts=replace(self.loop.counts, set_aside=self.loop.aside.count),
        )

    def writes(self, rows: Sequence[Transaction], removed: Sequence[str]) -> list[Write]:
        """All writes of the commit that stores the cursor."""
        state, now = self.run.state, self.writer.clock.now()
        removals, lost_notes = self.writer.removals(self.loop, removed)
        change = self._change()
        change = replace(
            change,
            fields={**change.fields, "last_sync": now, "updated_at": now},
            notifications=(*lost_notes, *change.notifications),
        )
        return [
            *removals.writes(self.writer.upserts(self.loop, rows, mark=False)),
            *([DeleteHandover()] if self.before.handover is not None else []),
            *self.accounts.writes(state, change),
        ]

    def _change(self) -> ConnectionChange:
        """The change of the connection at the end of this run.

        It works again, the user selected more accounts, or its history is complete or late.
        """
        state, change = self.run.state, ConnectionChange()
        if state.clears_error_on_success:
            change = self.status_events.apply(state.connection_id, StatusEvent.WORKING) or change
        if not change.fields:
            change = self.accounts.chosen(state)
        history = self._history_change()
        return replace(
            change,
            fields={**change.fields, **history.fields},
            notifications=(*change.notifications, *history.notifications),
        )

    def _history_change(self) -> ConnectionChange:
        if not self.history_complete or self.run.state.history_complete:
            return self.delay.change
        news = self.status_events.announce_first_sync(self.run.state.connection_id)
        return ConnectionChange(fields={"history_late": False}, notifications=(news,) if news else ())
