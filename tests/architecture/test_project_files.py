"""What adopters and contributors look for first exists, agrees with itself, and leads to a private channel."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").iterdir() if path.name != "config.yml")
# The text of https://www.apache.org/licenses/LICENSE-2.0.txt
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
PRIVATE_REPORT = "privately-reporting-a-security-vulnerability"  # GitHub's page about it
# https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests
FIELDS = {"checkboxes", "dropdown", "input", "textarea"}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def releases() -> list[tuple[str, str]]:
    """The released versions in the changelog with their dates, the newest first."""
    return re.findall(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d{2}-\d{2})\)$", CHANGELOG, re.MULTILINE)


def test_license_is_the_unchanged_apache_license_everywhere() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2
    assert (PROJECT["license"], PROJECT["license-files"]) == ("Apache-2.0", ["LICENSE"])
    assert "[Apache-2.0](LICENSE)" in read("README.md")


def test_readme_disclaims_an_affiliation_with_plaid() -> None:
    assert "not affiliated with Plaid" in " ".join(read("README.md").split())


def test_newest_release_has_the_version_of_the_code() -> None:
    newest = releases()[0][0]
    web, lock = (json.loads(read(f"web/{name}.json")) for name in ("package", "package-lock"))
    assert {PROJECT["version"], web["version"], lock["version"], lock["packages"][""]["version"]} == {newest}


def test_changelog_lists_dated_releases_from_new_to_old_below_unreleased() -> None:
    sections = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    assert sections == ["Unreleased", *(f"{version} ({day})" for version, day in releases())]
    numbers = [tuple(map(int, version.split("."))) for version, _ in releases()]
    days = [date.fromisoformat(day) for _, day in releases()]
    assert numbers == sorted(set(numbers), reverse=True)
    assert days == sorted(days, reverse=True)


@pytest.mark.parametrize("name", ["SECURITY.md", "CODE_OF_CONDUCT.md", ".github/ISSUE_TEMPLATE/config.yml"])
def test_reports_of_vulnerabilities_and_conduct_go_to_the_private_form(name: str) -> None:
    text = " ".join(read(name).split())
    assert "Report a vulnerability" in text
    assert PRIVATE_REPORT in text or "Only they can read" in text or "which only they can read" in text


@pytest.mark.parametrize(
    "path",
    [*sorted(ROOT.glob("*.md")), *sorted(path for path in GITHUB.rglob("*") if path.is_file())],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_no_file_for_contributors_names_an_email_address(path: Path) -> None:
    """An address that no maintainer reads would swallow reports."""
    found = re.findall(r"[\w.+-]+@[\w-]+\.[a-z]{2,}\b", path.read_text(encoding="utf-8"))
    assert found == []


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_issue_form_asks_for_what_github_can_show(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form.keys() == {"name", "description", "labels", "body"}
    fields = [one for one in form["body"] if one["type"] != "markdown"]
    assert {one["type"] for one in fields} <= FIELDS
    assert len({one["id"] for one in fields}) == len(fields)
    assert all(one["attributes"]["label"] for one in fields)
    assert any(one.get("validations", {}).get("required") for one in fields)


def test_every_issue_uses_a_form() -> None:
    assert len(FORMS) >= 2
    assert yaml.safe_load(read(".github/ISSUE_TEMPLATE/config.yml"))["blank_issues_enabled"] is False


def test_pull_request_template_names_existing_commands() -> None:
    named = set(re.findall(r"`make ([a-z-]+)`", read(".github/pull_request_template.md")))
    targets = set(re.findall(r"^([a-z-]+):.*## ", read("Makefile"), re.MULTILINE))
    assert {"check", "test"} <= named <= targets
