"""The backend in a process of its own; the benchmarks request what the functions do."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

from benchmarks.meter import Metered, metered
from benchmarks.process import Json, Timed, peak_memory, serve
from shared.domain.overlap import LinkedAccount
from shared.domain.products.kinds import ProductKind
from shared.domain.products.product_state import product_id
from shared.domain.progress import SyncStatus
from shared.domain.removal import Removal, RemovalReason
from shared.serving import container, linking_container, products_container
from shared.usecases.linking.exchange_public_token import LinkedItem
from shared.usecases.linking.link_options import LinkOptions
from shared.usecases.sync.run_sync import RunSync

USER = "benchmark"
_meters: list[Metered] = []


def meter() -> Metered:
    """The meter of this process's Firestore client, installed on first use, so that timed runs have none."""
    if not _meters:
        _meters.append(metered(container.firestore_client()))
    return _meters[0]


def connect(public_token: str, *, user: str = USER, accounts: int = 0) -> Json:
    """Creates a connection as `exchange_public_token` does; if Link named accounts, it checks for duplicates."""
    linked = LinkedItem(
        public_token=public_token,
        institution_id="ins_109508",
        accounts=tuple(LinkedAccount(f"Account {n}", f"{n:04d}", account_id=f"account-{n}") for n in range(accounts)),
        allow_duplicate=not accounts,
    )
    return linking_container.exchange_public_token()(linked, app_user_id=user).answer


def counted(action: str, **arguments: Any) -> Json:
    """Runs an action and returns its Firestore counts."""
    spent = meter().spent
    before = spent.copy()
    answer = ACTIONS[action](**arguments)
    return {"answer": answer, **asdict(spent.since(before))}


def link_token(user: str) -> Json:
    """Creates a link token for a new bank, including the rate limit, as `create_link_token` does."""
    container.limits().spend(user, "link_token", per_minute=60, now=container.clock().now())
    made = linking_container.create_link_token()(LinkOptions(), app_user_id=user)
    return {"link_token": made.link_token}


def sync(connection_id: str, *, counted: bool = False) -> Json:
    """Runs a sync, as `synctransactions` does."""
    spent = meter().spent if counted else None
    before = spent.copy() if spent else None
    run = RunSync(
        connections=container.connections(),
        credentials=container.credentials(),
        syncs=container.syncs(),
        paused=container.recently_paused(),
        plaid=container.plaid(),
        refresh=container.transactions_refresh(),
        vault=container.vault(),
        queue=container.sync_queue(),
        tasks=container.tasks(),
        status_events=container.status_events(),
        clock=container.clock(),
        executors=container.executors(),
        sleep=_no_sleep,
        plan_products=products_container.plan_products().after_sync,
    )
    with Timed() as took:
        run(connection_id, delivery=f"benchmark#{uuid.uuid4().hex}")
    counts = asdict(spent.since(before)) if spent and before else {}  # the read below is not part of the run
    loaded = container.syncs().load(connection_id)
    if loaded is None or loaded.state.status is not SyncStatus.COMPLETED:
        raise AssertionError(f"the sync ended {loaded and loaded.state.status}: {loaded and loaded.state.error}")
    state = loaded.state
    return {
        "seconds": took.seconds,
        "cpu": took.cpu,
        "memory": peak_memory(),
        "added": state.added,
        "modified": state.modified,
        **counts,
    }


def product(connection_id: str, kind: str) -> Json:
    """Runs the sync of a product that was requested, as `syncproducts` does."""
    products_container.product_requests().by_operator(connection_id, [ProductKind(kind)])
    spent = meter().spent
    before = spent.copy()
    with Timed() as took:
        products_container.run_product()(connection_id, ProductKind(kind), delivery=f"benchmark#{uuid.uuid4().hex}")
    counts = asdict(spent.since(before))
    loaded = container.product_syncs().load(product_id(connection_id, ProductKind(kind)))
    if loaded is None or loaded.state.status is not SyncStatus.COMPLETED:
        raise AssertionError(f"the sync ended {loaded and loaded.state.status}: {loaded and loaded.state.error}")
    return {"product_rows": loaded.state.rows, "seconds": took.seconds, **counts}


def created(connection_id: str) -> Json:
    """Does the first step of the trigger on a new connection."""
    linking_container.start_first_sync()(connection_id)
    return {}


def state(connection_ids: list[str]) -> Json:
    """The sync status of some connections."""
    found = {}
    for connection_id in connection_ids:
        loaded = container.syncs().load(connection_id)
        assert loaded is not None  # noqa: S101
        found[connection_id] = [loaded.state.status, loaded.state.attempt, loaded.state.added]
    return found


def ask(connection_id: str) -> Json:
    """Requests a sync, as a webhook does."""
    loaded = container.syncs().load(connection_id)
    assert loaded is not None  # noqa: S101
    container.syncs().save(loaded.state.request(now=container.clock().now()), expected=loaded.version)
    return {}


def purge(connection_id: str) -> Json:
    """Deletes all documents of a connection, as `removeitem` does."""
    now = datetime.now(UTC)
    removal = Removal(
        connection_id=connection_id,
        app_user_id=USER,
        item_id="",
        reason=RemovalReason.USER,
        created_at=now,
        due_at=now,
    )
    with Timed() as took:
        container.connection_data().purge(removal)
    return {"seconds": took.seconds, "cpu": took.cpu}


def sweep() -> Json:
    """Runs `schedule_syncs` once, with a queue that only counts."""
    from shared.usecases.enqueue import enqueue_due
    from shared.usecases.sync.schedule_syncs import Scheduler

    spent = meter().spent
    before = spent.copy()
    with Timed() as took:
        enqueued = Scheduler(
            syncs=container.syncs(),
            paused=container.paused(),
            enqueue=partial(enqueue_due, CountingQueue()),
            clock=container.clock(),
            executors=container.executors(),
            at_once=16,
        ).run()
    return {"seconds": took.seconds, "memory": peak_memory(), "enqueued": enqueued, **asdict(spent.since(before))}


class CountingQueue:
    """The port `SyncQueue` without deliveries, because only the reads are measured."""

    def enqueue(self, connection_id: str, *, name: str, welcome: bool = False) -> None:
        """Discards the request."""


def _no_sleep(_seconds: float) -> None:
    """A rate limit without effect, because the simulator has no limits."""


ACTIONS: dict[str, Callable[..., Any]] = {
    "connect": connect,
    "counted": counted,
    "link_token": link_token,
    "sync": sync,
    "product": product,
    "created": created,
    "state": state,
    "ask": ask,
    "purge": purge,
    "sweep": sweep,
}

if __name__ == "__main__":
    serve(ACTIONS)
