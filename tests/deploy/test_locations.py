"""Functions, database and key are where the settings say, fit together, and never move."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from deploy.__main__ import main as command
from deploy.adopt import main as adopt
from deploy.destroy import destroy
from deploy.locations import MULTI_REGIONS
from deploy.steps import deploy
from deploy.tools import ROOT, DeployError, Tools
from tests.deploy.conftest import WORK, Deploy
from tests.deploy.fake_cloud import PROJECT, Cloud
from tests.deploy.test_commands import by_firebase, gcloud, refused_by_gcloud
from tests.deploy.test_deploy import comparable, ended

EUROPE = "DEPLOY_REGION=europe-west1\nDEPLOY_FIRESTORE_LOCATION=eur3\n"
THEIRS = "projects/their-keys/locations/europe/keyRings/shared/cryptoKeys/bank-tokens"
OFFERED = {
    "Cloud Run": ("run", "europe-west1"),
    "Cloud Tasks": ("tasks", "europe-west1"),
    "Cloud Scheduler": ("scheduler", "europe-west1"),
    "Cloud KMS": ("kms", "europe"),
    "Firestore": ("firestore", "eur3"),
}
# What names a location in a command, an address or a resource.
NAMED = re.compile(
    r"--(?:location|regions?)[= ](\w[\w-]*)|/locations/(\w[\w-]*)|https://([a-z]+-[a-z]+\d)-|firebase-schedule-\w+-([a-z-]+\d)"
)


def add(environment: Path, lines: str) -> None:
    environment.write_text(environment.read_text(encoding="utf-8") + lines, encoding="utf-8")


def named(texts: list[str]) -> set[str]:
    """Every location in some texts."""
    return {part for text in texts for found in NAMED.findall(text) for part in found if part}


def ring_in(cloud: Cloud, location: str) -> None:
    """A project in which version 0.1 created the key ring and the key."""
    cloud.state["services"]["cloudkms.googleapis.com"] = True
    cloud.state["rings"]["bank"] = f"projects/{PROJECT}/locations/{location}"
    cloud.state["keys"]["access-tokens"] = {"rotation": "90d", "versions": {"1": "ENABLED"}, "primary": "1"}


def vault_key(cloud: Cloud) -> str:
    [found] = re.findall('^VAULT_KEY="(.+)"$', cloud.state["functions"]["exchangelink"]["variables"], re.MULTILINE)
    return str(found)


@pytest.mark.parametrize(
    ("lines", "region", "database", "key"),
    [
        ("", "us-central1", "nam5", "us"),
        (EUROPE, "europe-west1", "eur3", "europe"),
        ("DEPLOY_REGION=europe-west1\n", "europe-west1", "eur3", "europe"),
        ("DEPLOY_REGION=asia-east1\n", "asia-east1", "asia-east1", "asia-east1"),
        ("DEPLOY_REGION=us-east1\nDEPLOY_FIRESTORE_LOCATION=us-east1\n", "us-east1", "us-east1", "us-east1"),
        (f"{EUROPE}DEPLOY_KEY_LOCATION=europe-west3\n", "europe-west1", "eur3", "europe-west3"),
    ],
)
def test_everything_is_created_where_the_settings_say(
    cloud: Cloud, ready: Deploy, environment: Path, lines: str, region: str, database: str, key: str
) -> None:
    add(environment, lines)
    deploy(ready())
    assert cloud.state["region"] == region
    assert cloud.state["databases"]["(default)"]["locationId"] == database
    assert cloud.state["rings"] == {"bank": f"projects/{PROJECT}/locations/{key}"}
    assert vault_key(cloud) == f"projects/{PROJECT}/locations/{key}/keyRings/bank/cryptoKeys/access-tokens"
    assert f'DEPLOY_REGION="{region}"' in cloud.state["functions"]["exchangelink"]["variables"].splitlines()
    jobs = {f"firebase-schedule-{name}-{region}" for name in ("schedule_syncs", "monitor_connections")}
    assert set(cloud.state["jobs"]) == jobs
    config = json.loads((ROOT / f"firebase.{PROJECT}.local.json").read_text(encoding="utf-8"))
    rewrites = [rule["function"]["region"] for rule in config["hosting"]["rewrites"] if "function" in rule]
    assert rewrites == [region] * 9
    assert f"https://{region}-{PROJECT}.cloudfunctions.net" in json.dumps(config["hosting"]["headers"])
    page = json.loads((WORK / "page" / "config.json").read_text(encoding="utf-8"))
    assert page == {"region": region, "oauth_redirect": False}
    whole = ended(cloud)
    deploy(ready())
    assert comparable(cloud) == whole


@pytest.mark.parametrize(
    ("lines", "expected"), [(EUROPE, "europe"), ("DEPLOY_REGION=europe-west1\n", "europe"), ("", "us")]
)
def test_dry_run_prints_commands_in_which_every_location_fits(
    cloud: Cloud, environment: Path, said: list[str], lines: str, expected: str
) -> None:
    add(environment, lines)
    assert command(["up", "--project", PROJECT, "--dry-run"], tools=Tools(say=said.append, runner=cloud)) == 0
    places = named(said)
    assert len(places) >= 3
    assert {MULTI_REGIONS.get(one, one.partition("-")[0]) for one in places} == {expected}
    assert not [line for line in said if "would be refused" in line]
    assert cloud.calls == []


def test_commands_of_a_european_deploy_are_valid_and_name_no_other_place(
    cloud: Cloud, ready: Deploy, environment: Path
) -> None:
    add(environment, EUROPE)
    deploy(ready())
    deploy(ready())
    answers = iter([PROJECT, "hosting", f"delete {PROJECT}"])
    destroy(ready(), confirm=lambda _: next(answers))
    texts = [" ".join(call) for call in cloud.calls if "keyrings list" not in " ".join(call)]  # looks for an older key
    assert named(texts) == {"europe-west1", "eur3", "europe"}
    assert refused_by_gcloud([list(call) for call in dict.fromkeys(map(tuple, gcloud(cloud.calls)))]) == []


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (
            "DEPLOY_REGION=europe-west1\nDEPLOY_FIRESTORE_LOCATION=nam5\n",
            "DEPLOY_REGION=europe-west1 does not fit .*nam5",
        ),
        ("DEPLOY_FIRESTORE_LOCATION=eur3\n", "DEPLOY_REGION=us-central1 does not fit .*eur3.*location nam5"),
        (f"{EUROPE}DEPLOY_KEY_LOCATION=us\n", "key's location us does not fit .*eur3.*choose europe"),
        ("DEPLOY_KEY_LOCATION=europe\n", "key's location europe does not fit .*nam5.*choose us"),
        ("DEPLOY_KEY_LOCATION=global\n", "key's location global does not fit"),
        ("DEPLOY_KEY_LOCATION=nam5\n", "key's location nam5 does not fit"),
        ("DEPLOY_REGION=us\n", "correct DEPLOY_REGION: us is not a region"),
        ("DEPLOY_REGION=europe-west1\nDEPLOY_FIRESTORE_LOCATION=europe\n", "correct DEPLOY_FIRESTORE_LOCATION: europe"),
        ("DEPLOY_REGION=asia-east1\nDEPLOY_FIRESTORE_LOCATION=us-east1\n", "asia-east1 does not fit .*us-east1"),
    ],
)
def test_locations_that_do_not_fit_are_refused_before_anything_is_created(
    cloud: Cloud, ready: Deploy, environment: Path, said: list[str], lines: str, why: str
) -> None:
    add(environment, lines)
    with pytest.raises(DeployError) as refused:
        deploy(ready())
    assert re.search(why, str(refused.value))
    assert cloud.changes == 0
    deploy(ready(dry=True))
    assert [line for line in said if line.startswith("would be refused") and re.search(why, line)]


@pytest.mark.parametrize("service", OFFERED)
def test_location_without_a_service_is_refused_before_anything_is_created(
    cloud: Cloud, ready: Deploy, environment: Path, service: str
) -> None:
    add(environment, EUROPE)
    cloud.not_offered = {OFFERED[service]}
    with pytest.raises(DeployError, match=f"{service} is not offered in {OFFERED[service][1]}: "):
        deploy(ready())
    assert (cloud.state["accounts"], cloud.state["databases"], cloud.state["rings"]) == ({}, {}, {})


@pytest.mark.parametrize(
    ("key_too", "lines"),
    [(True, ""), (False, ""), (True, 'VAULT_KEY=""\n'), (True, "VAULT_KEY=\nDEPLOY_KEY_LOCATION=\n")],
)
def test_key_ring_of_an_earlier_version_is_kept(
    cloud: Cloud, ready: Deploy, environment: Path, said: list[str], key_too: bool, lines: str
) -> None:
    """Empty settings count as unset."""
    add(environment, lines)
    ring_in(cloud, "us-central1")
    if not key_too:
        cloud.state["keys"].clear()
    deploy(ready())
    assert cloud.state["rings"] == {"bank": f"projects/{PROJECT}/locations/us-central1"}
    assert list(cloud.state["keys"]["access-tokens"]["versions"]) == ["1"]
    assert vault_key(cloud) == f"projects/{PROJECT}/locations/us-central1/keyRings/bank/cryptoKeys/access-tokens"
    assert any("the key stays where an earlier deployment created it: us-central1" in line for line in said)
    worker = f"serviceAccount:bank-worker@{PROJECT}.iam.gserviceaccount.com"
    assert ["roles/cloudkms.cryptoKeyEncrypterDecrypter", worker] in cloud.state["bindings"]["key access-tokens"]
    answers = iter([PROJECT, "hosting", f"delete {PROJECT}"])
    destroy(ready(), confirm=lambda _: next(answers))
    assert cloud.state["keys"]["access-tokens"]["versions"] == {"1": "DESTROY_SCHEDULED"}
    assert cloud.state["bindings"]["key access-tokens"] == []


def test_european_backend_of_an_earlier_version_keeps_running_where_it_is(
    cloud: Cloud, ready: Deploy, environment: Path, said: list[str]
) -> None:
    """Version 0.1 had all functions and keys in us-central1, wherever the database was."""
    ring_in(cloud, "us-central1")
    deploy(ready())
    cloud.state["databases"]["(default)"]["locationId"] = "eur3"
    with pytest.raises(DeployError, match="the database is in eur3: set DEPLOY_FIRESTORE_LOCATION=eur3"):
        deploy(ready())
    add(environment, "DEPLOY_FIRESTORE_LOCATION=eur3\n")
    said.clear()
    deploy(ready())
    assert cloud.state["rings"] == {"bank": f"projects/{PROJECT}/locations/us-central1"}
    assert [line for line in said if "note: DEPLOY_REGION=us-central1 does not fit" in line]


@pytest.mark.parametrize(
    "lines",
    [
        "DEPLOY_KEY_LOCATION=us\n",
        "VAULT_KEY=projects/(project)/locations/us/keyRings/bank/cryptoKeys/access-tokens\n",
        "VAULT_KEY=projects/(project)/locations/us/keyRings/new/cryptoKeys/tokens\n",
    ],
)
def test_settings_that_name_another_key_than_the_existing_one_are_refused(
    cloud: Cloud, ready: Deploy, environment: Path, lines: str
) -> None:
    ring_in(cloud, "us-central1")
    add(environment, lines.replace("(project)", PROJECT))
    with pytest.raises(DeployError, match="cannot be moved: set VAULT_KEY to this name") as refused:
        deploy(ready())
    assert f"projects/{PROJECT}/locations/us-central1/keyRings/bank/cryptoKeys/access-tokens" in str(refused.value)
    assert "bank" in cloud.state["rings"]
    assert cloud.state["functions"] == {}


def test_functions_do_not_move_to_another_region(cloud: Cloud, ready: Deploy, environment: Path) -> None:
    """The Firebase CLI would ask to delete them, and their queues still hold tasks."""
    deploy(ready())
    add(environment, "DEPLOY_REGION=us-east1\n")
    before = ended(cloud)
    with pytest.raises(DeployError, match="this backend runs in us-central1: set DEPLOY_REGION=us-central1"):
        deploy(ready())
    assert comparable(cloud) == before
    for one in cloud.state["functions"].values():
        one["codebase"] = "theirs"
    with pytest.raises(AssertionError):  # the stand-in refuses it: functions of others are no reason to stop here
        deploy(ready())


class TestKeyOfAnotherProject:
    @pytest.fixture(autouse=True)
    def _shared(self, cloud: Cloud, environment: Path) -> None:
        add(environment, f"{EUROPE}VAULT_KEY={THEIRS}\n")
        cloud.state["projects"]["their-keys"] = {"billing": True, "firebase": False}
        cloud.state["rings"]["shared"] = "projects/their-keys/locations/europe"
        cloud.state["keys"]["bank-tokens"] = {"rotation": None, "versions": {"1": "ENABLED"}, "primary": "1"}

    def test_it_is_used_and_neither_created_nor_changed(self, cloud: Cloud, ready: Deploy, said: list[str]) -> None:
        key = json.dumps(cloud.state["keys"])
        deploy(ready())
        assert vault_key(cloud) == THEIRS
        assert set(cloud.state["rings"]) == {"shared"}
        assert json.dumps(cloud.state["keys"]) == key
        worker = f"serviceAccount:bank-worker@{PROJECT}.iam.gserviceaccount.com"
        assert ["roles/cloudkms.cryptoKeyEncrypterDecrypter", worker] in cloud.state["bindings"]["key bank-tokens"]
        assert any("logged in its own project" in line for line in said)
        assert not [one for one in cloud.state["policies"].values() if "unknown account" in one["displayName"]]
        answers = iter([PROJECT, "hosting", f"delete {PROJECT}"])
        destroy(ready(), confirm=lambda _: next(answers))
        assert json.dumps(cloud.state["keys"]) == key
        assert cloud.state["bindings"]["key bank-tokens"] == []

    @pytest.mark.parametrize("state", ["DISABLED", "DESTROYED"])
    def test_one_that_cannot_encrypt_is_refused(self, cloud: Cloud, ready: Deploy, state: str) -> None:
        cloud.state["keys"]["bank-tokens"]["versions"]["1"] = state
        with pytest.raises(DeployError, match="cannot encrypt"):
            deploy(ready())
        assert cloud.state["functions"] == {}

    def test_one_that_does_not_exist_is_refused(self, cloud: Cloud, ready: Deploy) -> None:
        cloud.state["keys"].clear()
        with pytest.raises(DeployError, match="does not exist"):
            deploy(ready())
        assert cloud.state["keys"] == {}


def test_firebase_cli_discovers_the_functions_in_the_region_of_the_settings(ready: Deploy, environment: Path) -> None:
    """It starts main.py with the variables of the environment file."""
    add(environment, EUROPE)
    context = ready()
    config = json.loads(context.project.write_config().read_text(encoding="utf-8"))
    given = {"project": PROJECT, "folder": config["functions"][0]["configDir"]}
    assert by_firebase("discover", given) == ["europe-west1"]


class TestAdoptedApp:
    @pytest.fixture
    def settings(self, app: Path) -> Path:
        given = ["--app", str(app), "--source", "bank", "--project", PROJECT]
        assert adopt(given) == 0
        path = app / "bank-settings" / f".env.{PROJECT}"
        text = path.read_text(encoding="utf-8").replace("PLAID_CLIENT_ID=\n", "PLAID_CLIENT_ID=a-client\n")
        path.write_text(text.replace("DEPLOY_ALERT_EMAIL=\n", "DEPLOY_ALERT_EMAIL=on-call@example.com\n"), "utf-8")
        return path

    def test_its_routes_follow_its_region(self, cloud: Cloud, ready: Deploy, app: Path, settings: Path) -> None:
        text = settings.read_text(encoding="utf-8")
        text = text.replace("=us-central1", "=europe-west1").replace("=nam5", "=eur3")
        settings.write_text("\n".join(line for line in text.splitlines() if "VAULT_KEY" not in line) + "\n", "utf-8")
        with pytest.raises(
            DeployError, match=r"make adopt.* sends calls to another region than DEPLOY_REGION=europe-west1"
        ):
            deploy(ready(app=app))
        assert adopt(["--app", str(app), "--source", "bank", "--project", PROJECT]) == 0
        assert adopt(["--app", str(app), "--source", "bank"]) == 0  # without a project, the region stays
        config: dict[str, Any] = json.loads((app / "firebase.json").read_text(encoding="utf-8"))
        ours = [rule for rule in config["hosting"]["rewrites"] if rule["source"].startswith("/api/v1/bank")]
        assert {rule["function"]["region"] for rule in ours} == {"europe-west1"}
        deploy(ready(app=app))
        assert cloud.state["region"] == "europe-west1"
        assert vault_key(cloud) == f"projects/{PROJECT}/locations/europe/keyRings/bank/cryptoKeys/access-tokens"
