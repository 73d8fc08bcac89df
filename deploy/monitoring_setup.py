"""Deploys the log-based metrics, alert policies and dashboard that are defined in deploy/monitoring.

Each resource carries a version computed from its definition, so a later deploy changes only the ones that differ.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from deploy import key_log
from deploy.channels import channels, create, remove_former
from deploy.context import Context
from deploy.tools import ROOT

FOLDER = ROOT / "deploy" / "monitoring"
LABEL, VERSION = "bank-policy", "bank-version"
DASHBOARD = "bank-"


def metrics() -> dict[str, dict[str, Any]]:
    """The log-based metrics, by name."""
    return {one["name"]: one for one in json.loads((FOLDER / "metrics.json").read_text(encoding="utf-8"))}


def policies() -> dict[str, dict[str, Any]]:
    """The alert policies, by file name."""
    files = sorted((FOLDER / "policies").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}


def version(definition: Any) -> str:
    """A short hash of a definition."""
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()[:12]


def monitoring(context: Context) -> None:
    """Creates or updates the channel, alert policies and the dashboard, where they are missing or differ.

    Raises:
        DeployError: A command failed.
    """
    create(context)
    _policies(context, [one["name"] for one in channels(context)] or ["CHANNEL"])  # a dry run finds none
    remove_former(context)
    _dashboard(context)


def log_metrics(context: Context) -> None:
    """Creates or updates metrics. Runs long before the alerts, because Monitoring needs minutes to find a new metric.

    Raises:
        DeployError: A command failed.
    """
    flag, tools = context.project.flag, context.tools
    listed = tools.json("logging", "metrics", "list", flag) or []
    there = {one["name"]: one.get("description", "") for one in listed}
    for name, metric in metrics().items():
        mark = f"[{version(metric)}]"
        if name in there and there[name].endswith(mark):
            continue
        made = metric | {"description": f"{metric['description']} {mark}"}
        verb = "update" if name in there else "create"
        tools.gcloud("logging", "metrics", verb, name, flag, f"--config-from-file={_write(context, name, made)}")


def _policies(context: Context, names: list[str]) -> None:
    flag, tools = context.project.flag, context.tools
    listed = tools.json("alpha", "monitoring", "policies", "list", flag) or []
    there = {one["userLabels"][LABEL]: one for one in listed if LABEL in one.get("userLabels", {})}
    wanted = policies() | key_log.alerts(context.project)
    for name, policy in wanted.items():
        labels = {LABEL: name, VERSION: version([policy, *names])}
        found = there.get(name)
        if found is not None and found["userLabels"].get(VERSION) == labels[VERSION]:
            continue
        made = policy | {"userLabels": labels, "notificationChannels": names}
        file = f"--policy-from-file={_write(context, f'policy-{name}', made)}"
        if found is None:
            tools.gcloud("alpha", "monitoring", "policies", "create", flag, file)
        else:
            tools.gcloud("alpha", "monitoring", "policies", "update", found["name"], flag, file)
    for name in sorted(there.keys() - wanted.keys()):
        tools.gcloud("alpha", "monitoring", "policies", "delete", there[name]["name"], flag, "--quiet")


def _dashboard(context: Context) -> None:
    """Creates a new dashboard for each version, whose name contains the version, then deletes the old one."""
    project, tools = context.project, context.tools
    dashboard = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
    name = f"{DASHBOARD}{version(dashboard)}"
    listed = tools.json("monitoring", "dashboards", "list", project.flag) or []
    there = [one["name"] for one in listed if one["name"].rsplit("/", 1)[-1].startswith(DASHBOARD)]
    if not any(one.endswith(f"/{name}") for one in there):
        made = {"name": f"projects/{project.id}/dashboards/{name}", **dashboard}
        file = f"--config-from-file={_write(context, 'dashboard', made)}"
        tools.gcloud("monitoring", "dashboards", "create", project.flag, file)
    for old in there:
        if not old.endswith(f"/{name}"):
            tools.gcloud("monitoring", "dashboards", "delete", old, project.flag, "--quiet")


def _write(context: Context, name: str, content: dict[str, Any]) -> Path:
    path = context.project.work / f"{name}.json"
    if not context.tools.dry:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2), encoding="utf-8")
    return path.relative_to(ROOT)
