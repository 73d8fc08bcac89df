"""Checks connections with /item/get, which is free: whether Plaid's latest update of each worked."""

import hashlib
import random
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from shared.domain.bank_contact import ContactSource, is_banks_fault
from shared.domain.errors import BankError, Conflict, ProviderError
from shared.domain.institution_health.counting import NEWEST
from shared.domain.institution_health.evidence import LONGEST_WINDOW, HealthState
from shared.domain.institution_health.record import HealthRecord, Watchlist
from shared.domain.institution_health.recovery import Probes
from shared.domain.institution_health.scope import CONTROLS, Control
from shared.ports import BankContacts, Clock, HealthRecords, ItemFacts, Plaid, Syncs
from shared.usecases.tokens.call_with_token import AccessTokens


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionProbes:
    """Checks connections, and records each result in the state of the connection's sync."""

    contacts: BankContacts
    records: HealthRecords
    syncs: Syncs
    plaid: Plaid
    access_tokens: AccessTokens
    clock: Clock

    def some_at(self, record: HealthRecord, *, count: int) -> Probes:
        """Checks some connections to an institution, others each time.

        During an outage these are connections that failed last: if part of a bank is down, the others always work.
        Before it is declared, they are connections without a recent result.
        """
        name = record.institution_id
        recent = self.contacts.latest(name, since=self.clock.now() - LONGEST_WINDOW, limit=NEWEST)
        chosen: list[str] = []
        if record.state in (HealthState.DOWN, HealthState.RECOVERING):
            failed = [one.connection_id for one in recent if one.failed]
            chosen = _from(failed, _chance())[:count]
        if not chosen:
            known = {one.connection_id for one in recent}
            found = self.contacts.some_at(name, start=_anywhere(), limit=count + len(known))
            chosen = sorted(found, key=known.__contains__)[:count]
        return self.of(chosen, record=record)

    def of(self, connection_ids: Iterable[str], *, record: HealthRecord) -> Probes:
        """Checks connections to an institution; a result that says nothing about the bank is not counted."""
        since = record.recovery.down_since if record.recovery is not None else None
        if record.state is not HealthState.DOWN:
            since = None
        worked = failed = 0
        for connection_id in connection_ids:
            update = self._update(connection_id)
            if update is None:
                continue
            failed += update.failed
            # While the bank is down, an update from before the outage proves nothing.
            worked += not update.failed and (since is None or update.at > since)
        return Probes(worked, failed)

    def controls(self, record: HealthRecord, watchlist: Watchlist) -> tuple[list[Control], int]:
        """Checks connections of other institutions, as many as possible; also returns how many there are."""
        chosen = self._healthy_others(record, watchlist)
        each = -(-CONTROLS // len(chosen)) if chosen else 0
        found: list[Control] = []
        asked = 0
        for other in chosen:
            connections = self.contacts.some_at(other.institution_id, start=_anywhere(), limit=each)
            asked += bool(connections)
            updates = [update for one in connections if (update := self._update(one)) is not None]
            found += [Control(other.institution_id, update.failed, other.baseline.share) for update in updates]
        return found[:CONTROLS], asked

    def _healthy_others(self, record: HealthRecord, watchlist: Watchlist) -> list[HealthRecord]:
        """Other institutions that may be controls, anywhere in the list.

        Suspected ones, too: while Plaid itself fails, all are suspected, and only they can show it.
        """
        others = (one for one in watchlist.institutions if one != record.institution_id)
        found: list[HealthRecord] = []
        for other in _from(list(others), _chance()):
            if len(found) == CONTROLS:
                break
            kept = self.records.load(other)
            known = kept[0] if kept is not None else HealthRecord(institution_id=other)
            if not known.is_unhealthy:
                found.append(known)
        return found

    def _update(self, connection_id: str) -> "_Update | None":
        """Plaid's latest update of a connection; None if that says nothing about its bank."""
        try:
            facts = self.access_tokens.call(connection_id, self.plaid.item)
        except ProviderError as error:
            update = _Update(self.clock.now(), failed=True) if is_banks_fault(error) else None
        except BankError:
            return None
        else:
            update = _latest(facts) if facts is not None else None
        if update is not None:
            with suppress(Conflict):  # a working run stores its own evidence
                self._record(connection_id, update)
        return update

    def _record(self, connection_id: str, update: "_Update") -> None:
        loaded = self.syncs.load(connection_id)
        if loaded is None:
            return
        state = loaded.state.contacted(
            at=update.at, failed=update.failed, source=ContactSource.ITEM, known_at=self.clock.now()
        )
        if state != loaded.state:
            self.syncs.save(state.touched(), expected=loaded.version)


@dataclass(frozen=True, slots=True)
class _Update:
    at: datetime
    failed: bool


def _latest(facts: ItemFacts) -> _Update | None:
    if facts.error is not None and not is_banks_fault(facts.error):
        return None  # the user's login, or our own keys
    worked, failed = facts.last_update, facts.last_failed_update
    if failed is not None and (worked is None or failed > worked):
        return _Update(failed, failed=True)
    return _Update(worked, failed=False) if worked is not None else None


def _anywhere() -> str:
    """Somewhere in the order of connection ids, which are hexadecimal."""
    return hashlib.sha256(str(_chance()).encode()).hexdigest()[:8]


def _chance() -> float:
    return random.random()  # noqa: S311 (no secret)


def _from(names: list[str], chance: float) -> list[str]:
    """The names, beginning anywhere."""
    start = int(chance * len(names))
    return names[start:] + names[:start]
