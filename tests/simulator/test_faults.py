"""Ordered faults as a client sees them on the wire; rate limits; counters."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from emulators.plaid.errors import CATALOGUE
from emulators.plaid.limits import LIMITS

from .harness import Json, Linked, Refused, Sim


@pytest.fixture
def item(sim: Sim) -> Linked:
    return sim.link()


def order(sim: Sim, kind: str, **more: Any) -> None:
    sim.control("/faults", kind=kind, **more)


@contextmanager
def under_way(sim: Sim, item: Linked, path: str) -> Iterator[Future[Json]]:
    """Make a call from another client, until the simulator has received it: it counts a call before it delays it."""

    def calls() -> int:
        return int(sim.look("/counters")["items"].get(item.item_id, {}).get(path, 0))

    def call() -> Json:
        with httpx.Client(trust_env=False, timeout=60) as http:
            return Sim(sim.url, http).call(path, access_token=item.access_token)

    before = calls()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(call)
        while calls() == before:
            time.sleep(0.01)
        yield answer


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_any_error_can_be_ordered(sim: Sim, item: Linked, code: str) -> None:
    order(sim, "error", error_code=code, endpoint="/accounts/get")
    with pytest.raises(Refused) as refused:
        item.call("/accounts/get")
    known = CATALOGUE[code]
    got = refused.value
    assert (got.status, got.code, got.body["error_type"]) == (known.status, code, known.error_type)
    assert len(got.body) == 7
    assert item.call("/accounts/get")["accounts"]


def test_institution_errors_are_http_400_and_outages_are_not(sim: Sim) -> None:
    assert {CATALOGUE[code].status for code in CATALOGUE if code.startswith("INSTITUTION_")} == {400, 429}
    assert CATALOGUE["INSTITUTION_RATE_LIMIT"].status == 429
    assert CATALOGUE["INTERNAL_SERVER_ERROR"].status == 500
    assert CATALOGUE["PLANNED_MAINTENANCE"].status == 503


def test_an_unknown_error_can_be_ordered_too(sim: Sim, item: Linked) -> None:
    order(sim, "error", error_code="NEW_CODE", error_type="ITEM_ERROR", status=400, error_message="new")
    with pytest.raises(Refused) as refused:
        item.call("/accounts/get")
    assert (refused.value.code, refused.value.body["error_type"]) == ("NEW_CODE", "ITEM_ERROR")


def test_a_fault_strikes_n_times_at_one_endpoint_of_one_item(sim: Sim, item: Linked) -> None:
    other = sim.link()
    order(sim, "error", endpoint="/accounts/get", item_id=item.item_id, times=2)
    assert other.call("/accounts/get")
    assert item.call("/item/get")
    for _ in range(2):
        with pytest.raises(Refused):
            item.call("/accounts/get")
    assert item.call("/accounts/get")
    assert sim.look("/faults") == {"faults": []}


def test_a_fault_may_strike_at_a_rate(sim: Sim, item: Linked) -> None:
    order(sim, "error", rate=0.5, times=None)
    outcomes = []
    for _ in range(60):
        try:
            item.call("/item/get")
            outcomes.append(True)
        except Refused:
            outcomes.append(False)
    assert 8 < sum(outcomes) < 52
    assert sim.http.delete(f"{sim.url}/_sim/faults").json() == {"faults": []}
    assert item.call("/item/get")


def test_latency(sim: Sim, item: Linked) -> None:
    order(sim, "latency", seconds=0.3)
    began = time.monotonic()
    assert item.call("/item/get")
    assert time.monotonic() - began >= 0.3


def test_moving_the_clock_ends_a_latency(sim: Sim, item: Linked) -> None:
    order(sim, "latency", seconds=3600, endpoint="/item/get")
    with under_way(sim, item, "/item/get") as answer:
        assert item.call("/accounts/get")["accounts"]
        assert not answer.done()
        sim.advance(3600)
        assert answer.result(timeout=30)["item"]["item_id"] == item.item_id


def test_a_reset_ends_a_latency(sim: Sim, item: Linked) -> None:
    order(sim, "latency", seconds=3600, endpoint="/item/get")
    with under_way(sim, item, "/item/get") as answer:
        sim.control("/reset")
        with pytest.raises(Refused):
            answer.result(timeout=30)


def test_a_hanging_call_lets_others_pass(sim: Sim, item: Linked) -> None:
    order(sim, "hang", endpoint="/accounts/get")
    with httpx.Client(trust_env=False, timeout=0.3) as impatient, pytest.raises(httpx.ReadTimeout):
        Sim(sim.url, impatient).call("/accounts/get", access_token=item.access_token)
    assert item.call("/accounts/get")


def test_item_can_be_removed_while_a_call_is_running(sim: Sim, item: Linked) -> None:
    order(sim, "latency", seconds=3600, endpoint="/accounts/get")
    with under_way(sim, item, "/accounts/get") as answer:
        item.call("/item/remove")
        sim.advance(3600)
        with pytest.raises(Refused) as refused:
            answer.result(timeout=30)
    assert refused.value.code == "ITEM_CONCURRENTLY_DELETED"


def test_a_reset_connection(sim: Sim, item: Linked) -> None:
    order(sim, "reset")
    with pytest.raises(httpx.ReadError, match="reset"):
        item.call("/item/get")
    assert item.call("/item/get")


def test_truncated_body(sim: Sim, item: Linked) -> None:
    order(sim, "half_body", after=True)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        item.call("/accounts/get")
    assert item.call("/item/get")


def test_a_proxys_html(sim: Sim, item: Linked) -> None:
    order(sim, "html_502")
    answer = sim.post("/item/get", {"access_token": item.access_token})
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert "<html>" in answer.text


@pytest.mark.parametrize("retry_after", [None, 7])
def test_a_rate_limit_with_and_without_retry_after(sim: Sim, item: Linked, retry_after: int | None) -> None:
    order(sim, "rate_limit", error_code="TRANSACTIONS_SYNC_LIMIT", retry_after=retry_after)
    with pytest.raises(Refused) as refused:
        item.sync()
    assert (refused.value.status, refused.value.body["error_type"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert refused.value.headers.get("retry-after") == (str(retry_after) if retry_after else None)


@pytest.mark.parametrize("kind", ["reset", "half_body", "html_502", "error"])
def test_an_answer_may_be_lost_after_the_call_took_effect(sim: Sim, kind: str) -> None:
    made = sim.call("/sandbox/public_token/create", institution_id="ins_109508", initial_products=["transactions"])
    order(sim, kind, after=True, endpoint="/item/public_token/exchange")
    with pytest.raises((httpx.HTTPError, Refused, ValueError)):
        sim.call("/item/public_token/exchange", public_token=made["public_token"])
    with pytest.raises(Refused) as refused:
        sim.call("/item/public_token/exchange", public_token=made["public_token"])
    assert refused.value.code == "INVALID_PUBLIC_TOKEN"


@pytest.mark.parametrize("kind", ["reset", "half_body", "html_502", "error"])
def test_a_call_may_fail_without_an_effect(sim: Sim, kind: str) -> None:
    made = sim.call("/sandbox/public_token/create", institution_id="ins_109508", initial_products=["transactions"])
    order(sim, kind, endpoint="/item/public_token/exchange")
    with pytest.raises((httpx.HTTPError, Refused, ValueError)):
        sim.call("/item/public_token/exchange", public_token=made["public_token"])
    assert sim.call("/item/public_token/exchange", public_token=made["public_token"])["access_token"]


def test_a_mutation_can_be_ordered(sim: Sim, item: Linked) -> None:
    order(
        sim, "error", error_code="TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", endpoint="/transactions/sync", times=3
    )
    for _ in range(3):
        with pytest.raises(Refused):
            item.sync()
    assert item.sync()["added"]


@pytest.mark.parametrize(
    "wrong", [{"kind": "earthquake"}, {"kind": "error", "colour": 1}, {"kind": "error", "endpoint": "/x"}]
)
def test_orders_that_make_no_sense_are_refused(sim: Sim, wrong: Any) -> None:
    assert sim.http.post(f"{sim.url}/_sim/faults", json=wrong).status_code == 400
    assert sim.look("/faults") == {"faults": []}


def test_there_are_no_rate_limits_by_default(item: Linked) -> None:
    for _ in range(70):
        item.call("/transactions/refresh")


@pytest.mark.parametrize("environment", ["sandbox", "production"])
def test_rate_limits_when_they_are_switched_on(sim: Sim, item: Linked, environment: str) -> None:
    sim.control("/settings", rate_limits=environment)
    try:
        limit = getattr(LIMITS["/item/get"], environment)[0]
        for _ in range(limit):
            item.call("/item/get")
        with pytest.raises(Refused) as refused:
            item.call("/item/get")
        assert (refused.value.status, refused.value.code) == (429, "ITEM_GET_LIMIT")
        assert "retry-after" not in refused.value.headers
        assert sim.link(ready=False).call("/item/get")
        sim.advance(61)
        assert item.call("/item/get")
    finally:
        sim.control("/settings", rate_limits=None)


def test_a_clients_limit_is_shared_by_its_items(sim: Sim) -> None:
    sim.control("/settings", rate_limits="sandbox")
    try:
        search = {"count": 1, "offset": 0, "country_codes": ["US"]}
        for _ in range(10):
            sim.call("/institutions/get", **search)
        with pytest.raises(Refused) as refused:
            sim.call("/institutions/get", **search)
        assert refused.value.code == "INSTITUTIONS_GET_LIMIT"
    finally:
        sim.control("/settings", rate_limits=None)


def test_calls_are_counted_per_endpoint_and_item(sim: Sim) -> None:
    sim.control("/reset")
    item = sim.link()
    for _ in range(3):
        item.call("/accounts/get")
    with pytest.raises(Refused):
        sim.call("/item/get", access_token="nonsense")
    counters = sim.look("/counters")
    assert counters["endpoints"]["/accounts/get"] == 3
    assert counters["endpoints"]["/item/get"] == 1
    assert counters["items"] == {item.item_id: {"/item/public_token/exchange": 1, "/accounts/get": 3}}
    assert counters["errors"] == {"INVALID_ACCESS_TOKEN": 1}
