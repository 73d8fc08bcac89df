"""The app that has adopted this backend, if any (docs/adopt.md): its firebase.json and its settings for the backend.

The settings are in a folder of the app, beside this repository rather than in it, so that the app can commit them. The
app's firebase.json names that folder, so the Firebase CLI deploys the settings with the app.
"""

import json
from pathlib import Path
from typing import Any

from deploy.tools import ROOT, DeployError

CODEBASE = "bank"
SETTINGS = "bank-settings"
COMPUTED = ("VAULT_KEY", "WEBHOOK_URL", "TASKS_CALLER")  # computed by a deploy of this repository alone
HEADER = """\
# Settings for the functions of the codebase `bank`; `firebase deploy` reads this file. Keep secrets in Secret Manager.
# `make adopt` adds missing values and keeps existing ones. See the backend's docs/settings.md for all of them.
"""


def codebase(app: Path) -> dict[str, Any]:
    """The backend's entry in the app's firebase.json.

    Raises:
        DeployError: The app has not adopted the backend.
    """
    path = app / "firebase.json"
    listed = json.loads(path.read_text(encoding="utf-8")).get("functions", []) if path.is_file() else []
    for one in listed if isinstance(listed, list) else [listed]:
        if one.get("codebase") == CODEBASE and one.get("configDir"):
            return dict(one)
    raise DeployError(f"{path} does not include this backend yet: run make adopt APP={app}")


def settings_file(app: Path, project: str) -> Path:
    """The app's file with the settings of a project.

    Raises:
        DeployError: The app has not adopted the backend.
    """
    return app / str(codebase(app)["configDir"]) / f".env.{project}"


def host(app: Path) -> str | None:
    """The address of the site with the backend's routes, if firebase.json names it; None for the default site."""
    sites = json.loads((app / "firebase.json").read_text(encoding="utf-8")).get("hosting", [])
    for site in sites if isinstance(sites, list) else [sites]:
        if site.get("site") and any("/api/v1/bank" in str(rule.get("source")) for rule in site.get("rewrites", [])):
            return f"https://{site['site']}.web.app"
    return None


def regions(app: Path) -> set[str]:
    """The regions of the backend's functions to which the app's Hosting sends calls."""
    sites = json.loads((app / "firebase.json").read_text(encoding="utf-8")).get("hosting", [])
    ours = [
        rule["function"]
        for site in (sites if isinstance(sites, list) else [sites])
        for rule in site.get("rewrites", [])
        if str(rule.get("source", "")).startswith("/api/v1/bank") and isinstance(rule.get("function"), dict)
    ]
    return {str(function["region"]) for function in ours if "region" in function}


def blank() -> str:
    """An empty settings file."""
    example = (ROOT / "deploy" / "env" / "example.env").read_text(encoding="utf-8")
    return HEADER + "\n" + example.partition("\n\n")[2]
