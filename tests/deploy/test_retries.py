"""The deploy waits for changes that take effect with a delay; all other errors of a tool are shown."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import httpx
import pytest

from deploy.monitoring_setup import policies
from deploy.smoke import PROBES, smoke
from deploy.steps import deploy
from deploy.tools import DeployError, Done, Tools
from tests.deploy.conftest import Deploy
from tests.deploy.fake_cloud import EVENTARC, NO_METRIC, Cloud
from tests.deploy.fake_web import Web


def test_resource_that_appears_soon_is_waited_for(said: list[str]) -> None:
    answers = [Done(1, "", "ERROR: service account x does not exist."), Done(0, "", "")]
    waits: list[float] = []
    tools = Tools(say=said.append, runner=lambda *_: answers.pop(0), sleep=waits.append)
    tools.gcloud("projects", "add-iam-policy-binding")
    assert len(waits) == 1
    tools.runner = lambda *_: Done(1, "", "ERROR: PERMISSION_DENIED: no")
    with pytest.raises(DeployError, match="PERMISSION_DENIED"):
        tools.gcloud("projects", "describe")
    assert len(waits) == 1


def test_each_kind_of_wait_has_its_own_limit(said: list[str]) -> None:
    answers = [Done(1, "", EVENTARC)] * 7 + [Done(1, "", "ERROR: x does not exist.")] * 5 + [Done(0, "", "")]
    waits: list[float] = []
    Tools(say=said.append, runner=lambda *_: answers.pop(0), sleep=waits.append).gcloud("functions", "list")
    assert len(waits) == 12


def test_policies_wait_for_their_metrics_as_long_as_documented(
    cloud: Cloud, ready: Deploy, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to ten minutes; most of that passes while functions are deployed, because metrics are created early."""
    cloud.metrics_take = 20
    waits: list[float] = []
    context = ready()
    context.tools.sleep = waits.append
    deploy(context)
    assert {one["userLabels"]["bank-policy"] for one in cloud.state["policies"].values()} >= policies().keys()
    assert any("can take 12 minutes" in line for line in said)
    kinds = [" ".join(call[1:4]) for call in cloud.calls]
    assert kinds.index("logging metrics create") < kinds.index("deploy --only functions")


def test_slow_change_is_waited_for_ten_minutes_and_then_reported(said: list[str]) -> None:
    waits: list[float] = []
    answer = Done(1, "", f"ERROR: {NO_METRIC.format('bank_syncs')}")
    tools = Tools(say=said.append, runner=lambda *_: answer, sleep=waits.append)
    with pytest.raises(DeployError, match="bank_syncs"):
        tools.gcloud("alpha", "monitoring", "policies", "create")
    assert 600 <= sum(waits) <= 900


def test_errors_of_the_firebase_cli_are_shown_from_output_and_stderr(said: list[str]) -> None:
    """It prints errors to its output and warnings to stderr; showing only one would hide the other."""
    tools = Tools(say=said.append, runner=lambda *_: Done(1, "Error: no such site\n", "(node:7) Deprecation\n"))
    with pytest.raises(DeployError, match="no such site"):
        tools.firebase("deploy")
    answers = [Done(1, "", EVENTARC), Done(1, f"Error: {EVENTARC}", "(node:7) Deprecation"), Done(0, "", "")]
    tools = Tools(say=said.append, runner=lambda *_: answers.pop(0), sleep=lambda _: None)
    tools.firebase("deploy")
    assert answers == []


def test_addresses_that_are_not_public_yet_are_retried(ready: Deploy, web: Web, said: list[str]) -> None:
    """Cloud Run learns within two minutes who may call."""
    closed = {probe.path for probe in PROBES}

    def opening(method: str, url: str, **given: Any) -> httpx.Response:
        path = url.partition(".web.app")[2]
        if path in closed:
            closed.remove(path)
            return httpx.Response(403, text="<html>")
        return web(method, url, **given)

    context = ready()
    context.request = opening
    deploy(context)
    assert not closed
    assert any("retrying in 10 s" in line for line in said)


def once(failed: set[Hashable]) -> Callable[..., bool]:
    """Whether something happens for the first time."""

    def first(*what: Hashable) -> bool:
        new = what not in failed
        failed.add(what)
        return new

    return first


def test_each_call_of_the_smoke_test_may_fail_and_is_repeated(cloud: Cloud, ready: Deploy, web: Web) -> None:
    deploy(ready())
    cloud.logged.clear()
    failed: set[Hashable] = set()
    first = once(failed)

    def request(method: str, url: str, **given: Any) -> httpx.Response:
        if first("unreachable", method, url):
            raise httpx.ConnectError("no route to host")
        return httpx.Response(503) if first("busy", method, url) else web(method, url, **given)

    def runner(command: Sequence[str], *rest: Any) -> Done:
        return Done(1, "", "ERROR: UNAVAILABLE: later") if first(*command[1:4]) else cloud(command, *rest)

    context = ready()
    context.request, context.tools.runner = request, runner
    smoke(context)
    assert "push.not_a_notification" in cloud.logged
    assert web.documents == set()
    assert {("scheduler", "jobs", "run"), ("auth", "print-access-token")} <= failed
    assert [what for what in failed if isinstance(what, tuple) and what[:2] == ("logging", "read")]


@pytest.mark.parametrize(
    ("answer", "why"),
    [(httpx.Response(503), "Firestore answered 503"), (httpx.ConnectError("no route to host"), "no route to host")],
)
def test_firestore_that_stays_unavailable_is_reported_when_the_time_is_up(
    ready: Deploy, web: Web, said: list[str], answer: httpx.Response | httpx.ConnectError, why: str
) -> None:
    deploy(ready())
    tries = 0

    def request(method: str, url: str, **given: Any) -> httpx.Response:
        nonlocal tries
        if "firestore" not in url:
            return web(method, url, **given)
        tries += 1
        if isinstance(answer, httpx.ConnectError):
            raise answer
        return answer

    times = iter(range(0, 100_000, 10))
    context = ready()
    context.request, context.now = request, lambda: float(next(times))
    with pytest.raises(DeployError, match=f"no event of Firestore could be tested: {why}"):
        smoke(context)
    assert tries > 10
    assert any("bank_notifications/event stays in Firestore" in line for line in said)
