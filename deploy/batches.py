"""Creates new functions in small groups, so that they fit into a new project's CPU quota.

Creating a function starts an instance of it. `firebase deploy` creates up to 40 functions at once, and if Cloud Run has
no CPU left for one, the CLI deletes and creates it again without end (firebase-tools, release/fabricator.ts).
"""

from collections.abc import Iterator

from deploy.context import Context

BATCH = 8


def existing(context: Context) -> dict[str, str]:
    """The backend's functions in the project, with their states; none in a dry run.

    Raises:
        DeployError: A command failed.
    """
    here = (context.project.flag, "--v2", f"--regions={context.project.region}")
    listed = context.tools.json("functions", "list", *here) or []
    there = {one["name"].rsplit("/", 1)[-1]: one.get("state", "ACTIVE") for one in listed}
    return {name: state for name, state in there.items() if name in context.endpoints}


def new(context: Context) -> Iterator[list[str]]:
    """The functions that do not exist yet, or whose creation was interrupted, in groups.

    Raises:
        DeployError: A command failed.
    """
    there = existing(context)
    names = [name for name in context.endpoints if there.get(name) != "ACTIVE"]
    for start in range(0, len(names), BATCH):
        yield names[start : start + BATCH]
