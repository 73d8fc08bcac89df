"""The key that encrypts access tokens. It never leaves Cloud KMS and gets a new version every 90 days."""

from typing import Any

from deploy.context import Context
from deploy.project import KEY, KEYRING, REGION

ROTATION_DAYS = 90
SEALS = {"ENABLED", "PENDING_GENERATION"}  # states of a primary version that can encrypt, or will soon


def find(context: Context) -> tuple[bool, dict[str, Any] | None]:
    """Whether the key ring exists, and the key as Cloud KMS describes it; a dry run finds neither.

    Raises:
        DeployError: A command failed.
    """
    place, tools = (f"--location={REGION}", context.project.flag), context.tools
    rings = tools.lines("kms", "keyrings", "list", *place, "--format=value(name)")
    if not any(name.rsplit("/", 1)[-1] == KEYRING for name in rings):
        return False, None
    keys = tools.json("kms", "keys", "list", f"--keyring={KEYRING}", *place) or []
    [found] = [one for one in keys if one["name"].rsplit("/", 1)[-1] == KEY] or [None]
    return True, found


def key(context: Context) -> None:
    """Creates the key ring and the key with its rotation.

    Keys cannot be deleted, only their versions. After a `destroy` the key still exists without a usable version, and
    gets a new one.

    Raises:
        DeployError: A command failed.
    """
    place, tools = (f"--location={REGION}", context.project.flag), context.tools
    ring, found = find(context)
    if not ring:
        tools.gcloud("kms", "keyrings", "create", KEYRING, *place)
    turns = (f"--rotation-period={ROTATION_DAYS}d", f"--next-rotation-time=+p{ROTATION_DAYS}d")
    where = (f"--keyring={KEYRING}", *place)
    if found is None:
        tools.gcloud("kms", "keys", "create", KEY, *where, "--purpose=encryption", *turns)
        return
    state = (found.get("primary") or {}).get("state", "MISSING")
    if state not in SEALS:
        context.say(f"  note: the key's primary version is {state.lower()} and cannot encrypt; creating a new one")
        tools.gcloud("kms", "keys", "versions", "create", f"--key={KEY}", *where, "--primary")
    if not found.get("rotationPeriod"):
        tools.gcloud("kms", "keys", "update", KEY, *where, *turns)


def unmake(context: Context) -> None:
    """Destroys all versions of the key and stops its rotation. Nothing encrypted with it can be decrypted again.

    Raises:
        DeployError: A command failed.
    """
    place, tools = (f"--keyring={KEYRING}", f"--location={REGION}", context.project.flag), context.tools
    _, found = find(context)
    if found is None:
        return
    if found.get("rotationPeriod"):
        tools.gcloud("kms", "keys", "update", KEY, *place, "--remove-rotation-schedule")
    for one in tools.json("kms", "keys", "versions", "list", f"--key={KEY}", *place) or []:
        if one.get("state") in ("ENABLED", "DISABLED"):
            number = one["name"].rsplit("/", 1)[-1]
            tools.gcloud("kms", "keys", "versions", "destroy", number, f"--key={KEY}", *place)
    context.say("Cloud KMS destroys the key's versions after its waiting period (30 days by default).")
