"""A commit is sent with the same headers as the library's own, and with the same retries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from google.cloud import firestore
from google.cloud.firestore_v1.types import CommitResponse, WriteResult

from shared.adapters.firestore import commit as firestore_commit
from shared.adapters.firestore.commit import Batch
from shared.domain.errors import AlreadyThere, CommitTooLarge, Conflict, NotStorable, Unavailable


@dataclass
class Server:
    """A Firestore server that only accepts commits, and answers as configured."""

    refuses: list[tuple[grpc.StatusCode, str]] = field(default_factory=list)
    hangs: float = 0.0
    requests: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    allowed: list[float] = field(default_factory=list)

    def commit(self, request: bytes, context: Any) -> bytes:
        self.requests.append(request)
        self.headers.append(dict(context.invocation_metadata()))
        self.allowed.append(context.time_remaining())
        time.sleep(self.hangs)
        if self.refuses:
            context.abort(*self.refuses.pop(0))
        answer = CommitResponse(write_results=[WriteResult(update_time={"seconds": 7})])
        return bytes(CommitResponse.serialize(answer))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    answering = Server()
    handler = grpc.unary_unary_rpc_method_handler(answering.commit)
    served = grpc.server(ThreadPoolExecutor(2))
    served.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("google.firestore.v1.Firestore", {"Commit": handler})]
    )
    port = served.add_insecure_port("127.0.0.1:0")
    served.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{port}")
    yield answering
    served.stop(None)


@pytest.fixture
def client(server: Server) -> firestore.Client:
    return firestore.Client(project="demo-bank")


@pytest.fixture
def commit(client: firestore.Client) -> Callable[[], Any]:
    def one() -> Any:
        batch = Batch(client)
        batch.replace("a/1", {"x": 1})
        return batch.commit()

    return one


def test_commit_has_the_headers_and_bytes_of_the_librarys(
    server: Server, client: firestore.Client, commit: Callable[[], Any]
) -> None:
    theirs = client.batch()
    theirs.set(client.document("a/1"), {"x": 1})
    theirs.commit()
    [version] = commit()
    assert version.seconds == 7
    own, library = server.headers[1], server.headers[0]
    assert {name: own.get(name) for name in library} == library
    assert own["x-goog-request-params"] == "database=projects/demo-bank/databases/%28default%29"
    assert server.requests[1] == server.requests[0]


def test_short_outage_is_retried_and_a_longer_one_is_raised(
    server: Server, commit: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.refuses = [(grpc.StatusCode.UNAVAILABLE, "in a moment")] * 2
    commit()
    assert len(server.requests) == 3
    most = firestore_commit.COMMIT_TIMEOUT_SECONDS + 1  # client and server round the deadline differently
    assert all(0 < seconds < most for seconds in server.allowed)
    monkeypatch.setattr(firestore_commit, "COMMIT_TIMEOUT_SECONDS", 0.2)
    server.hangs = 1.0
    with pytest.raises(Unavailable):
        commit()


@pytest.mark.parametrize(
    ("code", "words", "error"),
    [
        (grpc.StatusCode.ALREADY_EXISTS, "", AlreadyThere),
        (grpc.StatusCode.FAILED_PRECONDITION, "", Conflict),
        (grpc.StatusCode.NOT_FOUND, "", Conflict),
        (grpc.StatusCode.ABORTED, "", Conflict),
        (grpc.StatusCode.INVALID_ARGUMENT, "Transaction too big. Decrease transaction size.", CommitTooLarge),
        (grpc.StatusCode.INVALID_ARGUMENT, "maximum entity size is 1048576 bytes", NotStorable),
        (grpc.StatusCode.INTERNAL, "", Unavailable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "", Unavailable),
    ],
)
def test_each_refusal_has_its_own_error_and_is_not_retried(
    server: Server, commit: Callable[[], Any], code: grpc.StatusCode, words: str, error: type[Exception]
) -> None:
    server.refuses = [(code, words)]
    with pytest.raises(error):
        commit()
    assert len(server.requests) == 1
