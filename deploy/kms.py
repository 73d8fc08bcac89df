"""The key that seals access tokens. It never leaves Cloud KMS, and gets a new version every 90 days."""

from deploy.context import Context
from deploy.project import KEY, KEYRING, REGION

ROTATION_DAYS = 90


def key(context: Context) -> None:
    """Makes the key ring and the key, and has it rotated.

    Raises:
        DeployError: A command failed.
    """
    flag, tools = context.project.flag, context.tools
    place = (f"--location={REGION}", flag)
    rings = tools.lines("kms", "keyrings", "list", *place, "--format=value(name)")
    if not any(name.rsplit("/", 1)[-1] == KEYRING for name in rings):
        tools.gcloud("kms", "keyrings", "create", KEYRING, *place)
    turns = (f"--rotation-period={ROTATION_DAYS}d", f"--next-rotation-time=+p{ROTATION_DAYS}d")
    keys = tools.json("kms", "keys", "list", f"--keyring={KEYRING}", *place) or []
    [found] = [one for one in keys if one["name"].rsplit("/", 1)[-1] == KEY] or [None]
    if found is None:
        tools.gcloud("kms", "keys", "create", KEY, f"--keyring={KEYRING}", *place, "--purpose=encryption", *turns)
    elif not found.get("rotationPeriod"):
        tools.gcloud("kms", "keys", "update", KEY, f"--keyring={KEYRING}", *place, *turns)
