"""The rules need only Firestore: it accepts ID tokens of users who never signed in through Auth."""

from __future__ import annotations

import pytest

from emulators.stack import Stack


@pytest.fixture(scope="session")
def stack(firestore_stack: Stack) -> Stack:
    """Start only Firestore of the emulators."""
    return firestore_stack
