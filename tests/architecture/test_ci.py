"""The CI configuration runs what .ci/run runs, and caches what the set-up downloads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from emulators.setup import BROWSERS, JARS, LOCAL, NODE, PYTHON, ROOT, tool_environment

CI: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
STEPS = [step for job in CI["jobs"].values() for step in job["steps"]]


def test_ci_runs_every_check_and_test_and_only_existing_targets() -> None:
    commands = [step["run"] for step in STEPS if "run" in step]
    ours = re.findall(r"^make \w+", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(ours) <= set(commands)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {command.split()[1] for command in commands} <= targets


def test_ci_installs_the_versions_that_the_set_up_requires() -> None:
    versions = [step["with"] for step in STEPS if step.get("uses", "").startswith("actions/setup-")]
    assert {one["python-version"] for one in versions if "python-version" in one} == {".".join(map(str, PYTHON))}
    assert {one["node-version"] for one in versions if "node-version" in one} == {str(NODE)}


def test_ci_caches_what_the_set_up_downloads() -> None:
    kept = {ROOT / path for step in STEPS if "cache@" in step.get("uses", "") for path in step["with"]["path"].split()}
    downloads = {Path(tool_environment()[name]) for name in ("PIP_CACHE_DIR", "npm_config_cache")}
    assert kept == {LOCAL / "cache", JARS, BROWSERS}
    assert all(any(path.is_relative_to(one) for one in kept) for path in downloads)


def test_ci_has_only_read_permission_and_a_timeout() -> None:
    assert CI["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 45 for job in CI["jobs"].values())


def test_every_action_is_pinned_by_its_commit() -> None:
    """A tag can be moved to other code; a commit cannot."""
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert used
    assert [one for one in used if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", one)] == []
