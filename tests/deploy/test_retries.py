"""What is true a while after something was made is waited for; whatever else a tool says, is said."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from deploy.monitoring_setup import policies
from deploy.smoke import PROBES
from deploy.steps import deploy
from deploy.tools import DeployError, Done, Tools
from tests.deploy.conftest import Deploy, live
from tests.deploy.fake_cloud import EVENTARC, NO_METRIC, Cloud


def test_what_is_there_in_a_moment_is_waited_for(said: list[str]) -> None:
    answers = [Done(1, "", "ERROR: service account x does not exist."), Done(0, "", "")]
    waits: list[float] = []
    tools = Tools(say=said.append, runner=lambda *_: answers.pop(0), sleep=waits.append)
    tools.gcloud("projects", "add-iam-policy-binding")
    assert len(waits) == 1
    tools.runner = lambda *_: Done(1, "", "ERROR: PERMISSION_DENIED: no")
    with pytest.raises(DeployError, match="PERMISSION_DENIED"):
        tools.gcloud("projects", "describe")
    assert len(waits) == 1


def test_each_kind_of_waiting_has_a_patience_of_its_own(said: list[str]) -> None:
    answers = [Done(1, "", EVENTARC)] * 7 + [Done(1, "", "ERROR: x does not exist.")] * 5 + [Done(0, "", "")]
    waits: list[float] = []
    Tools(say=said.append, runner=lambda *_: answers.pop(0), sleep=waits.append).gcloud("functions", "list")
    assert len(waits) == 12


def test_policies_wait_for_their_metrics_as_long_as_google_says(
    cloud: Cloud, ready: Deploy, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to ten minutes; the metrics are made early, so that most of it passes while functions are deployed."""
    cloud.metrics_take = 20
    waits: list[float] = []
    context = ready()
    context.tools.sleep = waits.append
    deploy(context)
    assert len(cloud.state["policies"]) == len(policies())
    assert any("can take 12 minutes" in line for line in said)
    kinds = [" ".join(call[1:4]) for call in cloud.calls]
    assert kinds.index("logging metrics create") < kinds.index("deploy --only functions")


def test_what_takes_minutes_is_given_ten_and_then_said(said: list[str]) -> None:
    waits: list[float] = []
    answer = Done(1, "", f"ERROR: {NO_METRIC.format('bank_syncs')}")
    tools = Tools(say=said.append, runner=lambda *_: answer, sleep=waits.append)
    with pytest.raises(DeployError, match="bank_syncs"):
        tools.gcloud("alpha", "monitoring", "policies", "create")
    assert 600 <= sum(waits) <= 900


def test_what_the_firebase_cli_says_is_shown_wherever_it_says_it(said: list[str]) -> None:
    """Its errors go to its output, its warnings to the other; the second would hide the first."""
    tools = Tools(say=said.append, runner=lambda *_: Done(1, "Error: no such site\n", "(node:7) Deprecation\n"))
    with pytest.raises(DeployError, match="no such site"):
        tools.firebase("deploy")
    answers = [Done(1, "", EVENTARC), Done(1, f"Error: {EVENTARC}", "(node:7) Deprecation"), Done(0, "", "")]
    tools = Tools(say=said.append, runner=lambda *_: answers.pop(0), sleep=lambda _: None)
    tools.firebase("deploy")
    assert answers == []


def test_addresses_that_are_not_open_yet_are_tried_again(ready: Deploy, said: list[str]) -> None:
    """Cloud Run hears within two minutes who may call."""
    closed = {probe.path for probe in PROBES}

    def opening(method: str, url: str, **given: Any) -> httpx.Response:
        path = url.partition(".web.app")[2]
        if path in closed:
            closed.remove(path)
            return httpx.Response(403, text="<html>")
        return live(method, url, **given)

    context = ready()
    context.request = opening
    deploy(context)
    assert not closed
    assert any("retrying in 10 s" in line for line in said)
