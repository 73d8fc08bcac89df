"""Old work that a sweep cannot settle never starves younger work: one table covers every sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.audit_chain import Checkpoint
from shared.domain.errors import Conflict, ErrorClass, Unavailable
from shared.domain.exchange import RESUMABLE_FOR
from shared.domain.institution import FRESH_FOR
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import KeyPairs, Region
from shared.domain.removal import Removal, RemovalReason
from shared.domain.sync_state import SyncState
from shared.ports import Delivery
from shared.usecases.audit import sign_audit
from shared.usecases.due_pages import due_pages
from shared.usecases.items import daily_checks as daily_checks_module
from shared.usecases.items import sweep_inbox
from shared.usecases.items.daily_checks import DailyChecks
from shared.usecases.linking import refresh_institutions
from shared.usecases.linking import sweep_exchanges as sweep_exchanges_module
from shared.usecases.removal import sweep_removals
from shared.usecases.sync import schedule_syncs
from shared.usecases.tokens import reencrypt_tokens
from shared.usecases.tokens import request_rotation as request_rotation_module
from shared.usecases.tokens.reencrypt_tokens import Reencryption
from tests.fake_seals import FakeSeals
from tests.fakes import FakeInstitutions, FakeVault, institution, problem, vault_problem
from tests.usecases.conftest import World
from tests.usecases.linking.test_sweep_exchanges import interrupted_exchange
from tests.usecases.linking_ground import new_world, sweep

STUCK = 10
SMALL = 3  # each sweep's page size in these tests
RUNS = STUCK  # the most scheduler runs that younger work may wait
A_TICK = timedelta(minutes=15)


@dataclass
class Sweep:
    """One scheduler run of a sweep, and whether the younger work was handled."""

    run: Callable[[], object]
    handled: Callable[[], bool]
    every: timedelta = A_TICK


def inbox(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    patch.setattr(sweep_inbox, "PAGE", SMALL)
    for number in range(STUCK + 1):
        at = world.clock.now() + timedelta(seconds=number)
        world.inbox.record(Delivery(f"d{number:02}", {}, at, connection_id="c", due_at=at))
    world.clock.move(A_TICK)

    def run() -> None:
        world.sweep_inbox()

    return Sweep(run, lambda: {"delivery_id": f"d{STUCK}"} in [payload for _, payload in world.queue.others])


def inbox_of_a_closed_queue(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    """The queue refuses the older deliveries."""
    found = inbox(world, patch)
    really = world.queue.add

    def add(function: str, payload: Any, *, name: str) -> None:
        if payload != {"delivery_id": f"d{STUCK}"}:
            raise Unavailable("no", code="queue_down")
        really(function, payload, name=name)

    patch.setattr(world.queue, "add", add)
    return found


def states(world: World, change: Callable[[SyncState], dict[str, Any]]) -> Sweep:
    """Connections whose syncs are due; the older ones have changes."""
    for number in range(STUCK + 1):
        world.connected(f"c{number:02}")
        loaded = world.store.states[f"c{number:02}"]
        due = {"due_at": world.clock.now() + timedelta(seconds=number)}
        more = change(loaded.state) if number < STUCK else {}
        world.store.states[f"c{number:02}"] = replace(loaded, state=loaded.state.model_copy(update=due | more))
    world.queue.tasks.clear()
    world.clock.move(A_TICK)
    return Sweep(world.tick, lambda: f"c{STUCK}" in [connection for _, connection in world.queue.tasks])


def stopped_syncs(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    patch.setattr(schedule_syncs, "PAGE", SMALL)
    return states(world, lambda _: {"stopped": True})


def leased_syncs(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    patch.setattr(schedule_syncs, "PAGE", SMALL)
    return states(world, lambda _: {"lease_expires_at": world.clock.now() + timedelta(days=9), "lease_owner": "run"})


def syncs_that_fail(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    """Their states cannot be stored, and so cannot be deferred."""
    patch.setattr(schedule_syncs, "PAGE", SMALL)
    found, really = states(world, lambda _: {}), world.store.save

    def save(state: SyncState, **more: Any) -> Any:
        if state.connection_id != f"c{STUCK}":
            raise ZeroDivisionError
        return really(state, **more)

    patch.setattr(world.store, "save", save)
    return found


def intents(world: World, patch: pytest.MonkeyPatch, *, trouble: Exception) -> Sweep:
    patch.setattr(sweep_exchanges_module, "MAX_INTENTS", SMALL)
    for number in range(STUCK + 1):
        interrupted_exchange(world, "bank.accounts", f"{number:02}", user=f"user-{number}")
        world.clock.move(timedelta(seconds=1))
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))
    really = world.intents.update

    def update(intent: Any, **more: Any) -> Any:
        if intent.app_user_id != f"user-{STUCK}" and more.get("audit") is not None:
            raise trouble
        return really(intent, **more)

    patch.setattr(world.intents, "update", update)
    return Sweep(lambda: sweep(world), lambda: f"item-{STUCK}" in world.plaid.removed)


def intents_whose_audit_log_refuses(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    return intents(world, patch, trouble=Conflict())


def intents_that_fail(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    return intents(world, patch, trouble=ZeroDivisionError())


def removals(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    """Their tasks never settle them."""
    patch.setattr(sweep_removals, "PAGE", SMALL)
    for number in range(STUCK + 1):
        world.connected(f"c{number:02}")
        connection = world.store.connections[f"c{number:02}"]
        removal = Removal.of(connection, token=None, reason=RemovalReason.USER, now=world.clock.now())
        world.store.put_tombstone(removal)
        world.clock.move(timedelta(seconds=1))
    world.clock.move(A_TICK)
    return Sweep(world.tick, lambda: {"connection_id": f"c{STUCK}"} in [payload for _, payload in world.queue.others])


def erasures(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    patch.setattr(sweep_removals, "PAGE", SMALL)
    for number in range(STUCK + 1):
        world.connected(f"c{number:02}", owner=f"user-{number:02}")
        world.eraser.begin(f"user-{number:02}", reason=RemovalReason.ERASURE)
        world.clock.move(timedelta(seconds=1))
    world.queue.others.clear()
    world.clock.move(A_TICK)
    return Sweep(world.tick, lambda: {"app_user_id": f"user-{STUCK}"} in [payload for _, payload in world.queue.others])


def wanted_tokens(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    """Rotation requests that their tasks never settle."""
    patch.setattr(request_rotation_module, "PAGE", SMALL)
    for number in range(STUCK + 1):
        world.connected(f"c{number:02}")
        world.rotations.request(f"c{number:02}", by=Actor.OPERATOR)
        world.clock.move(timedelta(seconds=1))
    world.queue.others.clear()
    world.clock.move(A_TICK)
    return Sweep(
        world.rotations.sweep, lambda: {"connection_id": f"c{STUCK}"} in [payload for _, payload in world.queue.others]
    )


def aged_tokens(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    """Old tokens whose rotation never succeeds; each daily check takes a few."""
    for number in range(STUCK + 1):
        world.connected(f"c{number:02}")
        world.clock.move(timedelta(seconds=1))
    world.clock.move(timedelta(days=100))

    def run() -> None:
        world.rotations.request_all_older_than(timedelta(days=90), limit=SMALL)

    def handled() -> bool:
        loaded = world.credentials.load(f"c{STUCK}")
        return loaded is not None and loaded[0].wanted_by is not None

    return Sweep(run, handled, every=timedelta(days=1))


def institutions(world: World, error: Any, *, first: int = STUCK) -> Sweep:
    cache = FakeInstitutions()
    for number in range(first + 1):
        at = world.clock.now() - FRESH_FOR - timedelta(days=1) + timedelta(minutes=number)
        cache.put(institution(f"ins_{number:02}", at=at))

    def answer(institution_id: str, **_: Any) -> Any:
        if institution_id != f"ins_{first:02}":
            raise error
        return institution(institution_id, at=world.clock.now())

    world.plaid.institution = answer  # type: ignore[method-assign]

    def run() -> None:
        refresh = refresh_institutions.RefreshInstitutions(
            key_pairs=KeyPairs(), country_codes=("US",), institutions=cache, plaid=world.plaid, clock=world.clock
        )
        refresh()

    fresh = cache.known[f"ins_{first:02}"].fetched_at
    return Sweep(run, lambda: cache.known[f"ins_{first:02}"].fetched_at > fresh, every=timedelta(days=1))


def institutions_that_plaid_fails_on(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    return institutions(world, problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))


def institutions_that_are_down(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    patch.setattr(refresh_institutions, "MAX_STALE", SMALL)
    return institutions(world, problem(ErrorClass.TRANSIENT, "INSTITUTION_DOWN"))


def seals_that_do_not_open(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    patch.setattr(reencrypt_tokens, "STEP", 2)
    seals, vault = FakeSeals(), FakeVault()
    for number in range(STUCK + 1):
        sealed = vault.seal(PlaidToken("token", Region.US), app_user_id="u", connection_id=f"c{number:02}")
        sealed = sealed.model_copy(update={"key_id": "old"})
        seals.put(f"bank_credentials/c{number:02}", sealed, app_user_id="u", connection_id=f"c{number:02}")
    really = vault.open

    def opens(sealed: Any, *, connection_id: str, **more: Any) -> Any:
        if connection_id != f"c{STUCK}":
            raise vault_problem(ErrorClass.CONFIGURATION, "UNOPENED")
        return really(sealed, connection_id=connection_id, **more)

    patch.setattr(vault, "open", opens)
    young = f"bank_credentials/c{STUCK}"
    return Sweep(
        lambda: Reencryption(seals=seals, vault=vault)(limit=SMALL),
        lambda: seals.places[young].sealed.key_id != "old",
        every=timedelta(days=1),
    )


def audit_logs(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    """The heads of the older logs cannot be read."""
    patch.setattr(sign_audit, "PAGE", SMALL)
    for number in range(STUCK + 1):
        world.store.write_down(
            AuditEntry(
                app_user_id=f"user-{number:02}",
                action=AuditAction.OPERATION,
                actor=Actor.OPERATOR,
                at=world.clock.now(),
            )
        )
    world.clock.move(timedelta(days=2))
    really = world.store.head

    def head(app_user_id: str) -> Any:
        if app_user_id != f"user-{STUCK}":
            raise ValueError("not a head")
        return really(app_user_id)

    patch.setattr(world.store, "head", head)

    class Signs:
        def sign(self, checkpoint: Checkpoint) -> Checkpoint:
            return checkpoint

        def is_signed(self, checkpoint: Checkpoint) -> bool:
            return True

    def run() -> None:
        sign_audit.SignAudit(audit=world.store, signer=Signs(), clock=world.clock)()

    return Sweep(run, lambda: f"user-{STUCK}" in world.store.signatures, every=timedelta(days=1))


def daily_checks(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    """The queue refuses the older connections, and their pages are abandoned."""
    patch.setattr(daily_checks_module, "PAGE", SMALL)
    for number in range(STUCK + 1):
        world.connected(f"c{number:02}")
    really, checked = world.queue.add, []

    def add(function: str, payload: Any, *, name: str) -> None:
        if function == "checkitem":
            if payload["connection_id"] != f"c{STUCK}":
                raise Unavailable("no", code="queue_down")
            checked.append(payload["connection_id"])
        really(function, payload, name=name)

    patch.setattr(world.queue, "add", add)
    monitor = DailyChecks(connections=world.store, tasks=world.queue, erase_missing_owners=lambda _: None)

    def run() -> None:
        monitor.start(world.clock.now())
        while pages := [payload for function, payload in world.queue.others if function == "checkitems"]:
            world.queue.others.clear()
            for page in pages:
                with pytest.raises(Unavailable):
                    monitor.page(page["turn"], page.get("after"))

    return Sweep(run, lambda: bool(checked), every=timedelta(days=1))


def owners_that_are_gone(world: World, patch: pytest.MonkeyPatch) -> Sweep:
    """The erasures of the older ones cannot start."""
    users = [f"user-{number:02}" for number in range(STUCK + 1)]
    for user in users:
        world.connected(f"of-{user}", owner=user)
    others = [f"user-that-is-there-{number}" for number in range(10 * STUCK)]
    patch.setattr(world.owners, "gone", lambda asked: set(asked) & set(users))
    really = world.eraser.erasures.begin

    def begin(erasure: Any, **more: Any) -> Any:
        if erasure.app_user_id != f"user-{STUCK}":
            raise Conflict
        return really(erasure, **more)

    patch.setattr(world.erasures, "begin", begin)

    def run() -> None:
        with pytest.raises(Unavailable):
            world.erase_missing_owners([*users, *others])

    return Sweep(run, lambda: f"user-{STUCK}" in world.erasures.kept, every=timedelta(days=1))


SWEEPS: list[Callable[[World, pytest.MonkeyPatch], Sweep]] = [
    inbox,
    inbox_of_a_closed_queue,
    stopped_syncs,
    leased_syncs,
    syncs_that_fail,
    intents_whose_audit_log_refuses,
    intents_that_fail,
    removals,
    erasures,
    wanted_tokens,
    aged_tokens,
    institutions_that_plaid_fails_on,
    institutions_that_are_down,
    seals_that_do_not_open,
    audit_logs,
    daily_checks,
    owners_that_are_gone,
]


@pytest.mark.parametrize("arrange", SWEEPS, ids=lambda arrange: arrange.__name__)
def test_older_items_that_cannot_be_settled_do_not_starve_a_younger_one(
    arrange: Callable[[World, pytest.MonkeyPatch], Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_world()
    swept = arrange(world, monkeypatch)
    for _ in range(RUNS):
        swept.run()
        if swept.handled():
            return
        world.clock.move(swept.every)
    raise AssertionError(f"the young one was not handled in {RUNS} scheduler runs")


def test_unsettled_delivery_is_retried_forever_with_growing_delays(world: World) -> None:
    at = world.clock.now()
    world.inbox.record(Delivery("d", {}, at, connection_id="c", due_at=at))
    enqueued = []
    for _ in range(4 * 24 * 7):  # a week
        world.clock.move(A_TICK)
        enqueued.append(world.sweep_inbox())
    assert enqueued[:4] == [1, 1, 0, 1]
    assert sum(enqueued[-96:]) == 1, "once on the last day"
    world.inbox.settle("d")
    world.clock.move(timedelta(days=2))
    assert world.sweep_inbox() == 0


def test_every_item_is_yielded_once_despite_stuck_items() -> None:
    items = list(range(11))
    fixed = {0, 1, 2, 3, 7, 8, 9}
    yielded: list[int] = []

    def due(limit: int) -> list[int]:
        return [item for item in items if item not in yielded or item in fixed][:limit]

    for page in due_pages(due, str, size=2):
        yielded += page
    assert yielded == items


def test_a_sweep_with_nothing_due_reads_once() -> None:
    asked: list[int] = []

    def due(limit: int) -> list[int]:
        asked.append(limit)
        return []

    assert list(due_pages(due, str, size=5)) == []
    assert asked == [5]
