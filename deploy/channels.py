"""The notification channels of Cloud Monitoring to which alerts are sent."""

from collections.abc import Iterator
from typing import Any

from deploy.context import Context
from deploy.tools import DeployError

CHANNEL = "Bank alerts"
MARK, KIND = "bank-channel", "alert-address"  # a label of the channels that the deploy created


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
    """Creates the channel that writes to the alert address, if it is missing, and marks it as the deploy's own.

    Raises:
        DeployError: A command failed.
    """
    project, tools = context.project, context.tools
    if not project.alert_email:
        return
    found = next((one for one in _listed(context) if _writes(one, project.alert_email)), None)
    if found is None:
        tools.gcloud(
            "beta", "monitoring", "channels", "create", project.flag, f"--display-name={CHANNEL}", "--type=email",
            f"--channel-labels=email_address={project.alert_email}", f"--user-labels={MARK}={KIND}",
        )  # fmt: skip
    elif MARK not in found.get("userLabels", {}):  # of an earlier version
        mark = f"--update-user-labels={MARK}={KIND}"
        tools.gcloud("beta", "monitoring", "channels", "update", found["name"], project.flag, mark)


def remove_former(context: Context) -> None:
    """Deletes the deploy's own channels of former alert addresses. Those that other alert policies use stay.

    Runs after the backend's policies were updated, because a channel in use cannot be deleted.

    Raises:
        DeployError: The channels could not be listed.
    """
    project, tools = context.project, context.tools
    used = {one["name"] for one in channels(context)}
    for one in _listed(context):
        if MARK not in one.get("userLabels", {}) or one["name"] in used:
            continue
        try:
            tools.gcloud("beta", "monitoring", "channels", "delete", one["name"], project.flag, "--quiet")
        except DeployError as error:
            address = one.get("labels", {}).get("email_address", one["name"])
            context.say(f"  note: the channel of the former alert address {address} stays: {error}")


def channels(context: Context) -> list[dict[str, Any]]:
    """The channels that receive alerts: the one for the alert address, and those that were named.

    Raises:
        DeployError: A command failed.
    """
    project = context.project
    named = set(project.alert_channels)
    chosen = [
        one for one in _listed(context) if _writes(one, project.alert_email) or one["name"].rsplit("/", 1)[-1] in named
    ]
    return sorted(chosen, key=lambda one: str(one["name"]))


def _listed(context: Context) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]]
    listed = context.tools.json("beta", "monitoring", "channels", "list", context.project.flag) or []
    return listed


def _writes(channel: dict[str, Any], address: str) -> bool:
    """Whether the deploy created a channel, for this address."""
    return channel.get("displayName") == CHANNEL and channel.get("labels", {}).get("email_address") == address
