"""Hostile requests to every HTTP function of the running stack, over REST and over the function's own URL."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from emulators.client import User, sign_up
from tests.e2e.bank import Bank
from tests.e2e.traces import documents_of
from tests.fuzz import FUNCTIONS, Wild, alerts, complaints, wild_requests
from tests.soak.ground import SOAK

pytestmark = pytest.mark.timeout(3600 if SOAK else 300)

EXAMPLES = 700 if SOAK else 12  # per function and kind of URL: more than 5,000 requests in all
SECONDS = 60.0  # a missing answer within this time is a failure; a loaded machine starts workers slowly
NOT_OURS = (400, 404, 414, 431)  # refusals by Hosting, the emulator or an HTTP server, in their own format


def left_of(bank: Bank, user: User, *connections: str) -> dict[str, str]:
    """A user's documents, except the rate limits, which count calls."""
    found = documents_of(bank, user, connections)
    return {path: text for path, text in found.items() if not path.startswith("bank_limits/")}


def decodes(path: str) -> bool:
    """Whether the percent-encoding of a path is valid."""
    try:
        unquote(path.partition("?")[0], errors="strict")
    except UnicodeDecodeError:
        return False
    return re.search(r"%(?![0-9a-fA-F]{2})", path.partition("?")[0]) is None


@pytest.fixture(scope="module")
def victim(bank: Bank) -> tuple[User, str]:
    """A user with an idle connection."""
    user = sign_up(bank.http, bank.stack.ports)
    connection_id = bank.connect(user, webhook=False)["connection_id"]
    bank.wait_until_synced(user, connection_id)
    bank.rests_with_balances(connection_id)
    return user, connection_id


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_request_is_answered_and_refused_requests_have_no_effect(
    bank: Bank, function: str, victim: tuple[User, str], rng: Random, tell: Callable[[str], None]
) -> None:
    them, connection_id = victim
    us = sign_up(bank.http, bank.stack.ports)
    good = us.headers["Authorization"]
    authorizations = (
        good,
        good,
        good,
        good,
        good.replace("Bearer", "bearer"),
        f"{good}x",
        "Bearer",
        "Basic eA==",
        None,
    )
    before = left_of(bank, them, connection_id)
    printed = bank.stack.logs / "emulators.log"
    read_so_far = printed.stat().st_size
    hosting, functions = bank.stack.ports.url("hosting"), bank.function_url(function)
    answers: Counter[int] = Counter()
    longest, closed = 0.0, list[str]()

    @seed(rng.getrandbits(32))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(wild_requests(function, authorizations=authorizations))
    def ask(wild: Wild) -> None:
        nonlocal longest
        path = wild.path.replace("of-another", connection_id)
        # Hosting's emulator itself answers 500 to invalid UTF-8; send that to the function's own URL.
        url = f"{hosting}{path}" if path.startswith("/api") and decodes(path) else f"{functions}{path}"
        headers = {**wild.headers, "User-Agent": wild.headers.get("User-Agent", "fuzz")}
        began = time.monotonic()
        try:
            answer = bank.http.request(wild.method, url, headers=headers, content=wild.body, timeout=SECONDS)
        except httpx.LocalProtocolError:
            return  # this is not valid HTTP
        except (httpx.RemoteProtocolError, httpx.NetworkError):
            # A server in front of the function may close the connection: for an unknown method, or a body it will not
            # read.
            assert wild.method == "BREW" or len(wild.body) > 60_000
            closed.append(wild.method)
            return
        longest = max(longest, time.monotonic() - began)
        answers[answer.status_code] += 1
        ours = answer.headers.get("Content-Type") == "application/json" or answer.status_code not in NOT_OURS
        assert complaints(wild, answer.status_code, answer.text, ours=ours) == []

    bank.http.get(f"{bank.function_url(function)}/__/health", timeout=SECONDS)  # the start of a worker is not timed
    ask()
    tell(f"{function}: {dict(sorted(answers.items()))}, longest {longest:.1f} s, closed {len(closed)}")
    assert sum(answers.values()) > EXAMPLES // 2
    with printed.open("rb") as lines:
        lines.seek(read_so_far)
        ours = [line for line in alerts(lines.read().decode(errors="replace").splitlines()) if f'"{function}"' in line]
    assert ours == [], "no input of a caller alerts an operator"
    assert left_of(bank, them, connection_id) == before
    if function != "delete_bank_data":  # which a well-formed request may start
        left = left_of(bank, us)
        assert {path for path in left if not path.startswith("bank_link_sessions/")} == set()
