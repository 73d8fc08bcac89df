"""A deploy to a fake cloud: once, twice, and interrupted at every change it makes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy import apis, monitoring_setup
from deploy.__main__ import main
from deploy.context import Context
from deploy.roles import RIGHTS
from deploy.secret_values import PLACEHOLDER
from deploy.smoke import PROBES
from deploy.steps import deploy
from deploy.tools import DeployError, Done, Tools
from tests.deploy.conftest import WORK, Deploy
from tests.deploy.fake_cloud import ACCESS_TOKEN, PLAID_SECRET, PROJECT, Cloud

MUST_NOT_LEAK = (PLAID_SECRET, ACCESS_TOKEN, '"primaryKeyId"', '"keyData"')


def ended(cloud: Cloud) -> dict[str, Any]:
    """The state after a deploy, without values that are generated each time."""
    return copy.deepcopy(comparable(cloud))


def comparable(cloud: Cloud) -> dict[str, Any]:
    """The state after a deploy, comparable while the cloud is not changed."""
    secrets = {name: len(versions) for name, versions in cloud.state["secrets"].items()}
    bindings = {where: sorted(pairs) for where, pairs in cloud.state["bindings"].items()}
    return cloud.state | {"secrets": secrets, "bindings": bindings, "unchecked": sorted(cloud.state["unchecked"])}


def leaks(cloud: Cloud, said: list[str]) -> list[str]:
    texts = [*said, *(" ".join(call) for call in cloud.calls)]
    texts += [path.read_text(encoding="utf-8") for path in WORK.rglob("*") if path.is_file()]
    return [text for text in texts if any(secret in text for secret in MUST_NOT_LEAK)]


def test_one_deploy_creates_everything(cloud: Cloud, ready: Deploy, said: list[str]) -> None:
    deploy(ready())
    state = cloud.state
    assert set(state["services"]) == set(apis.APIS)
    assert len(state["accounts"]) == len(RIGHTS) + 1
    assert state["keys"]["access-tokens"]["rotation"] == "90d"
    assert {name: len(versions) for name, versions in state["secrets"].items()} == {
        "PLAID_SECRET": 1,
        "PLAID_EU_SECRET": 1,
        "AUDIT_KEYSET": 1,
    }
    assert state["secrets"]["PLAID_SECRET"] == [PLAID_SECRET]
    assert state["secrets"]["PLAID_EU_SECRET"] == [PLACEHOLDER]
    [database] = state["databases"].values()
    assert database["pointInTimeRecoveryEnablement"] == "POINT_IN_TIME_RECOVERY_ENABLED"
    assert database["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED"
    assert set(state["schedules"]) == {"daily", "weekly"}
    assert set(state["deployed"]) == {"firestore", "hosting"}
    assert state["queues"]["synctransactions"]["rateLimits"]["maxConcurrentDispatches"] == 40
    assert len(state["jobs"]) == 2
    variables = state["functions"]["synctransactions"]["variables"].splitlines()
    assert f'VAULT_KEY="projects/{PROJECT}/locations/us/keyRings/bank/cryptoKeys/access-tokens"' in variables
    assert f'WEBHOOK_URL="https://{PROJECT}.web.app/api/v1/bank/webhook"' in variables
    assert 'PLAID_CLIENT_ID="a client"' in variables
    assert [line for line in variables if "DEPLOY_" in line] == ['DEPLOY_REGION="us-central1"']
    assert f"webhook               https://{PROJECT}.web.app/api/v1/bank/webhook" in "\n".join(said)
    assert leaks(cloud, said) == []


def test_each_account_has_its_roles_and_the_tasks_account_has_none(cloud: Cloud, ready: Deploy) -> None:
    deploy(ready())
    bound = cloud.state["bindings"]
    caller = f"bank-tasks@{PROJECT}.iam.gserviceaccount.com"
    assert not any(caller in member for _, member in bound["project"])
    called = {where for where, pairs in bound.items() if ["roles/run.invoker", f"serviceAccount:{caller}"] in pairs}
    assert called == {f"service {queue}" for queue in cloud.state["queues"]}
    events = [where for where, pairs in bound.items() if where.startswith("service on-") and pairs]
    assert len(events) == 3
    worker = f"serviceAccount:bank-worker@{PROJECT}.iam.gserviceaccount.com"
    assert ["roles/cloudkms.cryptoKeyEncrypterDecrypter", worker] in bound["key access-tokens"]
    assert ["roles/iam.serviceAccountUser", worker] in bound[caller]
    assert not any("bank-users@" in member for _, member in bound["key access-tokens"])


def test_a_second_deploy_changes_nothing_but_what_firebase_deploys_again(
    cloud: Cloud, ready: Deploy, said: list[str]
) -> None:
    deploy(ready())
    first, before = ended(cloud), len(cloud.calls)
    said.clear()
    deploy(ready())
    assert ended(cloud) == first
    runs = [line for line in said if line.startswith("  run:") and "scheduler jobs run" not in line]
    assert [line.split(" --project")[0] for line in runs] == [
        f"  run: firebase deploy --only {what}" for what in ("firestore", "functions", "hosting")
    ]
    assert len(cloud.calls) > before
    assert leaks(cloud, said) == []


@pytest.fixture
def unchanged_files_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of deploys would write the same files again."""
    write, written = monitoring_setup._write, dict[str, tuple[Any, Path]]()

    def once(context: Context, name: str, content: dict[str, Any]) -> Path:
        if name not in written or written[name][0] != content:
            written[name] = content, write(context, name, content)
        return written[name][1]

    monkeypatch.setattr(monitoring_setup, "_write", once)


@pytest.mark.usefixtures("unchanged_files_stay")
@pytest.mark.parametrize("moment", ["before", "after"])
def test_broken_off_at_every_change_and_run_again_it_ends_the_same(
    ready: Deploy, cloud: Cloud, said: list[str], moment: str
) -> None:
    deploy(ready())
    whole, changes = ended(cloud), cloud.changes
    assert changes > 100
    for number in range(1, changes + 1):
        said.clear()
        cloud.__init__(manifest=cloud.manifest, stop_at=(number, moment))  # type: ignore[misc]
        with pytest.raises(KeyboardInterrupt):
            deploy(ready())
        cloud.stop_at = None
        deploy(ready())
        assert comparable(cloud) == whole, f"interrupted {moment} change {number}"
        assert leaks(cloud, said) == [], f"interrupted {moment} change {number}"
        said.clear()


def test_a_dry_run_shows_every_command_and_calls_nothing(
    cloud: Cloud, ready: Deploy, said: list[str], environment: Path
) -> None:
    environment.unlink()
    deploy(ready(dry=True, interactive=False))
    shown = "\n".join(said)
    assert cloud.calls == []
    deploy_kinds = [
        "services enable",
        "service-accounts create",
        "kms keys create",
        "secrets versions add PLAID_SECRET",
    ]
    deploy_kinds += ["databases create", "backups schedules create", "deploy --only functions", "queues update"]
    deploy_kinds += ["metrics create bank_syncs", "policies create", "dashboards create", "scheduler jobs run"]
    assert [kind for kind in deploy_kinds if kind not in shown] == []
    assert not WORK.exists()


@pytest.mark.parametrize("name", ["demo-bank", "test", "My-Project"])
def test_dry_run_works_without_a_real_project(name: str, cloud: Cloud, said: list[str]) -> None:
    tools = Tools(say=said.append, runner=cloud)
    assert main(["up", "--project", name, "--dry-run"], tools=tools) == 0
    assert "would be refused" in said[0]
    assert any("deploy --only functions" in line for line in said)
    assert cloud.calls == []


@pytest.mark.parametrize("arguments", [["demo-bank"], ["test"], ["", "--dry-run"], ["../x", "--dry-run"]])
def test_invalid_project_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["up", "--project", *arguments])
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_all_missing_settings_are_reported_at_once(cloud: Cloud, ready: Deploy, environment: Path) -> None:
    environment.write_text(
        "PLAID_ENV=produktion\nPLAID_SECRET=x\nCLIENT_NAM=y\nLANGUAGE=xx\nDEPLOY_BACKUP_DAYS=400\n", "utf-8"
    )
    cloud.state["users"] = {"gcloud": ["op@example.com"], "firebase": []}
    cloud.state["projects"][PROJECT]["billing"] = False
    with pytest.raises(DeployError) as refused:
        deploy(ready(interactive=False))
    for why in (
        "set PLAID_CLIENT_ID",
        "remove PLAID_SECRET",
        "CLIENT_NAM",
        "PLAID_ENV",
        "correct LANGUAGE",
        "set DEPLOY_ALERT_EMAIL",
        "set DEPLOY_BACKUP_DAYS",
        "firebase login",
        "link a billing account",
        "PLAID_SECRET is not in Secret Manager yet",
    ):
        assert why in str(refused.value)
    assert cloud.changes == 0


def test_missing_tools_login_or_project_are_reported(cloud: Cloud, ready: Deploy) -> None:
    context = ready()
    context.tools.runner = lambda command, *_: Done(127, "", f"{command[0]}: No such file")
    with pytest.raises(DeployError, match="install gcloud") as refused:
        deploy(context)
    assert "make setup" in str(refused.value)
    cloud.state["users"]["gcloud"] = []
    with pytest.raises(DeployError, match="gcloud auth login"):
        deploy(ready())
    cloud.state["users"]["gcloud"] = ["op@example.com"]
    cloud.state["projects"].clear()
    with pytest.raises(DeployError, match="it does not exist, or your account has no access"):
        deploy(ready())


def test_missing_secret_stops_the_deploy_and_is_requested_again(cloud: Cloud, ready: Deploy) -> None:
    context = ready()
    context.ask = lambda _: "  "
    with pytest.raises(DeployError, match="PLAID_SECRET was not entered"):
        deploy(context)
    deploy(ready())
    assert cloud.state["secrets"]["PLAID_SECRET"] == [PLAID_SECRET]


def test_secret_of_the_second_key_pair_is_requested_once_it_is_needed(
    cloud: Cloud, ready: Deploy, environment: Path
) -> None:
    deploy(ready())
    with environment.open("a", encoding="utf-8") as file:
        file.write("PLAID_EU_CLIENT_ID=second-client\n")
    with pytest.raises(DeployError, match="PLAID_EU_SECRET is not in Secret Manager yet"):
        deploy(ready(interactive=False))
    for _ in range(2):
        deploy(ready())
        assert cloud.state["secrets"]["PLAID_EU_SECRET"] == [PLACEHOLDER, PLAID_SECRET]


def test_differences_are_corrected_and_foreign_resources_are_left_alone(
    cloud: Cloud, ready: Deploy, said: list[str]
) -> None:
    deploy(ready())
    cloud.state["queues"]["synctransactions"] |= {"state": "PAUSED", "rateLimits": {"maxConcurrentDispatches": 999}}
    cloud.state["metrics"]["bank_syncs"]["description"] = "of last year"
    cloud.state["metrics"]["theirs"] = {"name": "theirs"}
    cloud.state["policies"]["theirs"] = {"name": "theirs", "displayName": "Theirs"}
    cloud.state["databases"]["(default)"]["pointInTimeRecoveryEnablement"] = "POINT_IN_TIME_RECOVERY_DISABLED"
    [dashboard] = cloud.state["dashboards"]
    cloud.state["dashboards"][f"{dashboard}old"] = {"name": f"{dashboard}old", "displayName": "Bank"}
    cloud.manifest = dict  # the CLI keeps a queue's state; here no function is deployed again
    deploy(ready())
    assert cloud.state["queues"]["synctransactions"]["rateLimits"]["maxConcurrentDispatches"] == 40
    assert cloud.state["queues"]["synctransactions"]["state"] == "PAUSED"
    assert "the queue synctransactions is paused" in "\n".join(said)
    assert cloud.state["metrics"]["bank_syncs"]["description"].startswith("Syncs that ended")
    assert {"theirs"} <= cloud.state["metrics"].keys() & cloud.state["policies"].keys()
    assert cloud.state["databases"]["(default)"]["pointInTimeRecoveryEnablement"].endswith("ENABLED")
    assert list(cloud.state["dashboards"]) == [dashboard]


def test_unexpected_answer_of_the_live_system_fails_the_deploy(
    cloud: Cloud, ready: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(method: str, url: str, **_: Any) -> httpx.Response:
        if url.endswith("/webhook"):
            raise httpx.ConnectError("no")
        return httpx.Response(200, text="<html>") if "/api/" in url else httpx.Response(404)

    times = iter(range(0, 100_000, 100))
    context = ready()
    context.request, context.now = broken, lambda: float(next(times))
    real = Cloud._logging
    monkeypatch.setattr(Cloud, "_logging", lambda c, words, *rest: [] if words[0] == "read" else real(c, words, *rest))
    with pytest.raises(DeployError, match="deployed, but does not work yet") as refused:
        deploy(context)
    said = str(refused.value)
    assert said.count("no answer from this backend") == len(PROBES)
    assert ".web.app/: 404" in said
    assert said.count("for a stranger instead of 403") + said.count("(ConnectError)") > 10
    assert said.count("not seen: ") == 2
