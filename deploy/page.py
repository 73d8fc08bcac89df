"""The web app as a project serves it: the built pages, and a configuration with the region of its functions."""

import json
import shutil
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deploy.context import Context
from deploy.project import Project
from deploy.tools import ROOT
from shared.domain.market import Market, markets_of
from shared.settings import Settings

CONFIG = "config.json"


def built() -> Path:
    """The folder with the built web app."""
    return ROOT / str(json.loads((ROOT / "firebase.json").read_text(encoding="utf-8"))["hosting"]["public"])


def write(project: Project) -> None:
    """Writes the folder that Hosting serves."""
    shutil.rmtree(project.page, ignore_errors=True)
    shutil.copytree(built(), project.page)
    (project.page / CONFIG).write_text(json.dumps(_config() | {"region": project.region}), encoding="utf-8")


def remind(context: Context) -> None:
    """Says that banks need a redirect URI which the web app does not send.

    In the United Kingdom and Europe all banks use OAuth: https://plaid.com/docs/link/oauth/
    """
    project = context.project
    if project.app is not None or not (built() / CONFIG).is_file() or _config().get("oauth_redirect"):
        return
    if markets_of(_countries(project)) - {Market.NORTH_AMERICA}:
        context.say("  note: banks in GB and the European Union use OAuth, and the web app has no redirect URI. Allow")
        context.say(f"        {project.host}/link-return at Plaid, and set oauth_redirect to true in")
        context.say("        web/public/config.json. Other apps send their own redirect_uri")


def _countries(project: Project) -> tuple[str, ...]:
    """The countries of the settings; none if the settings are invalid, which other checks report."""
    try:
        return Settings.read(project.deployed_variables() | {"GCLOUD_PROJECT": project.id}).country_codes
    except ValidationError:
        return ()


def _config() -> dict[str, Any]:
    config: dict[str, Any] = json.loads((built() / CONFIG).read_text(encoding="utf-8"))
    return config
