"""Destroying a backend removes its resources, data and keys only on request; and it can be deployed again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.destroy import destroy
from deploy.steps import deploy
from deploy.tools import DeployError
from tests.deploy.conftest import Deploy
from tests.deploy.fake_cloud import PROJECT, Cloud
from tests.deploy.test_deploy import ended
from tests.deploy.test_locations import add


def test_destroy_removes_the_backend_and_keeps_the_data_unless_requested(cloud: Cloud, ready: Deploy) -> None:
    deploy(ready())
    cloud.state["policies"]["theirs"] = {"name": "theirs", "displayName": "Theirs"}
    cloud.state["accounts"]["theirs@x"] = True
    answers = iter([PROJECT, "", ""])
    destroy(ready(), confirm=lambda _: next(answers))
    state = cloud.state
    assert [state[kind] for kind in ("functions", "queues", "jobs", "metrics", "dashboards")] == [{}] * 5
    assert set(state["secrets"]) == {"AUDIT_KEYSET"}
    assert set(state["policies"]) == {"theirs"}
    assert set(state["accounts"]) == {"theirs@x"}
    assert not any("bank-" in member for bound in state["bindings"].values() for _, member in bound)
    assert set(state["deployed"]) == {"firestore", "hosting"}
    assert state["databases"]
    answers = iter([PROJECT, "hosting", f"delete {PROJECT}"])
    destroy(ready(), confirm=lambda _: next(answers))
    assert state["databases"] == {}
    assert state["keys"]["access-tokens"]["versions"] == {"1": "DESTROY_SCHEDULED"}
    assert state["keys"]["access-tokens"]["rotation"] is None
    assert state["secrets"] == {}
    assert "hosting" not in state["deployed"]


@pytest.mark.parametrize("answers", [(PROJECT, "hosting", f"delete {PROJECT}"), (PROJECT, "", "")])
def test_destroyed_backend_can_be_deployed_again_in_the_same_project(
    cloud: Cloud, ready: Deploy, answers: tuple[str, ...]
) -> None:
    """A key ring, its key and its version numbers stay forever; the backend seals with the primary version."""
    deploy(ready())
    first, audit = ended(cloud), cloud.state["secrets"]["AUDIT_KEYSET"]
    given = iter(answers)
    destroy(ready(), confirm=lambda _: next(given))
    deploy(ready())
    again = ended(cloud)
    key, old_key = again["keys"].pop("access-tokens"), first["keys"].pop("access-tokens")
    assert key["versions"][key["primary"]] == "ENABLED"
    assert key["rotation"] == old_key["rotation"]
    assert again == first
    kept = answers[-1] == ""
    assert (cloud.state["secrets"]["AUDIT_KEYSET"] == audit) is kept
    assert (key == old_key) is kept


def test_primary_version_that_is_being_created_is_kept(cloud: Cloud, ready: Deploy) -> None:
    deploy(ready())
    cloud.state["keys"]["access-tokens"]["versions"]["1"] = "PENDING_GENERATION"
    deploy(ready())
    assert len(cloud.state["keys"]["access-tokens"]["versions"]) == 1


def test_destroy_skips_a_key_that_was_never_created(
    cloud: Cloud, ready: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Cloud._kms

    def interrupted(self: Cloud, words: list[str], *rest: Any) -> Any:
        if "create" in words:
            raise KeyboardInterrupt
        return real(self, words, *rest)

    monkeypatch.setattr(Cloud, "_kms", interrupted)
    with pytest.raises(KeyboardInterrupt):
        deploy(ready())
    monkeypatch.setattr(Cloud, "_kms", real)
    assert cloud.state["accounts"]
    assert cloud.state["keys"] == {}
    answers = iter([PROJECT, "hosting", f"delete {PROJECT}"])
    destroy(ready(), confirm=lambda _: next(answers))
    assert cloud.state["accounts"] == {}


def test_unconfirmed_destroy_changes_nothing(cloud: Cloud, ready: Deploy) -> None:
    deploy(ready())
    before = json.dumps(cloud.state)
    with pytest.raises(DeployError, match="not confirmed"):
        destroy(ready(), confirm=lambda _: "yes")
    assert json.dumps(cloud.state) == before


def test_destroy_refuses_another_region_than_the_functions_are_in(
    cloud: Cloud, ready: Deploy, environment: Path
) -> None:
    """It would delete their accounts and rights, and leave the functions."""
    deploy(ready())
    add(environment, "DEPLOY_REGION=us-east1\n")
    before = cloud.changes
    answers = iter([PROJECT, "", ""])
    with pytest.raises(DeployError, match="set DEPLOY_REGION=us-central1"):
        destroy(ready(), confirm=lambda _: next(answers))
    assert cloud.changes == before


def test_destroy_leaves_a_database_of_another_name_and_deletes_the_keys(cloud: Cloud, ready: Deploy) -> None:
    """As after a restore that was abandoned: only the inspected copy exists."""
    deploy(ready())
    cloud.state["databases"]["scratch"] = {"name": f"projects/{PROJECT}/databases/scratch", "locationId": "nam5"}
    cloud.born["scratch"] = cloud.born["(default)"]
    answers = iter([PROJECT, "hosting", f"delete {PROJECT}"] * 2)
    for _ in range(2):
        destroy(ready(), confirm=lambda _: next(answers))
        assert list(cloud.state["databases"]) == ["scratch"]
        assert cloud.state["secrets"] == {}
        assert cloud.state["keys"]["access-tokens"]["versions"] == {"1": "DESTROY_SCHEDULED"}
