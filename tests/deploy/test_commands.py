"""Every command line of a deploy is parsed by the tools' own parsers, and the functions by the Firebase CLI's."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from deploy.context import manifest
from deploy.destroy import destroy
from deploy.processes import run
from deploy.steps import deploy
from deploy.tools import Done, Tools
from emulators.environment import folder
from emulators.setup import ROOT
from tests.deploy.conftest import Deploy
from tests.deploy.fake_cloud import PROJECT, Cloud

HERE = Path(__file__).parent


@pytest.fixture
def calls(cloud: Cloud, ready: Deploy) -> list[list[str]]:
    """All calls of a deploy, of one that finds changes, of both kinds of destroy, and of a deploy after them."""
    deploy(ready())
    cloud.state["metrics"]["bank_syncs"]["description"] = "of last year"
    for policy in cloud.state["policies"].values():
        policy["userLabels"]["bank-version"] = "of last year"
    cloud.state["databases"]["(default)"].pop("deleteProtectionState")
    cloud.state["keys"]["access-tokens"]["rotation"] = None
    [channel] = cloud.state["channels"].values()
    del channel["userLabels"]
    deploy(ready())
    answers = iter([PROJECT, "hosting", f"delete {PROJECT}"])
    destroy(ready(), confirm=lambda _: next(answers))
    deploy(ready())
    return [list(call) for call in dict.fromkeys(map(tuple, cloud.calls))]


def gcloud(calls: list[list[str]]) -> list[list[str]]:
    return [call[1:] for call in calls if call[0] == "gcloud"]


@cache
def gcloud_itself(program: str) -> tuple[str, str]:
    """The Cloud SDK's folder and its Python; finding out takes a second."""
    ask = [program, "info", "--format=value(installation.sdk_root,basic.python_location)"]
    said = subprocess.run(ask, capture_output=True, text=True, check=True, env=gcloud_environment()).stdout
    root, python = said.split("\t")
    return root, python.strip()


def gcloud_environment() -> dict[str, str]:
    return {**os.environ, "CLOUDSDK_CONFIG": str(folder("config", "gcloud"))}


def refused_by_gcloud(calls: list[list[str]]) -> Any:
    """The command lines that gcloud's own parser refuses. It reads the named files, too."""
    program = shutil.which("gcloud")
    if program is None:
        pytest.skip("gcloud is not installed here")
    root, python = gcloud_itself(program)
    done = subprocess.run(
        [python, str(HERE / "parse_gcloud.py"), root],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        check=True,
        env=gcloud_environment(),
        cwd=ROOT,
    )
    return json.loads(done.stdout)


def by_firebase(what: str, given: Any) -> Any:
    """The answer of firebase-tools' own code, which neither uses the network nor writes into the home folder."""
    home = str(folder("home"))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": home,
        "XDG_CONFIG_HOME": home,
        "NO_UPDATE_NOTIFIER": "1",
        "CI": "1",
    }
    done = subprocess.run(
        ["node", str(HERE / "parse_firebase.cjs"), what],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # the CLI may have reported its progress before


def test_gcloud_accepts_every_command(calls: list[list[str]]) -> None:
    kinds = {" ".join(word for word in call[:3] if not word.startswith("-")) for call in gcloud(calls)}
    assert len(kinds) > 30
    assert refused_by_gcloud(gcloud(calls)) == []


def test_gcloud_s_parser_notices_flags_commands_and_files_that_do_not_exist() -> None:
    wrong = [
        ["kms", "keys", "create", "k", "--keyring=r", "--location=l", "--purpose=encryption", "--rotate=1d"],
        ["firestore", "backup", "schedules", "create", "--database=d", "--retention=7d", "--recurrence=daily"],
        ["logging", "metrics", "create", "m", "--config-from-file=no-such-file.json"],
        ["monitoring", "policies", "list"],
    ]
    assert [call for call, _ in refused_by_gcloud(wrong)] == wrong


def test_firebase_cli_accepts_every_command(calls: list[list[str]]) -> None:
    ours = [call[1:] for call in calls if call[0] == "firebase"]
    assert {call[0] for call in ours} >= {"deploy", "projects:addfirebase", "functions:artifacts:setpolicy"}
    wrong = [["deploy", "--onyl", "x"], ["deploi"]]
    assert by_firebase("commands", [*ours, *wrong]) == wrong


def test_firebase_cli_reads_the_functions_correctly() -> None:
    given = {"specVersion": "v1alpha1", "endpoints": manifest(), "params": [], "requiredAPIs": []}
    read = by_firebase("manifest", {"yaml": given, "project": PROJECT, "region": "us-central1"})
    assert list(read) == ["us-central1"]
    functions = read["us-central1"]
    assert functions.keys() == manifest().keys()
    accounts = {function["serviceAccount"] for function in functions.values()}
    assert all(account.endswith(f"@{PROJECT}.iam.gserviceaccount.com") for account in accounts)
    assert functions["synctransactions"]["taskQueueTrigger"]["rateLimits"] == {
        "maxConcurrentDispatches": 40,
        "maxDispatchesPerSecond": 20,
    }
    assert functions["schedule_syncs"]["scheduleTrigger"]["schedule"] == "every 15 minutes"
    assert functions["plaid_webhook"]["secretEnvironmentVariables"][0]["key"] == "PLAID_SECRET"
    assert functions["on_user_deleted"]["eventTrigger"]["eventType"] == "google.cloud.firestore.document.v1.deleted"


ODD = (
    """it's "odd" \\ #1 $HOME""",
    "Café Zürich, 銀行 €",
    r"C:\\new\test",
    "a\\",
    "#1",
    "'whole'",
    "x=y; `z` ${A} %PATH% !",
    "tab\tand\x08bell\x07",
)


@pytest.mark.parametrize("odd", ODD)
def test_firebase_cli_reads_the_variables_correctly(ready: Deploy, environment: Path, odd: str) -> None:
    """It refuses reserved names, FUNCTION_IDENTITY among them, and every character must be kept."""
    quote = "'" if '"' in odd or odd[0] == "'" else '"'
    line = f"CLIENT_NAME={quote}{odd}{quote}\n"
    environment.write_text(environment.read_text(encoding="utf-8") + line, encoding="utf-8")
    given = ready().project
    config = json.loads(given.write_config().read_text(encoding="utf-8"))
    folder_ = str(ROOT / config["functions"][0]["configDir"])
    assert by_firebase("variables", {"project": PROJECT, "folder": folder_}) == given.deployed_variables()
    assert given.deployed_variables()["CLIENT_NAME"] == odd


@pytest.mark.parametrize(
    "text",
    [
        "My bank # the name in Link",
        "My bank\t# the name in Link",
        '"My bank" # the name in Link',
        '"My # bank"',
        "'My bank' # it's the name",
        '"My bank" # "the name"',
        "# the name in Link",
        "",
    ],
)
@pytest.mark.parametrize("start", ["", "\ufeff"])  # some editors begin a file with this mark
def test_comments_behind_values_are_read_as_the_firebase_cli_reads_them_in_an_app(
    ready: Deploy, environment: Path, text: str, start: str
) -> None:
    environment.write_text(f"{start}CLIENT_NAME={text}\n", encoding="utf-8")
    given = by_firebase("variables", {"project": PROJECT, "folder": str(environment.parent)})
    assert ready().project.variables == given
    assert given["CLIENT_NAME"] in ("My bank", "My # bank", "")


def test_page_policy_allows_only_the_project_and_the_styles_of_link(
    ready: Deploy,
) -> None:
    def policies(config: Path) -> dict[str, list[str]]:
        headers = json.loads(config.read_text(encoding="utf-8"))["hosting"]["headers"]
        return {
            rule["source"]: [part.strip() for part in one["value"].split(";")]
            for rule in headers
            for one in rule["headers"]
            if one["key"] == "Content-Security-Policy"
        }

    before, after = policies(ROOT / "firebase.json"), policies(ready().project.write_config())
    assert list(after) == ["**", "/reference{,/**}"], "the last match decides"
    assert after["/reference{,/**}"] == before["/reference{,/**}"]
    ours, deployed = before["**"], after["**"]
    opened = {a.split()[0]: set(b.split()) - set(a.split()) for a, b in zip(ours, deployed, strict=True) if a != b}
    assert opened == {
        "style-src": {"'unsafe-inline'"},
        "connect-src": {f"https://us-central1-{PROJECT}.cloudfunctions.net"},
        "frame-src": {f"https://{PROJECT}.firebaseapp.com"},
    }
    assert all("*" not in part for part in (*ours, *deployed)), "every origin is named"


def test_secrets_are_passed_by_standard_input_only(tmp_path: Path, said: list[str]) -> None:
    program = tmp_path / "gcloud"
    program.write_text('#!/bin/sh\necho "argv: $*"\nprintf "stdin: "\ncat\nenv >&2\n', encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    tools = Tools(say=said.append, programs={"gcloud": str(program)})
    done = tools.change("gcloud", "secrets", "versions", "add", "X", "--data-file=-", stdin="not-a-real-secret")
    assert done.out == "argv: secrets versions add X --data-file=-\nstdin: not-a-real-secret"
    assert "not-a-real-secret" not in done.err + "".join(said)
    assert run([str(tmp_path / "missing")], None) == Done(127, "", f"{tmp_path / 'missing'}: No such file or directory")
