"""What production must not leave open by accident, the budget that warns of costs, and where alerts are sent."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from deploy.destroy import destroy
from deploy.processes import Done
from deploy.steps import deploy
from deploy.tools import DeployError
from emulators.setup import ROOT
from tests.deploy.conftest import Deploy
from tests.deploy.fake_cloud import BILLING_ACCOUNT, PROJECT, Cloud
from tests.deploy.test_deploy import comparable, ended
from tests.deploy.test_locations import add

PAGER = f"projects/{PROJECT}/notificationChannels/7"


def say(environment: Path, name: str, value: str | None) -> None:
    """Set a line of the environment file; None removes it."""
    lines = environment.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(f"{name}=")]
    environment.write_text("\n".join([*kept, *([f"{name}={value}"] if value is not None else [])]) + "\n", "utf-8")


def warned(budget: dict[str, Any]) -> list[str]:
    """The channels that a budget warns."""
    channels: list[str] = budget["notificationsRule"]["monitoringNotificationChannels"]
    return channels


@pytest.mark.parametrize("name", ["CORS_ORIGINS", "APP_CHECK"])
@pytest.mark.parametrize("value", [None, ""])
def test_production_does_not_start_open_by_default(
    cloud: Cloud, ready: Deploy, environment: Path, name: str, value: str | None
) -> None:
    say(environment, name, value)
    with pytest.raises(DeployError, match=f"set {name} in"):
        deploy(ready())
    assert cloud.changes == 0


def test_everything_that_is_open_is_reported_at_once(ready: Deploy, environment: Path) -> None:
    for name in ("CORS_ORIGINS", "APP_CHECK"):
        say(environment, name, None)
    with pytest.raises(DeployError) as refused:
        deploy(ready())
    assert "set CORS_ORIGINS in" in str(refused.value)
    assert "set APP_CHECK in" in str(refused.value)


def test_production_can_be_opened_explicitly_and_each_deploy_reminds_of_it(
    cloud: Cloud, ready: Deploy, environment: Path, said: list[str]
) -> None:
    for name, value in {"CORS_ORIGINS": "*", "APP_CHECK": "0", "ALLOW_ANONYMOUS": "1"}.items():
        say(environment, name, value)
    deploy(ready())
    variables = cloud.state["functions"]["create_link_token"]["variables"].splitlines()
    assert {'CORS_ORIGINS="*"', 'APP_CHECK="0"', 'ALLOW_ANONYMOUS="1"'} <= set(variables)
    [note] = [line for line in said if line.startswith("  note: production with")]
    assert note.endswith("production with CORS_ORIGINS=*, APP_CHECK=0, ALLOW_ANONYMOUS=1, as the settings say")


def test_closed_production_and_open_sandbox_need_no_reminder(ready: Deploy, environment: Path, said: list[str]) -> None:
    deploy(ready())
    say(environment, "PLAID_ENV", "sandbox")
    say(environment, "CORS_ORIGINS", None)
    say(environment, "APP_CHECK", None)
    deploy(ready())
    assert not [line for line in said if "note: production with" in line]


@pytest.mark.parametrize(
    ("countries", "configured", "noted"),
    [("US,GB", False, True), ("FR", False, True), ("GB", True, False), ("US,CA", False, False), (None, False, False)],
)
def test_missing_redirect_uri_is_noted_where_all_banks_use_oauth(
    ready: Deploy, environment: Path, said: list[str], countries: str | None, configured: bool, noted: bool
) -> None:
    say(environment, "COUNTRY_CODES", countries)
    config = {"region": "us-central1", "oauth_redirect": configured}
    (environment.parent / "hosted" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    deploy(ready())
    assert any("has no redirect URI" in line for line in said) is noted
    assert any(f"https://{PROJECT}.web.app/link-return at Plaid, and set" in line for line in said) is noted


def test_copied_example_does_not_open_production(cloud: Cloud, ready: Deploy, environment: Path) -> None:
    example = (ROOT / "deploy" / "env" / "example.env").read_text(encoding="utf-8")
    environment.write_text(example, encoding="utf-8")
    for name, value in {"PLAID_CLIENT_ID": "x", "DEPLOY_ALERT_EMAIL": "a@example.com"}.items():
        say(environment, name, value)
    deploy(ready())
    say(environment, "PLAID_ENV", "production")
    with pytest.raises(DeployError, match="set CORS_ORIGINS in"):
        deploy(ready())


def test_budget_warns_the_alert_address(cloud: Cloud, ready: Deploy) -> None:
    deploy(ready())
    [budget] = cloud.state["budgets"].values()
    assert budget["amount"]["specifiedAmount"]["units"] == "100"
    [email] = warned(budget)
    assert cloud.state["channels"][email]["labels"] == {"email_address": "on-call@example.com"}
    [created] = [call for call in cloud.calls if call[1:4] == ["billing", "budgets", "create"]]
    rules = {word.partition("=")[2] for word in created if word.startswith("--threshold-rule=")}
    assert rules == {"percent=0.5", "percent=0.9", "percent=1.0", "percent=1.0,basis=forecasted-spend"}


def test_budget_follows_its_setting_and_others_stay(cloud: Cloud, ready: Deploy, environment: Path) -> None:
    theirs = {"name": f"{BILLING_ACCOUNT}/budgets/theirs", "displayName": "Theirs"}
    cloud.state["budgets"][theirs["name"]] = theirs
    deploy(ready())
    say(environment, "DEPLOY_BUDGET", "2500")
    deploy(ready())
    amounts = [one["amount"]["specifiedAmount"]["units"] for one in cloud.state["budgets"].values() if one != theirs]
    assert amounts == ["2500"]
    whole = ended(cloud)
    deploy(ready())
    assert comparable(cloud) == whole
    answers = iter([PROJECT, "", ""])
    destroy(ready(), confirm=lambda _: next(answers))
    assert list(cloud.state["budgets"].values()) == [theirs]


def test_budget_that_is_turned_off_is_deleted(cloud: Cloud, ready: Deploy, environment: Path) -> None:
    deploy(ready())
    say(environment, "DEPLOY_BUDGET", "00")
    deploy(ready())
    assert cloud.state["budgets"] == {}


def test_budget_with_leading_zeros_is_not_changed_by_each_deploy(
    cloud: Cloud, ready: Deploy, environment: Path
) -> None:
    say(environment, "DEPLOY_BUDGET", "0250")
    deploy(ready())
    deploy(ready())
    assert [one["amount"]["specifiedAmount"]["units"] for one in cloud.state["budgets"].values()] == ["250"]
    assert not [call for call in cloud.calls if call[1:4] == ["billing", "budgets", "update"]]


def test_budget_follows_the_alert_address(cloud: Cloud, ready: Deploy, environment: Path) -> None:
    deploy(ready())
    say(environment, "DEPLOY_ALERT_EMAIL", "new@example.com")
    deploy(ready())
    [budget] = cloud.state["budgets"].values()
    [email] = warned(budget)
    assert cloud.state["channels"][email]["labels"] == {"email_address": "new@example.com"}


def test_failure_of_another_kind_is_no_lack_of_rights_because_of_a_number(
    cloud: Cloud, ready: Deploy, environment: Path
) -> None:
    say(environment, "DEPLOY_BUDGET", "403")
    context = ready()

    def runner(command: Sequence[str], *rest: Any) -> Done:
        wrong = list(command[1:4]) == ["billing", "budgets", "create"]
        return Done(1, "", "ERROR: INVALID_ARGUMENT: amount") if wrong else cloud(command, *rest)

    context.tools.runner = runner
    with pytest.raises(DeployError, match="INVALID_ARGUMENT: amount"):
        deploy(context)


def test_no_budget_is_created_if_it_is_turned_off(cloud: Cloud, ready: Deploy, environment: Path) -> None:
    say(environment, "DEPLOY_BUDGET", "0")
    deploy(ready())
    assert cloud.state["budgets"] == {}


@pytest.mark.parametrize("amount", ["much", "-1", "99.5"])
def test_budget_that_is_no_amount_is_refused(ready: Deploy, environment: Path, amount: str) -> None:
    say(environment, "DEPLOY_BUDGET", amount)
    with pytest.raises(DeployError, match=r"set DEPLOY_BUDGET in .* to a whole number"):
        deploy(ready())


def test_account_without_rights_on_the_billing_account_deploys_and_learns_the_command(
    cloud: Cloud, ready: Deploy, said: list[str]
) -> None:
    cloud.sees_budgets = False
    deploy(ready())
    assert cloud.state["budgets"] == {}
    text = "\n".join(said)
    assert "roles/billing.costsManager" in text
    [command] = [line.partition("run: ")[2] for line in said if "run: gcloud billing budgets create" in line]
    assert command.startswith("gcloud billing budgets create --billing-account=0A1B2C-3D4E5F-6A7B8C")
    assert f"--display-name=Bank: {PROJECT}" in shlex.split(command), "a shell passes the name as one word"
    answers = iter([PROJECT, "", ""])
    destroy(ready(), confirm=lambda _: next(answers))
    assert "your account may not see it" in "\n".join(said)


@pytest.mark.parametrize("given", ["7", "(pager)", " (pager) , 8 "])
def test_alerts_are_sent_to_the_given_channels_as_well(
    cloud: Cloud, ready: Deploy, environment: Path, given: str
) -> None:
    kinds = {"7": "pagerduty", "8": "slack", "9": "slack"}
    for number, kind in kinds.items():
        name = f"projects/{PROJECT}/notificationChannels/{number}"
        cloud.state["channels"][name] = {"name": name, "type": kind, "displayName": kind}
    cloud.state["services"]["monitoring.googleapis.com"] = True
    add(environment, f"DEPLOY_ALERT_CHANNELS={given.replace('(pager)', PAGER)}\n")
    deploy(ready())
    [email] = [name for name, one in cloud.state["channels"].items() if one["type"] == "email"]
    wanted = {email, PAGER} | ({PAGER.replace("/7", "/8")} if "8" in given else set())
    assert cloud.state["policies"]
    assert {frozenset(one["notificationChannels"]) for one in cloud.state["policies"].values()} == {frozenset(wanted)}
    [budget] = cloud.state["budgets"].values()
    assert warned(budget) == [email]  # a budget accepts no other kinds


def test_channels_can_replace_the_alert_address(
    cloud: Cloud, ready: Deploy, environment: Path, said: list[str]
) -> None:
    cloud.state["channels"][PAGER] = {"name": PAGER, "type": "pagerduty", "displayName": "Pager"}
    cloud.state["services"]["monitoring.googleapis.com"] = True
    say(environment, "DEPLOY_ALERT_EMAIL", None)
    add(environment, f"DEPLOY_ALERT_CHANNELS={PAGER}\n")
    deploy(ready())
    assert {tuple(one["notificationChannels"]) for one in cloud.state["policies"].values()} == {(PAGER,)}
    assert list(cloud.state["channels"]) == [PAGER]
    assert "alerts                send a test to each channel" in said[-1]


def test_changed_channels_change_every_policy(cloud: Cloud, ready: Deploy, environment: Path) -> None:
    deploy(ready())
    policies = len(cloud.state["policies"])
    cloud.state["channels"][PAGER] = {"name": PAGER, "type": "pagerduty", "displayName": "Pager"}
    add(environment, f"DEPLOY_ALERT_CHANNELS={PAGER}\n")
    deploy(ready())
    assert len(cloud.state["policies"]) == policies
    assert all(PAGER in one["notificationChannels"] for one in cloud.state["policies"].values())


def addresses(cloud: Cloud) -> list[str]:
    return [one["labels"]["email_address"] for one in cloud.state["channels"].values() if one["type"] == "email"]


def test_new_alert_address_replaces_the_channel_of_the_former_one(
    cloud: Cloud, ready: Deploy, environment: Path
) -> None:
    deploy(ready())
    theirs = {"name": PAGER, "type": "email", "displayName": "Bank alerts", "labels": {"email_address": "them@x.com"}}
    cloud.state["channels"][PAGER] = theirs
    say(environment, "DEPLOY_ALERT_EMAIL", "new@example.com")
    for _ in range(2):
        deploy(ready())
        assert addresses(cloud) == ["them@x.com", "new@example.com"]
    [new] = [name for name, one in cloud.state["channels"].items() if one != theirs]
    assert {tuple(one["notificationChannels"]) for one in cloud.state["policies"].values()} == {(new,)}


def test_channel_of_an_alert_address_that_is_removed_from_the_settings_is_deleted(
    cloud: Cloud, ready: Deploy, environment: Path
) -> None:
    deploy(ready())
    cloud.state["channels"][PAGER] = {"name": PAGER, "type": "pagerduty", "displayName": "Pager"}
    say(environment, "DEPLOY_ALERT_EMAIL", None)
    add(environment, f"DEPLOY_ALERT_CHANNELS={PAGER}\n")
    deploy(ready())
    assert list(cloud.state["channels"]) == [PAGER]


def test_channel_of_an_earlier_version_is_replaced_too(cloud: Cloud, ready: Deploy, environment: Path) -> None:
    """It has no label; a deploy to its address adds it."""
    deploy(ready())
    [former] = cloud.state["channels"].values()
    label = former.pop("userLabels")
    deploy(ready())
    assert former["userLabels"] == label
    say(environment, "DEPLOY_ALERT_EMAIL", "new@example.com")
    deploy(ready())
    assert addresses(cloud) == ["new@example.com"]


def test_channel_of_a_former_address_that_other_policies_use_stays_and_is_reported(
    cloud: Cloud, ready: Deploy, environment: Path, said: list[str]
) -> None:
    deploy(ready())
    [former] = cloud.state["channels"]
    cloud.state["policies"]["theirs"] = {"name": "theirs", "displayName": "x", "notificationChannels": [former]}
    say(environment, "DEPLOY_ALERT_EMAIL", "new@example.com")
    deploy(ready())
    assert former in cloud.state["channels"]
    assert any("the channel of the former alert address on-call@example.com stays" in line for line in said)


@pytest.mark.parametrize("given", ["7", "projects/another-project/notificationChannels/9"])
def test_channel_that_does_not_exist_is_refused_before_anything_changes(
    cloud: Cloud, ready: Deploy, environment: Path, given: str
) -> None:
    add(environment, f"DEPLOY_ALERT_CHANNELS={given}\n")
    with pytest.raises(DeployError, match=f"DEPLOY_ALERT_CHANNELS: {given[-1]} not found in project {PROJECT}"):
        deploy(ready())
    assert cloud.changes == 0
