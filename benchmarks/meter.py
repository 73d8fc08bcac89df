"""Counts Firestore operations, where the library passes them to the transport."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from typing import Any

from google.cloud.firestore_v1.types import CommitRequest

from shared.adapters.firestore import commit

_send = commit.send


@dataclass
class Spent:
    """What production would bill: documents read (an empty query counts one) and written.

    `rows` counts the transactions among the written documents. `calls` counts round trips.
    """

    reads: int = 0
    writes: int = 0
    commits: int = 0
    rows: int = 0
    calls: int = 0

    def since(self, before: Spent) -> Spent:
        return Spent(*(now - then for now, then in zip(astuple(self), astuple(before), strict=True)))

    def copy(self) -> Spent:
        return replace(self)


class Metered:
    """Wraps the library's `_firestore_api` to count operations."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self.spent = Spent()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    def commit(self, *args: Any, **kwargs: Any) -> Any:
        answer = self._api.commit(*args, **kwargs)
        request = kwargs["request"]
        self._count(CommitRequest.pb(CommitRequest(request) if isinstance(request, dict) else request))
        return answer

    def send(self, client: Any, request: bytes) -> Any:
        """Counts the backend's own commits, which bypass the library's."""
        answer = _send(client, request)
        self._count(CommitRequest.pb().FromString(request))
        return answer

    def _count(self, request: Any) -> None:
        self.spent.commits += 1
        self.spent.calls += 1
        self.spent.writes += len(request.writes)
        self.spent.rows += sum("/bank_transactions/" in (write.delete or write.update.name) for write in request.writes)

    def batch_get_documents(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        self.spent.calls += 1
        for response in self._api.batch_get_documents(*args, **kwargs):
            if response.found or response.missing:
                self.spent.reads += 1
            yield response

    def run_query(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        found = 0
        self.spent.calls += 1
        for response in self._api.run_query(*args, **kwargs):
            found += bool(response.document)
            yield response
        self.spent.reads += found or 1


def metered(client: Any) -> Metered:
    """Installs a meter on a google-cloud-firestore client."""
    meter = Metered(client._firestore_api)  # noqa: SLF001 (all operations pass there)
    client._firestore_api_internal = meter  # noqa: SLF001
    commit.send = meter.send
    return meter
