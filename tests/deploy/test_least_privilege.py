"""A deploy leaves no rights behind that the backend does not need, and logs who uses the key."""

from __future__ import annotations

import re
from typing import Any

import pytest

from deploy import cli_grants, key_log
from deploy.cli_grants import BUILDS, GRANTED, KEPT_SECONDS
from deploy.roles import RIGHTS
from deploy.steps import deploy
from deploy.tools import DeployError
from tests.deploy.conftest import WORK, Deploy
from tests.deploy.fake_cloud import COMPUTE, PROJECT, Cloud
from tests.deploy.test_deploy import comparable, ended

MEMBER = f"serviceAccount:{COMPUTE}"


def of_compute(cloud: Cloud) -> set[str]:
    """The roles of the default compute account in the project."""
    return {role for role, member in cloud.state["bindings"]["project"] if member == MEMBER}


def interrupted_after_the_grant(cloud: Cloud, ready: Deploy) -> None:
    """Interrupt a deploy once the Firebase CLI has granted the roles."""
    real = cloud._grant

    def grant(wanted: set[str], before: dict[str, Any]) -> None:
        real(wanted, before)
        if of_compute(cloud) >= set(GRANTED):
            raise KeyboardInterrupt

    cloud._grant = grant  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        deploy(ready())
    cloud._grant = real  # type: ignore[method-assign]


def test_roles_that_the_firebase_cli_grants_are_taken_back(cloud: Cloud, ready: Deploy) -> None:
    granted: list[set[str]] = []
    real = cloud._grant

    def grant(wanted: set[str], before: dict[str, Any]) -> None:
        real(wanted, before)
        granted.append(of_compute(cloud))

    cloud._grant = grant  # type: ignore[method-assign]
    deploy(ready())
    assert set(GRANTED) | {BUILDS} in granted
    assert of_compute(cloud) == {BUILDS}


def test_roles_that_were_held_before_stay_and_are_named(cloud: Cloud, ready: Deploy, said: list[str]) -> None:
    """Triggers of other functions in the project may need them."""
    cloud.state["bindings"]["project"] = [["roles/run.invoker", MEMBER]]
    deploy(ready())
    assert of_compute(cloud) == {BUILDS, "roles/run.invoker"}
    command = (
        f"gcloud projects remove-iam-policy-binding {PROJECT} --member={MEMBER} --role=roles/run.invoker "
        "--condition=None"
    )
    assert any(line.endswith(command) for line in said)
    assert not any("eventReceiver in the whole project" in line for line in said)


def test_roles_that_an_interrupted_deploy_left_are_taken_back_by_the_next(cloud: Cloud, ready: Deploy) -> None:
    interrupted_after_the_grant(cloud, ready)
    assert of_compute(cloud) >= set(GRANTED)
    deploy(ready())
    assert of_compute(cloud) == {BUILDS}
    assert not (WORK / "roles-before.json").exists()


def test_memory_of_an_old_interrupted_deploy_is_not_used(cloud: Cloud, ready: Deploy) -> None:
    """An operator may have granted the roles on purpose since."""
    interrupted_after_the_grant(cloud, ready)
    later = ready()
    now = later.now
    later.now = lambda: now() + 2 * 24 * 3600
    deploy(later)
    assert of_compute(cloud) >= set(GRANTED)


def test_dry_run_between_two_deploys_does_not_lose_which_roles_were_held(cloud: Cloud, ready: Deploy) -> None:
    interrupted_after_the_grant(cloud, ready)
    deploy(ready(dry=True))
    deploy(ready())
    assert of_compute(cloud) == {BUILDS}


def test_roles_that_were_held_before_stay_if_the_memory_of_them_becomes_old_meanwhile(
    cloud: Cloud, ready: Deploy
) -> None:
    cloud.state["bindings"]["project"] = [["roles/run.invoker", MEMBER]]
    interrupted_after_the_grant(cloud, ready)
    again = ready()
    now = again.now
    cli_grants.remember(again)
    again.now = lambda: now() + KEPT_SECONDS + 1
    cli_grants.take_back(again)
    assert of_compute(cloud) == {BUILDS, "roles/run.invoker"}


def test_memory_that_was_written_only_in_part_is_written_again(cloud: Cloud, ready: Deploy) -> None:
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "roles-before.json").write_text('{"at": 17', encoding="utf-8")
    deploy(ready())
    assert of_compute(cloud) == {BUILDS}


@pytest.mark.parametrize("role", ["roles/editor", "roles/cloudbuild.builds.builder"])
def test_account_that_can_build_gets_no_further_role(cloud: Cloud, ready: Deploy, role: str) -> None:
    cloud.state["bindings"]["project"] = [[role, MEMBER]]
    deploy(ready())
    assert of_compute(cloud) == {role}


def test_every_use_of_the_key_is_logged(cloud: Cloud, ready: Deploy) -> None:
    others = {"service": "storage.googleapis.com", "auditLogConfigs": [{"logType": "DATA_READ"}]}
    cloud.state["audit"] = [others]
    deploy(ready())
    kinds = [{"logType": "DATA_READ"}, {"logType": "DATA_WRITE"}]
    assert cloud.state["audit"] == [others, {"service": "cloudkms.googleapis.com", "auditLogConfigs": kinds}]
    assert not (WORK / "iam-policy.json").exists()
    changes = cloud.changes
    key_log.key_log(ready())
    assert cloud.changes == changes


def test_exempted_accounts_do_not_count_as_logged(cloud: Cloud, ready: Deploy) -> None:
    exempted = {"logType": "DATA_READ", "exemptedMembers": ["user:a@example.com"]}
    cloud.state["audit"] = [{"service": "cloudkms.googleapis.com", "auditLogConfigs": [exempted]}]
    deploy(ready())
    [config] = cloud.state["audit"]
    assert {"logType": "DATA_READ"} in config["auditLogConfigs"]
    assert exempted in config["auditLogConfigs"]


def test_log_of_all_services_is_enough(cloud: Cloud, ready: Deploy) -> None:
    kinds = [{"logType": "DATA_READ"}, {"logType": "DATA_WRITE"}, {"logType": "ADMIN_READ"}]
    cloud.state["audit"] = [{"service": "allServices", "auditLogConfigs": kinds}]
    deploy(ready())
    assert [one["service"] for one in cloud.state["audit"]] == ["allServices"]


def test_alert_knows_exactly_the_accounts_with_a_right_on_the_key(cloud: Cloud, ready: Deploy) -> None:
    deploy(ready())
    [policy] = [one for one in cloud.state["policies"].values() if one["userLabels"]["bank-policy"] == key_log.ALERT]
    [condition] = policy["conditions"]
    wanted = condition["conditionMatchedLog"]["filter"]
    [known] = re.findall(r'principalEmail!~"(.*?)"', wanted)
    for account, rights in RIGHTS.items():
        address = ready().project.address(account)
        assert (re.search(known, address) is None) == (rights.key is None), address
    for stranger in ("op@example.com", f"bank-worker@{PROJECT}x.iam.gserviceaccount.com", COMPUTE):
        assert re.search(known, stranger) is None
    assert policy["notificationChannels"]
    assert policy["alertStrategy"]["notificationRateLimit"]  # Cloud Monitoring requires it for alerts on logs


def test_where_grants_to_everyone_are_forbidden_cloud_run_does_not_check_callers(
    cloud: Cloud, ready: Deploy, functions: dict[str, Any]
) -> None:
    cloud.restricted = True
    deploy(ready())
    public = {name.replace("_", "-") for name, one in functions.items() if "httpsTrigger" in one}
    assert set(cloud.state["unchecked"]) == public
    assert len(cloud.state["unchecked"]) == len(public)
    assert not any("allUsers" in member for bound in cloud.state["bindings"].values() for _, member in bound)
    whole = ended(cloud)
    deploy(ready())
    assert comparable(cloud) == whole


def test_other_refusals_of_a_grant_are_reported(cloud: Cloud, ready: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.deploy.fake_cloud.RESTRICTED", "PERMISSION_DENIED: run.services.setIamPolicy")
    cloud.restricted = True
    with pytest.raises(DeployError, match=r"run\.services\.setIamPolicy"):
        deploy(ready())
    assert cloud.state["unchecked"] == []
