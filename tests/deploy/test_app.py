"""In an existing app, the functions' settings are where the Firebase CLI reads them, and deploy as part of the app."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.adopt import adopt, main
from deploy.steps import deploy
from deploy.tools import DeployError
from tests.deploy.conftest import Deploy
from tests.deploy.fake_cloud import PROJECT, Cloud
from tests.deploy.test_commands import by_firebase

GIVEN = ["--source", "bank", "--project", PROJECT]
KEY = f"projects/{PROJECT}/locations/us/keyRings/bank/cryptoKeys/access-tokens"


@pytest.fixture
def adopted(app: Path) -> Path:
    assert main(["--app", str(app), *GIVEN]) == 0
    return app


def settings(app: Path) -> Path:
    return app / "bank-settings" / f".env.{PROJECT}"


def fill_in(app: Path) -> None:
    text = settings(app).read_text(encoding="utf-8")
    text = text.replace("PLAID_CLIENT_ID=\n", "PLAID_CLIENT_ID=a-client\n")
    text = text.replace("DEPLOY_ALERT_EMAIL=\n", "DEPLOY_ALERT_EMAIL=on-call@example.com\n")
    settings(app).write_text(text, encoding="utf-8")


def as_the_cli_reads_it(app: Path) -> Any:
    """The variables that `firebase deploy` in the app's folder passes to the backend's functions."""
    functions = json.loads((app / "firebase.json").read_text(encoding="utf-8"))["functions"]
    [ours] = [one for one in functions if one.get("codebase") == "bank"]
    return by_firebase("variables", {"project": PROJECT, "folder": str(app / ours["configDir"])})


def test_the_app_s_own_deploy_finds_every_variable(adopted: Path) -> None:
    fill_in(adopted)
    read = as_the_cli_reads_it(adopted)
    assert read["VAULT_KEY"] == KEY
    assert read["WEBHOOK_URL"] == f"https://{PROJECT}.web.app/api/v1/bank/webhook"
    assert read["TASKS_CALLER"] == f"bank-tasks@{PROJECT}.iam.gserviceaccount.com"
    assert (read["PLAID_ENV"], read["PLAID_CLIENT_ID"]) == ("sandbox", "a-client")


def test_missing_settings_are_named_and_existing_ones_are_kept(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--app", str(app), *GIVEN]) == 0
    assert "fill in PLAID_CLIENT_ID, DEPLOY_ALERT_EMAIL" in capsys.readouterr().out
    fill_in(app)
    text = settings(app).read_text(encoding="utf-8").replace(f"{PROJECT}.web.app", "bank.example.com")
    settings(app).write_text(text, encoding="utf-8")
    assert main(["--app", str(app), *GIVEN]) == 0
    assert settings(app).read_text(encoding="utf-8") == text
    assert capsys.readouterr().out.endswith(f"the functions' settings are in bank-settings/.env.{PROJECT}\n")


def test_custom_settings_folder_is_kept_and_a_custom_site_becomes_plaids_address(app: Path) -> None:
    adopt(app, source="bank")
    path = app / "firebase.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["functions"][1]["configDir"] = "settings/bank"
    config["hosting"]["site"] = "our-site"
    path.write_text(json.dumps(config), encoding="utf-8")
    assert main(["--app", str(app), *GIVEN]) == 0
    assert (app / "settings" / "bank" / f".env.{PROJECT}").is_file()
    assert as_the_cli_reads_it(app)["WEBHOOK_URL"] == "https://our-site.web.app/api/v1/bank/webhook"


def test_deploy_uses_the_apps_firebase_json_and_keeps_its_functions(adopted: Path, cloud: Cloud, ready: Deploy) -> None:
    fill_in(adopted)
    deploy(ready(app=adopted))
    deploys = [call for call in cloud.calls if call[:2] == ["firebase", "deploy"]]
    assert {call[call.index("--config") + 1] for call in deploys} == {str(adopted / "firebase.json")}
    parts = {part for call in deploys for part in call[call.index("--only") + 1].split(",")}
    assert {":".join(part.split(":")[:2]) for part in parts} == {"firestore", "functions:bank", "hosting"}
    assert set(cloud.state["deployed"]) == {"firestore", "hosting"}
    variables = cloud.state["functions"]["synctransactions"]["variables"]
    assert f'VAULT_KEY="{KEY}"' in variables


def test_missing_settings_are_reported_before_anything_is_changed(app: Path, cloud: Cloud, ready: Deploy) -> None:
    with pytest.raises(DeployError, match="make adopt"):
        ready(app=app)
    adopt(app, source="bank")
    with pytest.raises(DeployError, match=r"to write .*bank-settings"):
        deploy(ready(app=app))
    main(["--app", str(app), *GIVEN])
    fill_in(app)
    whole = settings(app).read_text(encoding="utf-8")
    settings(app).write_text(whole.replace("TASKS_CALLER", "TASKS_CALLED"), encoding="utf-8")
    with pytest.raises(DeployError, match="to write TASKS_CALLER"):
        deploy(ready(app=app))
    settings(app).write_text(whole.replace(KEY, KEY.replace(PROJECT, "a-test-project")), encoding="utf-8")
    with pytest.raises(DeployError, match="belongs to the backend of a-test-project"):
        deploy(ready(app=app))
    assert cloud.changes == 0
