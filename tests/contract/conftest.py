"""The real store, for contract tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emulators.stack import Stack


@pytest.fixture(scope="session")
def stack(firestore_stack: Stack) -> Stack:
    """Start only Firestore of the emulators."""
    return firestore_stack


@pytest.fixture(scope="session")
def firestore_client(stack: Stack) -> Iterator[Any]:
    """The emulator's Firestore, as the functions use it."""
    from google.cloud import firestore

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{stack.ports.firestore}")
        client = firestore.Client(project="demo-bank")
    yield client
    client.close()  # type: ignore[no-untyped-call]
