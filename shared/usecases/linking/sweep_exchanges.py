"""Rolls back or reports interrupted exchanges that no client retried.

If the exchange has a token, its item is removed at Plaid. If it has none, a process may have died in the one window in
which a token can be lost: that is logged, and the user is asked to link again. The sweep also removes items of refused
exchanges that Plaid could not remove at once.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from shared.domain.credentials import is_lost, may_be_our_keys, unless_our_keys
from shared.domain.errors import BankError, Conflict, ErrorClass, ProviderError, ServiceError, Unavailable
from shared.domain.exchange import Intent
from shared.domain.item import ItemHeld
from shared.log import log
from shared.ports import Clock, Intents, Vault, Version
from shared.usecases.item_ownership import ItemOwnership
from shared.usecases.report_lost_exchange import ReportLostExchange, lost_entry

MAX_INTENTS = 200  # per run; the next run handles the rest
TIME = timedelta(minutes=2)  # of a run: while Plaid does not answer, each call takes half a minute to time out


@dataclass(frozen=True, slots=True)
class Swept:
    """The number of exchanges by outcome of a run."""

    removed: int = 0
    lost: int = 0
    postponed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepExchanges:
    """Rolls back or reports interrupted exchanges."""

    intents: Intents
    ownership: ItemOwnership
    vault: Vault
    report_lost: ReportLostExchange
    clock: Clock

    def __call__(self) -> Swept:
        """Handles the exchanges that are due, and reads only those. Idempotent.

        An exchange that its client resumes meanwhile is left to the client's call.
        """
        until = self.clock.now() + TIME
        ends = []
        for intent, version in self.intents.due(self.clock.now(), limit=MAX_INTENTS):
            if self.clock.now() > until:
                break
            ends.append(self._end(intent, version))
        swept = Swept(removed=ends.count("removed"), lost=ends.count("lost"), postponed=ends.count("postponed"))
        log.info("intents.swept", removed=swept.removed, lost=swept.lost, postponed=swept.postponed)
        return swept

    def _end(self, intent: Intent, version: Version) -> str:
        """Ends one exchange, and returns the outcome."""
        try:
            if intent.access_token is None:
                self.report_lost(intent, version)
                return "lost"
            return self._undo(intent, version)
        except Conflict:
            self._postpone(intent)  # no-op if the client resumed it; otherwise the commit may fail again and again
            return "left to its caller"
        except BankError as error:
            passes = isinstance(error, Unavailable) or (
                isinstance(error, ServiceError) and error.error_class in (ErrorClass.TRANSIENT, ErrorClass.USER)
            )
            report = log.warning if passes else log.error  # an operator must handle an item that cannot be removed
            report("intent.postponed", intent_id=intent.intent_id, item_id=intent.item_id, code=error.code)
        except Exception:  # noqa: BLE001 (one failing exchange must not stop the others)
            log.exception("intent.skipped", intent_id=intent.intent_id)
        self._postpone(intent)
        return "postponed"

    def _undo(self, intent: Intent, version: Version) -> str:
        """Removes the item and deletes the intent's token. An item that belongs to another connection stays."""
        try:
            return self._remove(intent, version)
        except ItemHeld as held:
            found = self.intents.find(intent.intent_id)
            if found is None or found[0].access_token is None:
                return "left to its caller"
            stored, version = found
            settled = stored.held_by(held.holder) if stored.answer is None else stored.removed()
            self.intents.update(settled, expected=version)
        log.info("intent.item_in_use", intent_id=intent.intent_id, item_id=intent.item_id)
        return "left to its connection"

    def _remove(self, intent: Intent, version: Version) -> str:
        """Removes the item. After the first commit, no call can resume the exchange and connect a removed item."""
        now = self.clock.now()
        self.ownership.claim(intent.holder())
        if intent.answer is None:
            claimed = intent.abandoned(now=now)
            version = self.intents.update(
                claimed, expected=version, audit=lost_entry(intent, "abandoned", clock=self.clock)
            )
        else:
            claimed = intent.postponed(now=now)
            version = self.intents.update(claimed, expected=version)
        assert intent.access_token is not None  # noqa: S101 (for the type checker: the caller checked it)
        token = self.vault.open(intent.access_token, app_user_id=intent.app_user_id, connection_id=intent.connection_id)
        lost = False
        try:
            self.ownership.remove(token, intent.holder())
        except ProviderError as error:
            if not may_be_our_keys(error):
                raise
            claimed = claimed.doubted(now=now)
            lost = is_lost(claimed.unknown_since, now=now)
            if not lost:
                self.intents.update(claimed, expected=version)
                raise unless_our_keys(error) from None
            log.error("exchange.orphan", item_id=intent.item_id, intent_id=intent.intent_id)
        self.ownership.release(intent.holder())
        if claimed.came_to_nothing:
            self.intents.forget(intent.intent_id, expected=version)
        else:
            self.intents.update(claimed.removed(), expected=version)
        if lost:
            return "lost"
        log.info("intent.item_removed", intent_id=intent.intent_id, item_id=intent.item_id)
        return "removed"

    def _postpone(self, intent: Intent) -> None:
        """Postpones an intent that is still due, so that it does not block later ones."""
        with suppress(Exception):  # then the intent stays due
            found = self.intents.find(intent.intent_id)
            now = self.clock.now()
            if found is not None and found[0].due_at is not None and found[0].due_at <= now:
                self.intents.update(found[0].postponed(now=now), expected=found[1])
