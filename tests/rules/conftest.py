"""The rules need Firestore alone: it takes the tokens of users whom no Auth has signed in."""

from __future__ import annotations

import pytest

from emulators.stack import Stack


@pytest.fixture(scope="session")
def stack(firestore_stack: Stack) -> Stack:
    """What these tests need of the emulators: Firestore alone."""
    return firestore_stack
