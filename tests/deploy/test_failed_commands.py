"""A command that fails says nothing about what exists: the deploy stops with the tool's own words."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from deploy import budget
from deploy.destroy import destroy
from deploy.steps import deploy
from deploy.tools import DeployError, Done
from tests.deploy.conftest import Deploy
from tests.deploy.fake_cloud import PROJECT, Cloud
from tests.deploy.fake_web import Web
from tests.deploy.test_deploy import comparable, ended

UNKNOWN = "Failed to list Firebase projects. See firebase-debug.log for more info."  # for a network error, too
LOGGED_OUT = "Failed to authenticate, have you run firebase login?"
REAUTH = "Authentication Error: Your credentials are no longer valid. Please run firebase login --reauth"
LATER = "UNAVAILABLE: The service is currently unavailable."


def without(cloud: Cloud, command: str, why: str) -> Callable[..., Done]:
    """The cloud, if one command fails."""

    def runner(given: Sequence[str], *rest: Any) -> Done:
        if not " ".join(given).startswith(command):
            return cloud(given, *rest)
        if given[0] == "firebase":  # with --json, it writes errors into its output
            return Done(2, json.dumps({"status": "error", "error": why}, indent=2), "")
        return Done(1, "", f"ERROR: {why}")

    return runner


@pytest.mark.parametrize("why", [LOGGED_OUT, REAUTH])
def test_login_is_asked_for_if_the_firebase_cli_asks_for_it(cloud: Cloud, ready: Deploy, why: str) -> None:
    context = ready()
    context.tools.runner = without(cloud, "firebase projects:list", why)
    with pytest.raises(DeployError, match=r"log in: .*firebase login") as refused:
        deploy(context)
    assert why in str(refused.value)


def test_network_that_does_not_work_is_not_reported_as_a_missing_login(cloud: Cloud, ready: Deploy, web: Web) -> None:
    def unreachable(method: str, url: str, **given: Any) -> httpx.Response:
        if url == "https://firebase.googleapis.com":
            raise httpx.ConnectError("Name or service not known")
        return web(method, url, **given)

    context = ready()
    context.request, context.tools.runner = unreachable, without(cloud, "firebase projects:list", UNKNOWN)
    with pytest.raises(DeployError, match="check the network and the proxy") as refused:
        deploy(context)
    assert "Name or service not known" in str(refused.value)
    assert UNKNOWN in str(refused.value)
    assert "log in:" not in str(refused.value)


def test_other_failure_of_the_firebase_cli_is_reported_in_its_own_words(cloud: Cloud, ready: Deploy) -> None:
    context = ready()
    context.tools.runner = without(cloud, "firebase projects:list", UNKNOWN)
    with pytest.raises(DeployError, match="the Firebase CLI fails") as refused:
        deploy(context)
    assert UNKNOWN in str(refused.value)
    assert "log in:" not in str(refused.value)


@pytest.mark.parametrize(
    "command",
    [
        "firebase projects:list",
        "firebase apps:list",
        "firebase hosting:sites:list",
        "gcloud auth list",
        "gcloud projects describe",
        "gcloud billing projects describe",
        "gcloud functions list",
        "gcloud firestore databases list",
        "gcloud iam service-accounts list",
        "gcloud secrets versions list PLAID_SECRET",
    ],
)
def test_deploy_stops_at_a_failed_command_and_creates_nothing_twice(cloud: Cloud, ready: Deploy, command: str) -> None:
    deploy(ready())
    whole = ended(cloud)
    context = ready(interactive=False)
    context.tools.runner = without(cloud, command, LATER)
    with pytest.raises(DeployError, match=LATER) as refused:
        deploy(context)
    wrong = ("log in:", "does not exist", "link a billing account", "is not in Secret Manager", "your account lacks")
    assert [words for words in wrong if words in str(refused.value)] == []
    assert comparable(cloud) == whole


def test_destroy_does_not_start_if_it_cannot_find_out_where_the_functions_are(cloud: Cloud, ready: Deploy) -> None:
    deploy(ready())
    before = cloud.changes
    context = ready()
    context.tools.runner = without(cloud, "gcloud functions list", LATER)
    with pytest.raises(DeployError, match=LATER):
        destroy(context, confirm=lambda _: PROJECT)
    assert cloud.changes == before


def test_budget_is_not_left_out_or_forgotten_if_the_billing_account_is_unknown(
    cloud: Cloud, ready: Deploy, said: list[str]
) -> None:
    context = ready()
    context.tools.runner = without(cloud, "gcloud billing projects describe", LATER)
    with pytest.raises(DeployError, match=LATER):
        budget.budget(context)
    budget.remove(context)
    assert "stays if there is one" in said[-1]


def test_access_token_that_gcloud_cannot_get_is_explained_in_its_own_words(cloud: Cloud, ready: Deploy) -> None:
    context = ready()
    context.tools.runner = without(cloud, "gcloud auth print-access-token", LATER)
    with pytest.raises(DeployError, match=LATER):
        context.tools.token()
