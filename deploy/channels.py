"""The notification channels of Cloud Monitoring to which alerts are sent."""

from collections.abc import Iterator
from typing import Any

from deploy.context import Context

CHANNEL = "Bank alerts"


def absent(context: Context) -> Iterator[str]:
    """The channels for alerts: those that were named exist."""
    project, tools = context.project, context.tools
    if not project.alert_channels:
        return
    listed = tools.listed("beta", "monitoring", "channels", "list", project.flag)
    there = {one["name"].rsplit("/", 1)[-1] for one in listed}
    missing = sorted(set(project.alert_channels) - there)
    if missing and not tools.dry:
        yield (
            f"DEPLOY_ALERT_CHANNELS: {', '.join(missing)} not found in project {project.id} (gcloud beta monitoring "
            f"channels list {project.flag})"
        )


def create(context: Context) -> None:
    """Creates the channel that writes to the alert address, if it is missing.

    Raises:
        DeployError: A command failed.
    """
    project = context.project
    if project.alert_email and not any(_writes(one, project.alert_email) for one in channels(context)):
        context.tools.gcloud(
            "beta", "monitoring", "channels", "create", project.flag, f"--display-name={CHANNEL}", "--type=email",
            f"--channel-labels=email_address={project.alert_email}",
        )  # fmt: skip


def channels(context: Context) -> list[dict[str, Any]]:
    """The channels that receive alerts: the one for the alert address, and those that were named.

    Raises:
        DeployError: A command failed.
    """
    project = context.project
    listed = context.tools.json("beta", "monitoring", "channels", "list", project.flag) or []
    named = set(project.alert_channels)
    chosen = [one for one in listed if _writes(one, project.alert_email) or one["name"].rsplit("/", 1)[-1] in named]
    return sorted(chosen, key=lambda one: str(one["name"]))


def _writes(channel: dict[str, Any], address: str) -> bool:
    """Whether the deploy created a channel, for this address."""
    return channel.get("displayName") == CHANNEL and channel.get("labels", {}).get("email_address") == address
