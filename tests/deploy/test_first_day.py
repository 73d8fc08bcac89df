"""The first deploy of a project: what it may lack is created, waited for, or named before anything changes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy import store
from deploy.first_day import ALWAYS, FIRST
from deploy.steps import deploy
from deploy.tools import DeployError
from emulators.setup import ROOT
from tests.deploy.conftest import Deploy
from tests.deploy.fake_cloud import PROJECT, Cloud, Refused
from tests.deploy.fake_web import Web
from tests.deploy.test_deploy import comparable, ended
from tests.deploy.test_locations import add


def test_missing_hosting_site_is_created_once(cloud: Cloud, ready: Deploy) -> None:
    """Firebase was added with a web app, but without Hosting."""
    cloud.state["projects"][PROJECT]["firebase"] = True
    cloud.state["apps"]["Theirs"] = True
    deploy(ready())
    assert cloud.state["sites"] == {PROJECT: "DEFAULT_SITE"}
    assert list(cloud.state["apps"]) == ["Theirs"]
    whole = ended(cloud)
    deploy(ready())
    assert comparable(cloud) == whole


def test_existing_default_site_is_used(cloud: Cloud, ready: Deploy) -> None:
    cloud.state["sites"]["theirs"] = "DEFAULT_SITE"
    deploy(ready())
    assert list(cloud.state["sites"]) == ["theirs"]


def test_site_name_of_another_project_is_explained(
    cloud: Cloud, ready: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Cloud._firebase

    def taken(self: Cloud, arguments: list[str], stdin: str | None) -> Any:
        if arguments[0] == "hosting:sites:create":
            raise Refused(f"Invalid name: `{PROJECT}` is already reserved by another project; try something like `x`")
        return real(self, arguments, stdin)

    monkeypatch.setattr(Cloud, "_firebase", taken)
    with pytest.raises(DeployError, match="set WEBHOOK_URL to its address"):
        deploy(ready())


def test_indexes_that_others_change_meanwhile_are_deployed_again(cloud: Cloud, ready: Deploy) -> None:
    cloud.contention = 6
    deploy(ready())
    assert cloud.contention == 0
    assert "firestore" in cloud.state["deployed"]


def test_database_in_datastore_mode_is_refused(cloud: Cloud, ready: Deploy) -> None:
    cloud.state["services"]["firestore.googleapis.com"] = True
    database = {"name": "projects/p/databases/(default)", "type": "DATASTORE_MODE", "locationId": "nam5"}
    cloud._make("databases", "(default)", database)
    before = cloud.changes
    with pytest.raises(DeployError, match="is in Datastore mode") as refused:
        deploy(ready())
    assert "--type=firestore-native" in str(refused.value)
    assert cloud.changes == before
    cloud.state["databases"]["(default)"]["type"] = "FIRESTORE_NATIVE"
    deploy(ready())


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ({"Google Cloud SDK": "401.0.1", "alpha": "1", "beta": "1"}, "update gcloud 401.0.1 to 528 or newer"),
        ({"Google Cloud SDK": "530.0.0", "beta": "1"}, "gcloud components install alpha$"),
        ({"Google Cloud SDK": "530.0.0"}, "gcloud components install alpha beta$"),
    ],
)
def test_old_or_incomplete_gcloud_is_refused(cloud: Cloud, ready: Deploy, version: Any, why: str) -> None:
    cloud.gcloud_version = version
    with pytest.raises(DeployError) as refused:
        deploy(ready())
    assert [line for line in str(refused.value).splitlines() if re.search(why, line)]
    assert cloud.changes == 0


def test_rights_that_the_account_lacks_are_all_named(cloud: Cloud, ready: Deploy, web: Web) -> None:
    web.lacking = {"run.services.setIamPolicy", "cloudkms.keyRings.create", "cloudkms.cryptoKeys.create"}
    with pytest.raises(DeployError) as refused:
        deploy(ready())
    said = str(refused.value)
    assert "lacks run.services.setIamPolicy: ask an owner of the project for roles/run.admin" in said
    assert "lacks cloudkms.cryptoKeys.create, cloudkms.keyRings.create: ask an owner" in said
    assert cloud.changes == 0


def test_later_deploys_need_no_right_to_create_what_exists(cloud: Cloud, ready: Deploy, web: Web) -> None:
    deploy(ready())
    web.lacking = {one for names in FIRST.values() for one in names}
    deploy(ready())


def test_rights_that_cannot_be_asked_for_do_not_stop_the_deploy(
    cloud: Cloud, ready: Deploy, web: Web, said: list[str]
) -> None:
    def unknown(method: str, url: str, **given: Any) -> httpx.Response:
        if "cloudresourcemanager" in url:
            return httpx.Response(403)
        return web(method, url, **given)

    context = ready()
    context.request = unknown
    deploy(context)
    assert any("could not be checked" in line for line in said)


def test_document_lists_the_roles_of_every_deploy_and_of_the_first() -> None:
    ci = (ROOT / "docs" / "deploy-from-ci.md").read_text(encoding="utf-8")
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [role for role in ALWAYS if f"`{role}`" not in ci] == []
    assert [role for role in FIRST if f"`{role}`" not in operations] == []


def test_each_permission_belongs_to_one_role() -> None:
    names = [one for table in (ALWAYS, FIRST) for names in table.values() for one in names]
    assert len(names) == len(set(names)) <= 100, json.dumps(sorted(names))


def test_backups_are_kept_longer_if_the_settings_say_so_later(cloud: Cloud, ready: Deploy, environment: Path) -> None:
    deploy(ready())
    assert cloud.state["schedules"]["daily"]["retention"] == "604800s"
    add(environment, "DEPLOY_BACKUP_DAYS=30\n")
    deploy(ready())
    changes = cloud.changes
    store.backups(ready())
    assert cloud.state["schedules"]["daily"]["retention"] == "2592000s"
    assert cloud.changes == changes


def test_backups_that_are_kept_longer_than_the_settings_say_stay(cloud: Cloud, ready: Deploy, said: list[str]) -> None:
    """They may be the app's."""
    deploy(ready())
    cloud.state["schedules"]["daily"]["retention"] = "2592000s"
    deploy(ready())
    assert cloud.state["schedules"]["daily"]["retention"] == "2592000s"
    assert "  note: daily backups stay for 30 days, as before. To change that: gcloud" in said


def test_weekly_backups_of_an_existing_schedule_are_kept_as_long_as_the_documents_promise(
    cloud: Cloud, ready: Deploy
) -> None:
    """The app's own schedule may keep them for a shorter time, and a database has only one."""
    deploy(ready())
    promised = cloud.state["schedules"]["weekly"]["retention"]
    cloud.state["schedules"]["weekly"]["retention"] = "1209600s"
    store.backups(ready())
    assert cloud.state["schedules"]["weekly"]["retention"] == promised == f"{14 * 7 * 86400}s"
    changes = cloud.changes
    store.backups(ready())
    assert cloud.changes == changes


@pytest.mark.parametrize("given", ["a@example.com,b@example.com", "a@example.com b@example.com", "a at b", "@"])
def test_alert_address_that_is_not_one_address_is_refused(
    cloud: Cloud, ready: Deploy, environment: Path, given: str
) -> None:
    """Cloud Monitoring would refuse it after everything else was deployed."""
    add(environment, f"DEPLOY_ALERT_EMAIL={given}\n")
    with pytest.raises(DeployError, match=r"set DEPLOY_ALERT_EMAIL in .* to one address"):
        deploy(ready())
    assert cloud.changes == 0
