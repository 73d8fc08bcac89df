"""Preconditions of a deploy. All are checked before anything changes, and all failures are reported together."""

import re
import shutil
from collections.abc import Callable, Iterator

import httpx
from pydantic import ValidationError

from deploy import app as apps
from deploy import channels, doors, first_day, page, places
from deploy.app import COMPUTED
from deploy.context import Context
from deploy.project import FOLDER, KEY, KEYRING, NEVER, OWN, RUNTIME, SECRETS, Project
from deploy.secret_values import ASKED, asked, has_value, newest_version
from deploy.store import LONGEST_BACKUP_DAYS
from deploy.tools import ROOT, DeployError, said
from shared.domain.link import usable_language
from shared.settings import Settings

ADDRESS = re.compile(r"[^\s@,;]+@[^\s@,;]+")
ADOPT = "run `make adopt APP=… PROJECT=…`"
LOGIN = "emulators/node_modules/.bin/firebase login"
FIREBASE = "https://firebase.googleapis.com"
NO_PROJECT = ("NOT_FOUND", "PERMISSION_DENIED", "does not have permission")
Check = Callable[[Context], Iterator[str]]


def check(context: Context) -> None:
    """Checks all preconditions.

    Raises:
        DeployError: Some are not met; the message lists them all.
    """
    missing: list[str] = []
    for one in (files, settings, tools, first_day.gcloud):
        missing += _problems(context, one)
    doors.remind(context)
    page.remind(context)
    for one in (cloud, places.fit, channels.absent, first_day.database_mode, first_day.permissions):
        if context.tools.dry or not any("gcloud" in why or "no access" in why for why in missing):
            missing += _problems(context, one)
    if missing and not context.tools.dry:
        raise DeployError("\n".join(["Before this can be deployed:", *(f"  - {why}" for why in missing)]))


def _problems(context: Context, one: Check) -> Iterator[str]:
    """What a check reports. What it cannot find out is a problem, too."""
    context.say(f"  check: {(one.__doc__ or '').splitlines()[0]}")
    try:
        yield from one(context)
    except DeployError as error:
        yield str(error)


def files(context: Context) -> Iterator[str]:
    """The clone: no file in it that would change the deploy."""
    for name in (".env", "functions.yaml", "package.json"):
        if (ROOT / name).exists():
            yield f"remove {name} from the root of the clone: the Firebase CLI would deploy it with the functions"
    if context.project.app is None and not (page.built() / "index.html").is_file():
        yield "the web app is not built: run make setup-web"


def settings(context: Context) -> Iterator[str]:
    """The environment file: complete, valid, and without secrets."""
    project = context.project
    name = FOLDER / project.file.name if project.app is None else project.file
    if not (ROOT / name).is_file():
        how = f"copy {FOLDER}/example.env to {name}" if project.app is None else f"{ADOPT} to write {name}"
        yield f"{how} and fill it in"
        return
    for one in (_app_settings, _names, _values, doors.unnamed, _deploy_settings, _function_settings):
        yield from one(project, str(name))


def _app_settings(project: Project, name: str) -> Iterator[str]:
    """An app's own file must hold the computed values too, because the Firebase CLI reads it directly."""
    given = project.variables
    if project.app is None:
        return
    if absent := [one for one in COMPUTED if not given.get(one)]:
        yield f"{ADOPT} to write {', '.join(absent)} into {name}"
    if given.get("TASKS_CALLER") and project.id not in given["TASKS_CALLER"]:
        yield f"correct TASKS_CALLER in {name}: it belongs to another project"
    if apps.regions(project.app) - {project.region}:
        yield f"{ADOPT}: firebase.json sends calls to another region than DEPLOY_REGION={project.region}"


def _names(project: Project, name: str) -> Iterator[str]:
    """No secrets, no unknown names, no required name missing."""
    given = project.variables
    for secret in sorted(NEVER & given.keys()):
        yield f"remove {secret} from {name}: secrets are entered at the terminal and stored in Secret Manager"
    known = {field.upper() for field in Settings.model_fields} - RUNTIME
    if unknown := sorted(given.keys() - known - NEVER - OWN):
        yield f"correct in {name}, or remove: {', '.join(unknown)} (docs/settings.md lists all names)"
    for required in ("PLAID_ENV", "PLAID_CLIENT_ID"):
        if not given.get(required):
            yield f"set {required} in {name}"


def _values(project: Project, name: str) -> Iterator[str]:
    """Values that are valid settings, but not for a deployed backend."""
    given = project.variables
    if given.get("LANGUAGE") and usable_language(given["LANGUAGE"]) is None:
        yield f"correct LANGUAGE in {name}: Link does not support it"
    if given.get("PLAID_BASE_URL"):
        yield f"remove PLAID_BASE_URL from {name}: a deployed backend calls Plaid directly"
    if project.key.project != project.id and (project.key.ring, project.key.name) == (KEYRING, KEY):
        yield f"correct VAULT_KEY in {name}: that key belongs to the backend of {project.key.project}"


def _deploy_settings(project: Project, name: str) -> Iterator[str]:
    """The settings for the deploy alone, and the webhook address."""
    if not ADDRESS.fullmatch(project.alert_email) and (project.alert_email or not project.alert_channels):
        yield f"set DEPLOY_ALERT_EMAIL in {name} to one address for alerts (or set DEPLOY_ALERT_CHANNELS)"
    if not project.budget.isdecimal():
        yield f"set DEPLOY_BUDGET in {name} to a whole number: the month's costs from which a warning is sent, or 0"
    if not 1 <= project.backup_days <= LONGEST_BACKUP_DAYS:
        yield f"set DEPLOY_BACKUP_DAYS in {name} to a number from 1 to {LONGEST_BACKUP_DAYS}"
    if not project.webhook_url.startswith("https://"):
        yield f"WEBHOOK_URL in {name} must be an https address"


def _function_settings(project: Project, name: str) -> Iterator[str]:
    """The variables, validated as the functions will read them."""
    try:
        Settings.read(project.deployed_variables() | {"GCLOUD_PROJECT": project.id})
    except ValidationError as error:
        for one in error.errors(include_input=False):
            where = ".".join(map(str, one["loc"])).upper() or "the settings"
            yield f"correct {where} in {name}: {one['msg'].removeprefix('Value error, ')}"


def tools(context: Context) -> Iterator[str]:
    """The tools: gcloud, firebase and Node are installed, and the first two are logged in."""
    if not context.tools.dry and shutil.which("node") is None:
        yield "install Node 24: https://nodejs.org"
    done = context.tools.look("gcloud", "auth", "list", "--filter=status:ACTIVE", "--format=value(account)")
    if done.code == 127:
        yield "install gcloud: https://cloud.google.com/sdk/docs/install"
    elif done.code:
        yield f"`gcloud auth list` fails: {done.why}"
    elif not context.tools.dry and not done.out.strip():
        yield "log in: gcloud auth login"
    done = context.tools.look("firebase", "projects:list", "--json")
    if done.code == 127:
        yield "firebase-tools is not installed: run make setup"
    elif done.code:
        yield _of_firebase(context, done.why)


def _of_firebase(context: Context, why: str) -> str:
    """Why the Firebase CLI fails. It says the same of an expired login and of a network that does not work."""
    if "firebase login" in why:
        return f"log in: {LOGIN} (the Firebase CLI says: {why})"
    try:
        context.request("GET", FIREBASE, timeout=60)
    except httpx.HTTPError as error:
        return (
            f"check the network and the proxy: {FIREBASE} does not answer ({said(error)}; the Firebase CLI says: {why})"
        )
    return f"the Firebase CLI fails: {why} (if your login has expired: {LOGIN} --reauth)"


def cloud(context: Context) -> Iterator[str]:
    """The project: it exists, has billing, and its secrets exist or can be entered."""
    project, tools_ = context.project, context.tools
    done = tools_.look("gcloud", "projects", "describe", project.id, "--format=value(projectNumber)")
    if done.code and not any(word in done.err for word in NO_PROJECT):
        yield f"project {project.id}: `gcloud projects describe` fails: {done.why}"
        return
    if done.code:
        yield f"project {project.id}: it does not exist, or your account has no access (gcloud projects create …)"
        return
    done = tools_.look("gcloud", "billing", "projects", "describe", project.id, "--format=value(billingEnabled)")
    if done.code:
        yield f"project {project.id}: its billing account is unknown: {done.why}"
    elif not tools_.dry and done.out.strip().lower() != "true":
        yield f"project {project.id}: link a billing account (gcloud billing projects link …)"
    if not context.interactive and not tools_.dry:
        for name in asked(project):
            if not has_value(name, tools_.found(*newest_version(project, name))):
                yield f"{name} is not in Secret Manager yet: run this at a terminal, to enter it"


assert set(ASKED) <= set(SECRETS)  # noqa: S101 (two tables that belong together)
