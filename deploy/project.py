"""The project to deploy to, read from its environment file.

`deploy/env/.env.<project>` holds the functions' variables (docs/settings.md) and the settings of the deploy itself:
those in `OWN`, which docs/settings.md describes as well. It can be committed, because secrets in it are refused. An app
that has adopted this backend uses its own file instead (deploy/app.py).
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from deploy import app as apps
from deploy.locations import Key, database_near, key_near
from deploy.tools import ROOT, DeployError
from shared.service_accounts import tasks_caller
from shared.settings import Settings

ID = re.compile(
    r"[a-z][a-z0-9-]{4,28}[a-z0-9]"
)  # https://cloud.google.com/resource-manager/docs/creating-managing-projects
DEFAULT_REGION = str(Settings.model_fields["deploy_region"].default)
FOLDER = Path("deploy") / "env"
OWN = {
    "DEPLOY_ALERT_CHANNELS",
    "DEPLOY_ALERT_EMAIL",
    "DEPLOY_BACKUP_DAYS",
    "DEPLOY_BUDGET",
    "DEPLOY_FIRESTORE_LOCATION",
    "DEPLOY_KEY_LOCATION",
}
RUNTIME = {"PROJECT", "FUNCTION"}  # set by the functions' runtime
SECRETS = ("PLAID_SECRET", "PLAID_EU_SECRET", "AUDIT_KEYSET")
OF_DATA = ("AUDIT_KEYSET",)  # needed to verify stored data, so kept as long as the data
NEVER = {*SECRETS, "VAULT_KEYSET"}
KEYRING, KEY = "bank", "access-tokens"
DATABASE = "(default)"

# NAME=value, NAME="value" or NAME='value', and a comment, as the Firebase CLI reads it in an app's own file
_LINE = re.compile(r"""\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(?:(["'])(.*?)\2|(.*?))\s*(?:(?<=[\s=])#.*)?""")


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project and the variables of its functions.

    Attributes:
        alert_channels: The last parts of the names of Cloud Monitoring's notification channels.
        budget: The monthly costs from which a warning is sent, in the currency of the billing account; 0: none.
    """

    id: str
    variables: dict[str, str]
    alert_email: str = ""
    alert_channels: tuple[str, ...] = ()
    budget: str = "100"
    given_firestore_location: str = ""
    given_key_location: str = ""
    backup_days: int = 7
    app: Path | None = None

    @property
    def region(self) -> str:
        """The region of the functions, queues and schedules."""
        return self.variables.get("DEPLOY_REGION") or DEFAULT_REGION

    @property
    def firestore_location(self) -> str:
        """The location of the database."""
        return self.given_firestore_location or database_near(self.region)

    @property
    def file(self) -> Path:
        """The environment file."""
        return apps.settings_file(self.app, self.id) if self.app is not None else environment_file(self.id)

    @property
    def flag(self) -> str:
        """The project option of every `gcloud` command."""
        return f"--project={self.id}"

    @property
    def key(self) -> Key:
        """The key that encrypts access tokens. VAULT_KEY can name one of another project."""
        location = self.given_key_location or key_near(self.firestore_location)
        return Key.parse(self.variables.get("VAULT_KEY", "")) or Key(self.id, location, KEYRING, KEY)

    @property
    def host(self) -> str:
        """The Hosting origin: that of WEBHOOK_URL if set, else of the site."""
        given = self.variables.get("WEBHOOK_URL", "").partition("/api/")[0]
        return given or (apps.host(self.app) if self.app is not None else None) or f"https://{self.id}.web.app"

    @property
    def webhook_url(self) -> str:
        """The address to which Plaid sends webhooks."""
        return self.variables.get("WEBHOOK_URL") or f"{self.host}/api/v1/bank/webhook"

    @property
    def work(self) -> Path:
        """The folder for the tools' files: inside the clone, ignored by git, without secrets."""
        return ROOT / ".local" / "deploy" / self.id

    @property
    def page(self) -> Path:
        """The folder that Hosting serves: the built web app with this project's configuration (deploy/page.py)."""
        return self.work / "page"

    def address(self, account: str) -> str:
        """The email address of a service account, whose name has a placeholder for the project."""
        return account.replace("{{ params.PROJECT_ID }}", self.id)

    def deployed_variables(self) -> dict[str, str]:
        """The functions' variables, including those computed from the project."""
        found = {
            "DEPLOY_REGION": self.region,
            "VAULT_KEY": str(self.key),
            "WEBHOOK_URL": self.webhook_url,
            "TASKS_CALLER": tasks_caller(self.id),
        }
        return found | {name: value for name, value in self.variables.items() if value}

    def dotenv(self) -> str:
        """The functions' variables in the format of the Firebase CLI."""
        return "".join(line(name, value) for name, value in sorted(self.deployed_variables().items()))

    def write_config(self) -> Path:
        """Writes firebase.json for this project, beside the original: firebase-tools resolves paths from its folder.

        An app that has adopted this backend is deployed with its own firebase.json, unchanged.
        """
        if self.app is not None:
            return self.app / "firebase.json"
        self.work.mkdir(parents=True, exist_ok=True)
        for stale in self.work.glob(".env*"):
            stale.unlink()
        (self.work / f".env.{self.id}").write_text(self.dotenv(), encoding="utf-8")
        config = json.loads((ROOT / "firebase.json").read_text(encoding="utf-8"))
        for codebase in config["functions"]:
            codebase["configDir"] = str(self.work.relative_to(ROOT))
        # Only the app's policy names the project; the API page's (source /reference) stays as it is.
        app = [rule for rule in config["hosting"]["headers"] if rule["source"] == "**"]
        for header in (one for rule in app for one in rule["headers"]):
            if header["key"] == "Content-Security-Policy":
                header["value"] = deployed_policy(header["value"], self.id, self.region)
        config["hosting"]["public"] = str(self.page.relative_to(ROOT))
        for rule in config["hosting"]["rewrites"]:
            if "function" in rule:
                rule["function"]["region"] = self.region
        path = ROOT / f"firebase.{self.id}.local.json"
        path.write_text(json.dumps(config, indent=2), encoding="utf-8")
        return path


def deployed_policy(policy: str, project: str, region: str) -> str:
    """The Content-Security-Policy of a project, with the origins of its functions and sign-in pages.

    It also allows the inline styles that Plaid's Link sets: https://plaid.com/docs/link/web/#csp-directives
    """
    functions, sign_in = f"https://{region}-{project}.cloudfunctions.net", f"https://{project}.firebaseapp.com"
    for before, after in (
        ("style-src 'self'", "style-src 'self' 'unsafe-inline'"),
        ("connect-src 'self'", f"connect-src 'self' {functions}"),
        ("frame-src ", f"frame-src {sign_in} "),
    ):
        policy = policy.replace(before, after)
    return policy


def line(name: str, value: str) -> str:
    """A variable in the format of the Firebase CLI. JSON would not work: it escapes characters such as é."""
    escaped = value.replace("\\", r"\\").replace('"', r"\"")
    return f'{name}="{escaped}"\n'


def complete(app: Path, project: str) -> list[str]:
    """Creates the app's settings file for a project, or adds missing values; existing values stay.

    Returns:
        The names of the values that are still empty.

    Raises:
        DeployError: The app has not adopted the backend, or the file cannot be parsed.
    """
    path = apps.settings_file(app, project)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(apps.blank(), encoding="utf-8")
    found = read(project, app=app)
    computed = found.deployed_variables()
    missing = "".join(line(name, computed[name]) for name in apps.COMPUTED if not found.variables.get(name))
    if missing:
        text = path.read_text(encoding="utf-8").rstrip("\n")
        path.write_text(
            f"{text}\n\n# For this project; Plaid sends webhooks to WEBHOOK_URL\n{missing}",
            encoding="utf-8",
        )
    blanks = {"PLAID_CLIENT_ID": found.variables.get("PLAID_CLIENT_ID"), "DEPLOY_ALERT_EMAIL": found.alert_email}
    return [name for name, value in blanks.items() if not value]


def environment_file(project: str) -> Path:
    """The environment file of a project."""
    return ROOT / FOLDER / f".env.{project}"


def read(project: str, *, app: Path | None = None) -> Project:
    """Reads the project from its environment file. A missing file gives defaults, which the checks report.

    Raises:
        DeployError: The file cannot be parsed.
    """
    path = apps.settings_file(app, project) if app is not None else environment_file(project)
    given: dict[str, str] = {}
    for number, text in enumerate(path.read_text(encoding="utf-8-sig").splitlines() if path.is_file() else [], 1):
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(text)
        if found is None:
            raise DeployError(f"{path.name}, line {number} is not NAME=value")
        given[found[1]] = found[4] if found[2] is None else found[3]
    days, channels = given.get("DEPLOY_BACKUP_DAYS") or "7", given.get("DEPLOY_ALERT_CHANNELS", "")
    return Project(
        id=project,
        app=app,
        variables={name: value for name, value in given.items() if name not in OWN},
        alert_email=given.get("DEPLOY_ALERT_EMAIL", ""),
        alert_channels=tuple(part.strip().rsplit("/", 1)[-1] for part in channels.split(",") if part.strip()),
        budget=(given.get("DEPLOY_BUDGET") or "100").lstrip("0") or "0",  # as the service writes it
        given_firestore_location=given.get("DEPLOY_FIRESTORE_LOCATION", ""),
        given_key_location=given.get("DEPLOY_KEY_LOCATION", ""),
        backup_days=int(days) if days.isdecimal() else 0,
    )
