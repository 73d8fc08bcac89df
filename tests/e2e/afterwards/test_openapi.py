"""Every answer of the functions to any test on the running stack is described in docs/api/openapi.json."""

from __future__ import annotations

import httpx
import pytest

from emulators.client import User
from tests.e2e.bank import Bank
from tests.openapi import Described

pytestmark = pytest.mark.usefixtures("used_stack")


def test_every_answer_of_the_running_functions_is_described(
    bank: Bank, user: User, answers: list[httpx.Response]
) -> None:
    bank.rest("GET", "connect", user)
    bank.call("create_link_token", {}, user)
    bank.rest("GET", "connect", None)
    bank.rest("PUT", "set_access_token", user)
    bank.rest("GET", "nowhere", user)
    described, found, looked_at = Described(), [], 0
    for answer in answers:
        if answer.request.method == "OPTIONS" or "X-Request-Id" not in answer.headers:  # not a function's answer
            continue
        looked_at += 1
        url = str(answer.request.url)
        found += described.complaints(answer.request.method, url, answer.status_code, answer.headers, answer.content)
    assert found == []
    assert looked_at >= 5
