"""Checks that your account may do all of a restore, before any of it: `python -m deploy check-restore --project ID`.

An operator restores by hand (docs/operations.md, "After a restore"). A right that is noticed as missing after the old
database was deleted would leave users without any.
"""

import httpx

from deploy.context import Context
from deploy.first_day import ALWAYS, lacking
from deploy.tools import DeployError, said

# What the procedure needs besides the rights of the deploy in it, by the role that has it.
# https://cloud.google.com/iam/docs/roles-permissions
RESTORE = {
    "roles/datastore.owner": (
        "datastore.backupSchedules.create", "datastore.backups.list", "datastore.backups.restoreDatabase",
        "datastore.databases.bulkDelete", "datastore.databases.create", "datastore.databases.delete",
        "datastore.databases.export", "datastore.databases.import", "datastore.databases.update",
    ),
    "roles/storage.admin": ("storage.buckets.create",),
    "roles/cloudscheduler.admin": ("cloudscheduler.jobs.enable", "cloudscheduler.jobs.pause"),
    "roles/cloudtasks.admin": ("cloudtasks.queues.pause", "cloudtasks.queues.resume"),
    "roles/run.admin": ("run.services.update",),
}  # fmt: skip


def check(context: Context) -> None:
    """Checks the rights of your account; changes nothing.

    Raises:
        DeployError: Rights are missing, or could not be checked.
    """
    needed = {role: (*ALWAYS.get(role, ()), *RESTORE.get(role, ())) for role in ALWAYS | RESTORE}
    try:
        missing = list(lacking(context, needed))
    except (httpx.HTTPError, ValueError) as error:
        raise DeployError(f"the rights of your account could not be checked: {said(error)}") from error
    if missing:
        raise DeployError("\n".join(["Before anything is deleted:", *(f"  - {why}" for why in missing)]))
