"""Logs every use of the key that opens access tokens, and alerts if an account uses it that is not the backend's."""

import json
from typing import Any

from deploy.context import Context
from deploy.project import Project
from deploy.roles import RIGHTS
from deploy.tools import ROOT

SERVICE = "cloudkms.googleapis.com"
KINDS = ("DATA_READ", "DATA_WRITE")  # https://cloud.google.com/kms/docs/audit-logging
ALERT = "key-used-by-stranger"


def key_log(context: Context) -> None:
    """Turns on Data Access audit logs of Cloud KMS in the project.

    gcloud has no command for this part of the project's policy. The policy is read and written back with its etag, so
    that a change in between is refused rather than lost.

    Raises:
        DeployError: A command failed.
    """
    project, tools = context.project, context.tools
    if project.key.project != project.id:
        context.say(f"  note: have the uses of {project.key} logged in its own project, and watched there")
        return
    policy = tools.json("projects", "get-iam-policy", project.id) or {}
    configs = policy.setdefault("auditConfigs", [])
    if not any(set(KINDS) <= _kinds(one) for one in configs if one["service"] in (SERVICE, "allServices")):
        [config] = [one for one in configs if one["service"] == SERVICE] or [{"service": SERVICE}]
        logged = config.setdefault("auditLogConfigs", [])
        logged += [{"logType": kind} for kind in KINDS if kind not in _kinds(config)]
        if config not in configs:
            configs.append(config)
        file = project.work / "iam-policy.json"
        if not tools.dry:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(policy), encoding="utf-8")
        try:
            tools.gcloud("projects", "set-iam-policy", project.id, str(file.relative_to(ROOT)), "--format=none")
        finally:
            file.unlink(missing_ok=True)


def alerts(project: Project) -> dict[str, dict[str, Any]]:
    """The alert policy by name; none for a key of another project, whose use is logged there."""
    return {ALERT: alert(project)} if project.key.project == project.id else {}


def alert(project: Project) -> dict[str, Any]:
    """The alert policy. It reads the audit log itself: https://cloud.google.com/logging/docs/alerting/log-based-alerts"""
    accounts = sorted(account.partition("@")[0] for account, rights in RIGHTS.items() if rights.key is not None)
    known = f"^({'|'.join(accounts)})@{project.id}[.]iam[.]gserviceaccount[.]com$"
    wanted = (
        f'logName="projects/{project.id}/logs/cloudaudit.googleapis.com%2Fdata_access"',
        f'protoPayload.serviceName="{SERVICE}"',
        'protoPayload.methodName=~"(Encrypt|Decrypt)$"',
        f'protoPayload.resourceName=~"/keyRings/{project.key.ring}/cryptoKeys/{project.key.name}(/|$)"',
        f'protoPayload.authenticationInfo.principalEmail!~"{known}"',
    )
    return {
        "displayName": "Bank: an unknown account used the key of the access tokens",
        "documentation": {
            "mimeType": "text/markdown",
            "content": "An account that is not the backend's sealed or opened an access token. For meaning, diagnosis "
            'and actions see docs/operations.md, "The key of the access tokens".',
        },
        "severity": "CRITICAL",
        "combiner": "OR",
        "conditions": [{"displayName": "any call", "conditionMatchedLog": {"filter": " AND ".join(wanted)}}],
        "alertStrategy": {"notificationRateLimit": {"period": "3600s"}, "autoClose": "86400s"},
    }


def _kinds(config: dict[str, Any]) -> set[str]:
    """What a configuration logs of every account."""
    logged = config.get("auditLogConfigs", [])
    return {one["logType"] for one in logged if not one.get("exemptedMembers")}
