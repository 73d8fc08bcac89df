"""The real store, for contract tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emulators.stack import Stack
from shared.adapters.firestore.queries import with_index_check

FIRST_ANSWER = 100.0  # seconds; on a busy machine the emulator's first answer takes longer than an adapter waits


@pytest.fixture(scope="session")
def stack(firestore_stack: Stack) -> Stack:
    """Start only Firestore of the emulators."""
    return firestore_stack


@pytest.fixture(scope="session")
def firestore_client(stack: Stack) -> Iterator[Any]:
    """The emulator's Firestore."""
    yield from _client(stack)


@pytest.fixture(scope="session")
def checked_client(stack: Stack) -> Iterator[Any]:
    """The emulator's Firestore as the functions use it: it refuses queries that production has no index for."""
    for client in _client(stack):
        yield with_index_check(client)


def _client(stack: Stack) -> Iterator[Any]:
    from google.cloud import firestore

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{stack.ports.firestore}")
        client = firestore.Client(project="demo-bank")
    client.collection("bank_ready").limit(1).get(timeout=FIRST_ANSWER)
    yield client
    client.close()  # type: ignore[no-untyped-call]
