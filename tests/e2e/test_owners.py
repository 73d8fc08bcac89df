"""Firebase Auth reports which owners of connections have been deleted."""

from __future__ import annotations

import uuid

import httpx
import pytest

from emulators.client import sign_up
from emulators.stack import Stack
from tests.firebase import callers_of


def test_deleted_users_are_looked_up_in_batches(
    stack: Stack, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", f"127.0.0.1:{stack.ports.auth}")
    there = [sign_up(http, stack.ports).uid for _ in range(3)]
    gone = {f"{uuid.uuid4().hex}-{n}" for n in range(120)}
    with callers_of("demo-bank") as owners:
        assert owners.gone([*there, *gone, "", "x" * 129]) == gone
        assert owners.gone([]) == set()
