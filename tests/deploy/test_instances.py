"""The size of the functions fits a new project's quota, and every queue finds enough instances."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.batches import BATCH
from deploy.steps import deploy
from deploy.tools import DeployError, Done, Tools
from tests.deploy.conftest import Deploy
from tests.deploy.fake_cloud import Cloud
from tests.deploy.test_commands import by_firebase

# A new project has 20 vCPU and 40 GiB per region: https://cloud.google.com/run/quotas
QUOTA_VCPU, QUOTA_MB = 20, 40 * 1024
MANY_INSTANCES = {"synctransactions", "plaid_webhook"}

Functions = dict[str, dict[str, Any]]


def test_two_functions_may_have_20_instances_and_all_others_10(functions: Functions) -> None:
    limits = {name: one["maxInstances"] for name, one in functions.items()}
    assert {name for name, limit in limits.items() if limit == 20} == MANY_INSTANCES
    assert {limit for name, limit in limits.items() if name not in MANY_INSTANCES} == {10}


def test_each_function_fits_the_quota_with_all_its_instances(functions: Functions) -> None:
    """Cloud Run refuses a service whose instances would together exceed the quota."""
    for name, one in functions.items():
        assert one["maxInstances"] * one["cpu"] <= QUOTA_VCPU, name
        assert one["maxInstances"] * one["availableMemoryMb"] <= QUOTA_MB, name


def test_all_functions_could_start_at_once_and_a_batch_leaves_room(functions: Functions) -> None:
    """An update starts one new instance of each function, while the previous ones still answer calls."""
    sizes = sorted((one["cpu"] for one in functions.values()), reverse=True)
    assert sum(sizes) <= QUOTA_VCPU
    assert sum(sizes[:BATCH]) <= QUOTA_VCPU / 2


def test_background_functions_have_half_a_cpu_and_one_call_at_a_time(functions: Functions) -> None:
    """Users wait for HTTP functions, and queues with many concurrent tasks need whole CPUs."""
    small = {name for name, one in functions.items() if one["cpu"] < 1}
    quiet = {
        name
        for name, one in functions.items()
        if "httpsTrigger" not in one
        and one.get("taskQueueTrigger", {}).get("rateLimits", {}).get("maxConcurrentDispatches", 0) <= 10
    }
    assert small == quiet
    assert {functions[name]["concurrency"] for name in small} == {1}
    assert {one["concurrency"] for name, one in functions.items() if name not in small} == {4}


@pytest.mark.parametrize("kind", ["taskQueueTrigger"])
def test_instances_can_accept_every_concurrent_task_of_their_queue(functions: Functions, kind: str) -> None:
    """Cloud Run answers 429 for the rest, which costs the task an attempt."""
    queues = {name: one for name, one in functions.items() if kind in one}
    assert queues
    for name, one in queues.items():
        assert one["maxInstances"] * one["concurrency"] >= one[kind]["rateLimits"]["maxConcurrentDispatches"], name


def test_firebase_cli_refuses_small_functions_that_accept_concurrent_calls(functions: Functions) -> None:
    def validated(given: Functions) -> Any:
        yaml = {"specVersion": "v1alpha1", "endpoints": given, "params": [], "requiredAPIs": []}
        return by_firebase("validate", {"yaml": yaml, "project": "a-bank-project", "region": "us-central1"})

    assert validated(functions) == {"refused": None}
    wrong = functions | {"checkitem": functions["checkitem"] | {"concurrency": 4}}
    assert "checkitem" in validated(wrong)["refused"]


def created(cloud: Cloud) -> list[list[str]]:
    """The functions that each command deployed by name."""
    whats = [call[call.index("--only") + 1] for call in cloud.calls if call[:2] == ["firebase", "deploy"]]
    return [[one.split(":")[2] for one in what.split(",")] for what in whats if what.startswith("functions:bank:")]


def test_first_deploy_creates_functions_in_batches_and_later_ones_do_not(
    cloud: Cloud, ready: Deploy, functions: Functions
) -> None:
    deploy(ready())
    batches = created(cloud)
    assert max(map(len, batches)) == BATCH
    assert {name for batch in batches for name in batch} == functions.keys()
    cloud.calls.clear()
    deploy(ready())
    assert created(cloud) == []


def test_failed_creation_is_repeated_in_a_batch(cloud: Cloud, ready: Deploy) -> None:
    deploy(ready())
    cloud.state["functions"]["removeitem"]["state"] = "FAILED"
    cloud.calls.clear()
    deploy(ready())
    assert created(cloud) == [["removeitem"]]


def test_all_functions_at_once_would_not_end(cloud: Cloud, ready: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake cloud behaves as the Firebase CLI does on a full quota, and the operator learns what to do."""
    monkeypatch.setattr("deploy.batches.BATCH", 100)
    with pytest.raises(DeployError, match="did not end within 30 minutes") as refused:
        deploy(ready())
    assert "total CPU allocation per project per region" in str(refused.value)


def test_full_quota_is_waited_for_and_then_explained(cloud: Cloud, ready: Deploy, said: list[str]) -> None:
    cloud.cpu_taken = 5
    deploy(ready())
    assert sum("not ready yet" in line for line in said) >= 5
    cloud.cpu_taken = 1000
    with pytest.raises(DeployError, match="Quota exceeded for total allowable CPU") as refused:
        deploy(ready())
    assert str(refused.value).count("Cloud Run has too little quota") == 1


@pytest.mark.parametrize(
    "message",
    [
        "Could not create Cloud Run service x. For the specified value, maxScale may not exceed 10.",
        "Max instances must be set to 10 or fewer to set the requested total CPU.",
        "Quota violated:\nCpuAllocPerProjectRegion requested: 20000 allowed: 10000",
        "You may not have more than 32 total max instances in your project",
    ],
)
def test_quota_below_the_functions_limits_is_explained_at_once(message: str, said: list[str]) -> None:
    """https://github.com/firebase/firebase-tools/pull/5867, issues 6298 and 11001"""
    waits: list[float] = []
    tools = Tools(say=said.append, runner=lambda *_: Done(1, f"Error: {message}", ""), sleep=waits.append)
    with pytest.raises(DeployError, match="Cloud Run has too little quota"):
        tools.firebase("deploy")
    assert waits == []
