"""A budget that warns of unexpected costs. It limits nothing: https://cloud.google.com/billing/docs/how-to/budgets

It belongs to the billing account, where a deployer often has no rights; then the deploy prints the command for an
administrator and continues.
"""

import shlex
from typing import Any

from deploy.channels import channels
from deploy.context import Context
from deploy.tools import DeployError

THRESHOLDS = ("percent=0.5", "percent=0.9", "percent=1.0", "percent=1.0,basis=forecasted-spend")
MOST_CHANNELS = 5  # a budget's limit; it accepts only channels that send e-mail
CHANNELS = "--notifications-rule-monitoring-notification-channels"
ROLE = "roles/billing.costsManager"
REFUSED = ("PERMISSION_DENIED", "does not have permission")  # no bare number: an id in the command may contain it


def budget(context: Context) -> None:
    """Creates the budget, or changes its amount and whom it warns; deletes it if the settings turn it off.

    Raises:
        DeployError: A command failed for another reason than missing rights.
    """
    project, tools = context.project, context.tools
    if project.budget == "0":
        remove(context)
        return
    account = _account(context)
    if account is None:
        return
    emails = [one["name"] for one in channels(context) if one.get("type") == "email"][:MOST_CHANNELS]
    make = [
        "billing", "budgets", "create", f"--billing-account={account}", f"--display-name={_name(context)}",
        f"--budget-amount={project.budget}", f"--filter-projects=projects/{project.id}",
        *(f"--threshold-rule={one}" for one in THRESHOLDS), *_payer(context), "--format=none",
    ]  # fmt: skip
    warned = [f"{CHANNELS}={','.join(emails)}"] if emails else []
    make += warned
    try:
        found = find(context, account)
        if found is None:
            tools.gcloud(*make)
        elif found["amount"].get("specifiedAmount", {}).get("units") != project.budget or not _warns(found, emails):
            change = (f"--budget-amount={project.budget}", *warned)
            tools.gcloud("billing", "budgets", "update", found["name"], *change, *_payer(context), "--format=none")
    except DeployError as error:
        if not any(word in str(error) for word in REFUSED):
            raise
        context.say(f"  note: no budget alert: your account lacks {ROLE} on the billing account. Its administrator can")
        context.say(f"        run: gcloud {shlex.join(make)}")
        context.say("        (DEPLOY_BUDGET=0 turns the alert off)")


def remove(context: Context) -> None:
    """Deletes the budget.

    Raises:
        DeployError: A command failed.
    """
    try:
        account = _account(context)
        found = find(context, account) if account is not None else None
    except DeployError:
        context.say(f"The budget `{_name(context)}` stays if there is one: your account may not see it.")
        return
    if found is not None:
        context.tools.gcloud("billing", "budgets", "delete", found["name"], *_payer(context), "--quiet")


def find(context: Context, account: str) -> dict[str, Any] | None:
    """The project's budget; None if there is none.

    Raises:
        DeployError: The command failed.
    """
    listed: list[dict[str, Any]]
    listed = context.tools.json("billing", "budgets", "list", f"--billing-account={account}", *_payer(context)) or []
    return next((one for one in listed if one.get("displayName") == _name(context)), None)


def _account(context: Context) -> str | None:
    """The id of the project's billing account; None if it has none.

    Raises:
        DeployError: The command failed.
    """
    ask = ("billing", "projects", "describe", context.project.id, "--format=value(billingAccountName)")
    name = "".join(context.tools.lines(*ask))
    return "ACCOUNT" if context.tools.dry else name.rpartition("/")[2] or None


def _warns(budget: dict[str, Any], emails: list[str]) -> bool:
    """Whether a budget warns all these channels; an administrator may have added others."""
    return set(emails) <= set(budget.get("notificationsRule", {}).get("monitoringNotificationChannels", []))


def _name(context: Context) -> str:
    return f"Bank: {context.project.id}"


def _payer(context: Context) -> tuple[str]:
    """Whose quota the calls count towards: a personal login has none for this service."""
    return (f"--billing-project={context.project.id}",)
