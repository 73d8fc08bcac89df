"""What a backend leaves open to callers. Production has to name it in its settings, and each deploy repeats it."""

from collections.abc import Callable, Iterator

from pydantic import ValidationError

from deploy.context import Context
from deploy.project import Project
from shared.settings import Settings

Door = tuple[Callable[[Settings], bool], str]

# Whether it is open, and what closes it.
DOORS: dict[str, Door] = {
    "CORS_ORIGINS": (
        lambda given: "*" in given.cors_origins,
        "to the origins of your browser apps, or to * to let every website call",
    ),
    "APP_CHECK": (
        lambda given: not given.app_check,
        "to 1, or to 0 to accept calls from programs that are not your apps",
    ),
    "ALLOW_ANONYMOUS": (lambda given: given.allow_anonymous, "to 0, or to 1 to let anonymous users link banks"),
}


def unnamed(project: Project, name: str) -> Iterator[str]:
    """What production leaves open by default."""
    for door in _open(project):
        if not project.variables.get(door):
            yield f"set {door} in {name} {DOORS[door][1]}"


def remind(context: Context) -> None:
    """Says what production leaves open on purpose."""
    given = context.project.variables
    if named := [f"{door}={given[door]}" for door in _open(context.project) if given.get(door)]:
        context.say(f"  note: production with {', '.join(named)}, as the settings say")


def _open(project: Project) -> list[str]:
    """The open doors of a production backend; none if its settings are invalid, which other checks report."""
    try:
        settings = Settings.read(project.deployed_variables() | {"GCLOUD_PROJECT": project.id})
    except ValidationError:
        return []
    return [name for name, (is_open, _) in DOORS.items() if settings.plaid_env == "production" and is_open(settings)]
