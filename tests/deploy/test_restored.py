"""A deploy after a restore: the triggers of the previous database are silent, and are created again."""

from __future__ import annotations

import copy
import re
import shlex
from typing import Any

import httpx
import pytest

from deploy import first_day, restore
from deploy.__main__ import main
from deploy.steps import deploy
from deploy.tools import ROOT, DeployError, Tools
from deploy.triggers import remove_silent
from tests.deploy.conftest import Deploy
from tests.deploy.fake_cloud import PROJECT, Cloud
from tests.deploy.fake_web import Web
from tests.deploy.test_commands import refused_by_gcloud
from tests.deploy.test_deploy import comparable, ended, leaks

TRIGGERS = ["on_connection_created", "on_notification_created", "on_user_deleted"]


def deleted(cloud: Cloud) -> list[list[str]]:
    """The functions that each command deleted."""
    calls = [call for call in cloud.calls if call[:2] == ["firebase", "functions:delete"]]
    return [[word for word in call[2:] if word in cloud.state["functions"]] for call in calls]


def test_triggers_older_than_the_database_are_created_again(cloud: Cloud, ready: Deploy, said: list[str]) -> None:
    deploy(ready())
    whole = ended(cloud)
    cloud.create_database_again()
    cloud.logged.clear()
    cloud.calls.clear()
    deploy(ready())
    assert deleted(cloud) == [TRIGGERS]
    assert "push.not_a_notification" in cloud.logged
    assert comparable(cloud) == whole
    cloud.calls.clear()
    deploy(ready())
    assert deleted(cloud) == []
    assert leaks(cloud, said) == []


def test_smoke_test_notices_silent_triggers(cloud: Cloud, ready: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(ready())
    cloud.create_database_again()
    cloud.logged.clear()
    monkeypatch.setattr("deploy.code.remove_silent", lambda _: None)
    times = iter(range(0, 100_000, 10))
    context = ready()
    context.now = lambda: float(next(times))
    with pytest.raises(DeployError, match="no event of Firestore arrives"):
        deploy(context)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_deploy_after_a_restore_may_be_interrupted_at_every_change(
    cloud: Cloud, ready: Deploy, web: Web, moment: str
) -> None:
    deploy(ready())
    whole = ended(cloud)
    cloud.create_database_again()
    state, born, before = copy.deepcopy(cloud.state), dict(cloud.born), cloud.changes
    deploy(ready())
    changes = cloud.changes - before
    assert changes > 5
    for number in range(1, changes + 1):
        cloud.state, cloud.born, cloud.changes = copy.deepcopy(state), dict(born), 0
        cloud.logged.clear()
        cloud.stop_at = (number, moment)
        with pytest.raises(KeyboardInterrupt):
            deploy(ready())
        cloud.stop_at = None
        deploy(ready())
        assert comparable(cloud) == whole, f"interrupted {moment} change {number}"
        assert "push.not_a_notification" in cloud.logged
        assert web.documents == set()


def test_functions_of_others_are_named_and_left_alone(cloud: Cloud, ready: Deploy, said: list[str]) -> None:
    deploy(ready())
    endpoint = cloud.manifest()["on_user_deleted"]  # type: ignore[misc]
    for name, database in (("theirs", "(default)"), ("elsewhere", "another")):
        filters = endpoint["eventTrigger"] | {"eventFilters": {"database": database}}
        cloud.state["functions"][name] = {"state": "ACTIVE", "endpoint": {"eventTrigger": filters}}
        cloud._bear(name)
    cloud.create_database_again()
    said.clear()
    remove_silent(ready())
    assert deleted(cloud) == [[]]  # they are gone now
    assert not cloud.state["functions"].keys() & set(TRIGGERS)
    assert {"theirs", "elsewhere"} <= cloud.state["functions"].keys()
    notes = [line for line in said if "firebase functions:delete theirs --region=us-central1" in line]
    assert len(notes) == 1
    assert not any("elsewhere" in line for line in said)


def test_lost_first_events_of_a_new_trigger_are_written_again(cloud: Cloud, ready: Deploy, web: Web) -> None:
    """Eventarc delivers nothing to a trigger in its first minutes."""
    lost = 2
    real = cloud.deliver

    def late(function: str) -> None:
        nonlocal lost
        lost -= 1
        if lost < 0:
            real(function)

    cloud.deliver = late  # type: ignore[method-assign]
    deploy(ready())
    assert lost == -1
    assert web.documents == set()


def test_account_without_the_right_to_write_is_reported(cloud: Cloud, ready: Deploy, web: Web) -> None:
    def forbidden(method: str, url: str, **given: Any) -> httpx.Response:
        return httpx.Response(403) if "firestore" in url else web(method, url, **given)

    context = ready()
    context.request = forbidden
    with pytest.raises(DeployError, match=r"roles/datastore\.user"):
        deploy(context)


@pytest.mark.parametrize("function", ["synctransactions", "on_user_deleted", "schedule_syncs"])
def test_function_that_strangers_can_call_fails_the_smoke_test(cloud: Cloud, ready: Deploy, function: str) -> None:
    deploy(ready())
    service = f"service {function.replace('_', '-')}"
    cloud.state["bindings"][service].append(["roles/run.invoker", "allUsers"])
    times = iter(range(0, 100_000, 100))
    context = ready()
    context.now = lambda: float(next(times))
    with pytest.raises(DeployError, match=f"/{function}: 200 for a stranger instead of 403"):
        deploy(context)


def test_rights_of_a_restore_are_checked_before_it_deletes_anything(cloud: Cloud, ready: Deploy, web: Web) -> None:
    deploy(ready())
    before = cloud.changes
    restore.check(ready())
    web.lacking = {"datastore.databases.delete", "datastore.backups.restoreDatabase", "run.services.update"}
    with pytest.raises(DeployError) as refused:
        restore.check(ready())
    said = str(refused.value)
    assert (
        "lacks datastore.backups.restoreDatabase, datastore.databases.delete: ask an owner of the project for" in said
    )
    assert "lacks run.services.update: ask an owner of the project for roles/run.admin" in said
    assert cloud.changes == before


def test_rights_that_only_the_deploy_after_a_restore_needs_are_checked_too(ready: Deploy, web: Web) -> None:
    """The functions of its triggers are deleted and created, and the new database needs its own backups."""
    web.lacking = {"cloudfunctions.functions.delete", "datastore.backupSchedules.create"}
    with pytest.raises(DeployError) as refused:
        restore.check(ready())
    assert [name for name in web.lacking if name not in str(refused.value)] == []


@pytest.mark.parametrize("answer", [httpx.Response(403), httpx.ConnectError("no route to host")])
def test_restore_does_not_start_if_the_rights_cannot_be_checked(
    ready: Deploy, answer: httpx.Response | httpx.ConnectError
) -> None:
    def request(*_: Any, **__: Any) -> httpx.Response:
        if isinstance(answer, httpx.ConnectError):
            raise answer
        return answer

    context = ready()
    context.request = request
    with pytest.raises(DeployError, match=r"testIamPermissions|could not be checked: no route to host"):
        restore.check(context)


def test_command_that_checks_a_restore_calls_nothing_in_a_dry_run(cloud: Cloud, said: list[str]) -> None:
    arguments = ["check-restore", "--project", PROJECT, "--dry-run"]
    assert main(arguments, tools=Tools(say=said.append, runner=cloud)) == 0
    assert any("datastore.databases.delete" in line for line in said)
    assert cloud.calls == []


def test_document_has_the_roles_of_a_restore_and_the_command_that_checks_them() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    _, _, text = text.partition("### After a restore")
    assert "python -m deploy check-restore --project <project>" in text
    assert [role for role in restore.RESTORE if f"`{role}`" not in text] == []
    assert text.index("check-restore") < text.index("databases delete"), "before anything is deleted"
    names = [one for table in (first_day.ALWAYS, restore.RESTORE) for names in table.values() for one in names]
    assert len(names) == len(set(names)) <= 100


def documented(text: str) -> list[list[str]]:
    """The gcloud commands in the code blocks of a document, with any value for each placeholder."""
    lines = [line.strip() for block in text.split("```")[1::2] for line in block.splitlines()]
    lines = [line for line in lines if line.startswith("gcloud ")]
    return [shlex.split(re.sub(r"<(\w+)>", r"a-\1", line))[1:] for line in lines]


def test_document_creates_the_bucket_before_it_is_used_and_gcloud_accepts_every_command() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("### After a restore")[2]
    commands = documented(text)
    assert {words[1] for words in commands} >= {"buckets", "databases", "export", "import", "backups", "bulk-delete"}
    [created] = [number for number, words in enumerate(commands) if words[:3] == ["storage", "buckets", "create"]]
    assert next(number for number, words in enumerate(commands) if "gs://" in " ".join(words)) == created
    assert refused_by_gcloud(commands) == []
