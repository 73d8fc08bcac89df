"""A project to deploy to, its environment file, and the fake cloud."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import context, project
from deploy.context import Context, manifest
from deploy.tools import ROOT, Tools
from tests.deploy import existing_app
from tests.deploy.fake_cloud import PLAID_SECRET, PROJECT, Cloud
from tests.deploy.fake_web import Web

ENVIRONMENT = """\
# of a test
PLAID_ENV=production
PLAID_CLIENT_ID='a client'
DEPLOY_ALERT_EMAIL=on-call@example.com
CORS_ORIGINS=https://app.example.com
APP_CHECK=1
"""


WORK = ROOT / ".local" / "deploy" / PROJECT


@pytest.fixture(scope="session")
def functions() -> dict[str, Any]:
    return manifest()


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The environment file of the project; the clone's own files are left alone."""
    path = tmp_path / f".env.{PROJECT}"
    path.write_text(ENVIRONMENT, encoding="utf-8")
    monkeypatch.setattr(project, "FOLDER", tmp_path)
    monkeypatch.setattr(project, "environment_file", lambda name: tmp_path / f".env.{name}")
    monkeypatch.setattr("deploy.checks.FOLDER", tmp_path)
    shutil.rmtree(WORK, ignore_errors=True)
    page = tmp_path / "hosted" / "index.html"
    page.parent.mkdir()
    page.touch()
    (page.parent / "config.json").write_text('{"region": "us-central1", "oauth_redirect": false}', encoding="utf-8")
    monkeypatch.setattr("deploy.page.built", lambda: page.parent)
    yield path
    shutil.rmtree(WORK, ignore_errors=True)
    (ROOT / f"firebase.{PROJECT}.local.json").unlink(missing_ok=True)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An existing app."""
    return existing_app.make(tmp_path / "app")


@pytest.fixture
def cloud(functions: dict[str, Any]) -> Cloud:
    return Cloud(manifest=lambda: functions)


@pytest.fixture
def web(cloud: Cloud) -> Web:
    """The addresses that a deploy calls."""
    return Web(cloud)


@pytest.fixture
def said() -> list[str]:
    """The lines that were printed to the terminal."""
    return []


Deploy = Callable[..., Context]


@pytest.fixture
def ready(
    cloud: Cloud,
    web: Web,
    environment: Path,
    said: list[str],
    functions: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Deploy:
    """Make the context of one run of the deploy."""
    monkeypatch.setattr(context, "manifest", lambda: functions)

    def make(*, dry: bool = False, interactive: bool = True, app: Path | None = None) -> Context:
        programs = {"gcloud": "gcloud", "firebase": "firebase"}
        tools = Tools(say=said.append, dry=dry, programs=programs, runner=cloud, sleep=lambda _: None)
        return Context(project.read(PROJECT, app=app), tools, lambda _: PLAID_SECRET, interactive, request=web)

    return make
