"""The app that this backend was added to, if it was (docs/adopt.md): its firebase.json, and where our settings are.

The settings are a folder of the app's own, beside this repository rather than in it, so that the app can commit them.
The app's firebase.json names it, which the Firebase CLI goes by: whoever deploys the app deploys them, too.
"""

import json
from pathlib import Path
from typing import Any

from deploy.tools import ROOT, DeployError

CODEBASE = "bank"
SETTINGS = "bank-settings"
COMPUTED = ("VAULT_KEY", "WEBHOOK_URL", "TASKS_CALLER")  # what a deploy of this repository alone puts in by itself
HEADER = """\
# The settings of the functions of `bank`, which `firebase deploy` reads here. No secrets: those are in Secret Manager.
# `make adopt` adds what is missing, and changes nothing. README.md there, Settings, lists what can be set.
"""


def codebase(app: Path) -> dict[str, Any]:
    """Our part of the app's firebase.json.

    Raises:
        DeployError: It has none: the backend was not added.
    """
    path = app / "firebase.json"
    listed = json.loads(path.read_text(encoding="utf-8")).get("functions", []) if path.is_file() else []
    for one in listed if isinstance(listed, list) else [listed]:
        if one.get("codebase") == CODEBASE and one.get("configDir"):
            return dict(one)
    raise DeployError(f"{path} does not have this backend yet: make adopt APP={app}")


def settings_file(app: Path, project: str) -> Path:
    """Where the app keeps the settings of a project.

    Raises:
        DeployError: The backend was not added.
    """
    return app / str(codebase(app)["configDir"]) / f".env.{project}"


def host(app: Path) -> str | None:
    """Where the app's Hosting serves our routes, if its firebase.json says so; else it is the project's own site."""
    sites = json.loads((app / "firebase.json").read_text(encoding="utf-8")).get("hosting", [])
    for site in sites if isinstance(sites, list) else [sites]:
        if site.get("site") and any("/api/v1/bank" in str(rule.get("source")) for rule in site.get("rewrites", [])):
            return f"https://{site['site']}.web.app"
    return None


def blank() -> str:
    """The settings before anybody filled them in."""
    example = (ROOT / "deploy" / "env" / "example.env").read_text(encoding="utf-8")
    return HEADER + "\n" + example.partition("\n\n")[2]
