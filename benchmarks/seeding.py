"""Fills the database as fast as possible with the documents for the sweep and the purge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from benchmarks.process import Json, serve
from shared.adapters.firestore.commit import Batch
from shared.domain.plaid_token import PlaidToken
from shared.domain.progress import SyncStatus
from shared.domain.region import Region
from shared.domain.sync_state import SyncState
from shared.serving import container

AT_ONCE = 500
Written = tuple[str, dict[str, Any]]


def put(documents: Iterable[Written]) -> None:
    """Writes documents, two commits at a time."""

    def commit(some: list[Written]) -> None:
        batch = Batch(container.firestore_client())
        for path, fields in some:
            batch.replace(path, fields)
        batch.commit()

    with ThreadPoolExecutor(2) as pool:
        waiting: list[Any] = []
        for some in _chunks(documents):
            waiting.append(pool.submit(commit, some))
            if len(waiting) > 3:
                waiting.pop(0).result()
        for one in waiting:
            one.result()


def _chunks(documents: Iterable[Written]) -> Iterator[list[Written]]:
    left = iter(documents)
    while some := list(islice(left, AT_ONCE)):
        yield some


def states(count: int, due: int) -> Json:
    """Creates synced connections with evenly spread polls, some of which are due."""
    now = datetime.now(UTC)

    def documents() -> Iterator[Written]:
        new = SyncState.new(connection_id="", app_user_id="", account_ids=("a", "b"), now=now - timedelta(days=9))
        for number in range(count):
            is_due = number * due // count != (number + 1) * due // count
            later = timedelta(hours=1 + number % 11)
            state = new.model_copy(
                update={
                    "connection_id": f"{number:08d}",
                    "app_user_id": f"user-{number // 2}",
                    "status": SyncStatus.COMPLETED,
                    "history_complete": True,
                    "cursor": "c" * 120,
                    "run": 40,
                    "is_set_up": True,
                    "served": 40,
                    "requested": 40,
                    "due_at": now - timedelta(minutes=5) if is_due else now + later,
                }
            )
            yield f"bank_sync_state/{state.connection_id}", state.model_dump()

    put(documents())
    return {"count": count}


def rows(connection_id: str, count: int, access_token: str) -> Json:
    """Creates a connection's transactions: copies of one page of an item under different ids."""
    page = container.plaid().changes(PlaidToken(access_token, Region.US), cursor=None).added
    owner = {"connection_id": connection_id, "app_user_id": "benchmark"}
    root = f"bank_connections/{connection_id}/bank_transactions"
    names = [f"{number * 7919 % count:06d}{page[number % len(page)]['transaction_id'][6:]}" for number in range(count)]
    put((f"{root}/{name}", {**page[i % len(page)], **owner, "transaction_id": name}) for i, name in enumerate(names))
    return {"count": count}


if __name__ == "__main__":
    serve({"states": states, "rows": rows})
