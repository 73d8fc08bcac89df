"""The key that encrypts access tokens. It never leaves Cloud KMS and gets a new version every 90 days."""

from dataclasses import replace
from typing import Any

from deploy.context import Context
from deploy.locations import Key, key_near
from deploy.project import KEY, KEYRING
from deploy.tools import DeployError

ROTATION_DAYS = 90
SEALS = {"ENABLED", "PENDING_GENERATION"}  # states of a primary version that can encrypt, or will soon
FORMER = "us-central1"  # where version 0.1 of this backend created every key

Found = tuple[bool, dict[str, Any] | None]


def find(context: Context, key: Key | None = None) -> Found:
    """Whether the key ring exists, and the key as Cloud KMS describes it; a dry run finds neither.

    Raises:
        DeployError: A command failed.
    """
    key, tools = key or context.project.key, context.tools
    rings = tools.lines("kms", "keyrings", "list", *key.place, "--format=value(name)")
    if not any(name.rsplit("/", 1)[-1] == key.ring for name in rings):
        return False, None
    keys = tools.json("kms", "keys", "list", f"--keyring={key.ring}", *key.place) or []
    [found] = [one for one in keys if one["name"].rsplit("/", 1)[-1] == key.name] or [None]
    return True, found


def settle(context: Context) -> Found:
    """Keeps the existing key, wherever it is: keys cannot be moved, and only it can open the stored access tokens.

    From here on, the context's project has that key.

    Raises:
        DeployError: The settings name another key, or a command failed.
    """
    project, key = context.project, context.project.key
    found = {key: find(context, key)}
    if found[key][1] is not None or key.project != project.id or context.tools.dry:
        return found[key]
    for location in (FORMER, key_near(project.firestore_location), project.region):
        other = Key(project.id, location, KEYRING, KEY)
        found[other] = found.get(other) or find(context, other)
    best = max(found, key=lambda one: (found[one][1] is not None, found[one][0]))  # the first of several equal ones
    if best == key:
        return found[key]
    if project.given_key_location or project.variables.get("VAULT_KEY"):
        raise DeployError(
            f"the key that seals the stored access tokens is {best}, and cannot be moved: set VAULT_KEY to this name "
            f"in {project.file.name}, and leave DEPLOY_KEY_LOCATION out"
        )
    context.say(f"  note: the key stays where an earlier deployment created it: {best.location}")
    context.project = replace(project, given_key_location=best.location)
    return found[best]


def key(context: Context) -> None:
    """Creates the key ring and the key with its rotation.

    Keys cannot be deleted, only their versions. After a `destroy` the key still exists without a usable version, and
    gets a new one. A key of another project is that project's: it is only used.

    Raises:
        DeployError: A command failed, or the key of another project cannot be used.
    """
    ring, found = settle(context)
    wanted, tools = context.project.key, context.tools
    if wanted.project != context.project.id:
        _usable(context, found)
        return
    if not ring:
        tools.gcloud("kms", "keyrings", "create", wanted.ring, *wanted.place)
    turns = (f"--rotation-period={ROTATION_DAYS}d", f"--next-rotation-time=+p{ROTATION_DAYS}d")
    where = (f"--keyring={wanted.ring}", *wanted.place)
    if found is None:
        tools.gcloud("kms", "keys", "create", wanted.name, *where, "--purpose=encryption", *turns)
        return
    state = _state(found)
    if state not in SEALS:
        context.say(f"  note: the key's primary version is {state.lower()} and cannot encrypt; creating a new one")
        tools.gcloud("kms", "keys", "versions", "create", f"--key={wanted.name}", *where, "--primary")
    if not found.get("rotationPeriod"):
        tools.gcloud("kms", "keys", "update", wanted.name, *where, *turns)


def unmake(context: Context) -> None:
    """Destroys all versions of the key and stops its rotation. Nothing encrypted with it can be decrypted again.

    Raises:
        DeployError: A command failed.
    """
    _, found = settle(context)
    made, tools = context.project.key, context.tools
    if made.project != context.project.id:
        context.say(f"The key {made} belongs to another project, and is kept.")
        return
    if found is None:
        return
    place = (f"--keyring={made.ring}", *made.place)
    if found.get("rotationPeriod"):
        tools.gcloud("kms", "keys", "update", made.name, *place, "--remove-rotation-schedule")
    for one in tools.json("kms", "keys", "versions", "list", f"--key={made.name}", *place) or []:
        if one.get("state") in ("ENABLED", "DISABLED"):
            number = one["name"].rsplit("/", 1)[-1]
            tools.gcloud("kms", "keys", "versions", "destroy", number, f"--key={made.name}", *place)
    context.say("Cloud KMS destroys the key's versions after its waiting period (30 days by default).")


def _usable(context: Context, found: dict[str, Any] | None) -> None:
    """Checks the key of another project, whose owners create and rotate it."""
    if context.tools.dry:
        return
    if found is None or _state(found) not in SEALS:
        raise DeployError(
            f"the key {context.project.key} does not exist, cannot encrypt, or is hidden from your account: ask the "
            "owners of its project, or leave VAULT_KEY out to create a key in this project"
        )


def _state(found: dict[str, Any]) -> str:
    return str((found.get("primary") or {}).get("state", "MISSING"))
