"""The workflows run what .ci/run runs, on every supported version, with no more rights than they need."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from emulators.setup import BROWSERS, JARS, LOCAL, NODES, ROOT
from emulators.setup_python import PYTHONS, dotted
from emulators.setup_task import tool_environment

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS: dict[str, dict[Any, Any]] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.iterdir())
}
JOBS = {name: list(workflow["jobs"].values()) for name, workflow in WORKFLOWS.items()}
STEPS = {name: [step for job in jobs for step in job["steps"]] for name, jobs in JOBS.items()}
EVERY_STEP = [step for steps in STEPS.values() for step in steps]


def test_ci_runs_every_check_and_test() -> None:
    commands = [step["run"] for step in STEPS["ci"] if "run" in step]
    ours = re.findall(r"^make \w+", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(ours) <= set(commands)


def test_workflows_run_only_existing_targets() -> None:
    commands = [step["run"] for step in EVERY_STEP if "run" in step]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {command.split()[0] for command in commands} == {"make"}
    assert {command.split()[1] for command in commands} <= targets


def test_ci_tests_the_oldest_and_the_newest_python_and_every_maintained_node() -> None:
    matrix = WORKFLOWS["ci"]["jobs"]["test"]["strategy"]["matrix"]["include"]
    assert {one["python"] for one in matrix} == {dotted(min(PYTHONS)), dotted(max(PYTHONS))}
    assert {one["node"] for one in matrix} == set(map(str, NODES))


def test_workflows_install_only_supported_versions() -> None:
    given = [step["with"] for step in EVERY_STEP if step.get("uses", "").startswith("actions/setup-")]
    pythons = {one["python-version"] for one in given if "python-version" in one}
    nodes = {one["node-version"] for one in given if "node-version" in one}
    assert pythons <= {*map(dotted, PYTHONS), "${{ matrix.python }}"}
    assert nodes <= {*map(str, NODES), "${{ matrix.node }}"}


def test_ci_caches_what_the_set_up_downloads() -> None:
    caches = [step["with"]["path"].split() for step in STEPS["ci"] if "cache@" in step.get("uses", "")]
    kept = {ROOT / path for paths in caches for path in paths}
    downloads = {Path(tool_environment()[name]) for name in ("PIP_CACHE_DIR", "npm_config_cache")}
    assert kept == {LOCAL / "cache", JARS, BROWSERS}
    assert all(any(path.is_relative_to(one) for one in kept) for path in downloads)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_only_read_and_has_a_timeout(name: str) -> None:
    """Only the deploy, which runs by hand, may also request the token that Google Cloud exchanges."""
    rights = WORKFLOWS[name]["permissions"]
    assert rights == {"contents": "read"} | ({"id-token": "write"} if name == "deploy" else {})
    assert all(job["timeout-minutes"] <= 45 and "permissions" not in job for job in JOBS[name])
    started_by = WORKFLOWS[name][True]  # YAML 1.1 reads the key `on` as true
    assert "pull_request_target" not in started_by
    assert (list(started_by) == ["workflow_dispatch"]) == (name == "deploy")


def test_every_action_is_pinned_by_its_commit_with_its_version_beside_it() -> None:
    """A tag can be moved to other code; a commit cannot. Dependabot reads the version from the comment."""
    lines = [line for path in FOLDER.iterdir() for line in path.read_text(encoding="utf-8").splitlines()]
    used = [line for line in lines if "uses:" in line]
    assert len(used) == sum("uses" in step for step in EVERY_STEP) > 0
    pinned = re.compile(r" +(?:- )?uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [line for line in used if not pinned.fullmatch(line)] == []


def test_an_action_has_the_same_commit_everywhere() -> None:
    used = {step["uses"] for step in EVERY_STEP if "uses" in step}
    assert len(used) == len({one.partition("@")[0] for one in used})


def test_dependencies_are_audited_on_every_change_and_weekly() -> None:
    started_by = WORKFLOWS["audit"][True]
    assert {"pull_request", "push", "schedule"} <= set(started_by)
    assert [step["run"] for step in STEPS["audit"] if "run" in step] == ["make audit"]
    [kept] = [step["with"] for step in STEPS["audit"] if "upload-artifact@" in step.get("uses", "")]
    written = re.findall(r"\.local/sbom(?=/)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert set(written) == {kept["path"]}


def test_update_bot_updates_the_actions() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    [actions] = [one for one in updates if one["package-ecosystem"] == "github-actions"]
    assert actions["directories"] == ["/"]
    assert actions["schedule"] == {"interval": "weekly"}


def test_deploy_uses_an_identity_and_no_stored_secret() -> None:
    text = (FOLDER / "deploy.yml").read_text(encoding="utf-8")
    assert "secrets." not in text
    [given] = [
        step["with"] for step in STEPS["deploy"] if step.get("uses", "").startswith("google-github-actions/auth@")
    ]
    assert set(given) == {"project_id", "workload_identity_provider", "service_account"}
    page = (ROOT / "docs" / "deploy-from-ci.md").read_text(encoding="utf-8")
    assert set(re.findall(r"vars\.([A-Z_]+)", text)) == set(re.findall(r"^\| `([A-Z_]+)`", page, re.MULTILINE))
