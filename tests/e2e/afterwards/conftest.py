"""Tests in this folder run once per stack, after all other tests on it."""

from __future__ import annotations

import pytest

from emulators.client import sign_up
from tests.e2e.bank import Bank
from tests.places import SEARCHED
from tests.refusals import UNKNOWN_TOKEN


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run once per group that has a stack. Without parallel workers all groups share one stack and one run."""
    metafunc.fixturenames.append("searched_group")
    parallel = hasattr(metafunc.config, "workerinput")
    metafunc.parametrize("searched_group", SEARCHED if parallel else ["all"])


@pytest.fixture(scope="session")
def groups_with_data() -> set[str]:
    return set()


@pytest.fixture
def used_stack(bank: Bank, request: pytest.FixtureRequest, groups_with_data: set[str]) -> None:
    """A stack with user data, whatever tests ran before: a linked bank, and many kinds of refused calls."""
    group = request.node.callspec.params["searched_group"]
    if group in groups_with_data:
        return
    groups_with_data.add(group)
    user = sign_up(bank.http, bank.stack.ports)
    made = bank.connect(user)
    bank.wait_until_synced(user, made["connection_id"])
    bank.rests(made["connection_id"])
    bank.rest("GET", "connect", None)
    bank.rest("GET", "nowhere", user)
    bank.rest("PUT", "set_access_token", user)
    bank.rest("POST", "set_access_token", user, json={})
    bank.rest("POST", "set_access_token", user, content="{", headers={"Content-Type": "application/json"})
    bank.exchange(user, UNKNOWN_TOKEN)
    bank.call("sync_connection", {"connection_id": "nothing"}, user)
