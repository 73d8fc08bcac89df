"""Where to deploy: the project, and what its environment file says.

`deploy/env/.env.<project>` holds the functions' variables (README.md, Settings), and beside them what only the deploy
needs: DEPLOY_ALERT_EMAIL, who is told of alerts; DEPLOY_FIRESTORE_LOCATION, where a new database is made;
DEPLOY_BACKUP_DAYS, how long daily backups are kept. It may be committed: secrets are refused in it. In an app that this
backend was added to, the app's own file takes its place (deploy/app.py).
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from deploy import app as apps
from deploy.tools import ROOT, DeployError
from shared.service_accounts import tasks_caller
from shared.settings import Settings

ID = re.compile(
    r"[a-z][a-z0-9-]{4,28}[a-z0-9]"
)  # https://cloud.google.com/resource-manager/docs/creating-managing-projects
REGION = str(Settings.model_fields["region"].default)
FOLDER = Path("deploy") / "env"
OWN = {"DEPLOY_ALERT_EMAIL", "DEPLOY_FIRESTORE_LOCATION", "DEPLOY_BACKUP_DAYS"}
RUNTIME = {"PROJECT", "REGION", "FUNCTION"}  # the functions' runtime says these itself
SECRETS = ("PLAID_SECRET", "AUDIT_KEYSET")
OF_DATA = ("AUDIT_KEYSET",)  # of these: what is stored can be checked with them alone, so they stay as long as it does
NEVER = {*SECRETS, "VAULT_KEYSET"}
KEYRING, KEY = "bank", "access-tokens"
DATABASE = "(default)"

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*")


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project, with the variables of its functions."""

    id: str
    variables: dict[str, str]
    alert_email: str = ""
    firestore_location: str = "nam5"
    backup_days: int = 7
    app: Path | None = None

    @property
    def file(self) -> Path:
        """What says all this."""
        return apps.settings_file(self.app, self.id) if self.app is not None else environment_file(self.id)

    @property
    def flag(self) -> str:
        """What every `gcloud` command is told."""
        return f"--project={self.id}"

    @property
    def key(self) -> str:
        """The full name of the key that seals access tokens."""
        return f"projects/{self.id}/locations/{REGION}/keyRings/{KEYRING}/cryptoKeys/{KEY}"

    @property
    def host(self) -> str:
        """Where Hosting serves it, unless the variables name another webhook address."""
        given = self.variables.get("WEBHOOK_URL", "").partition("/api/")[0]
        return given or (apps.host(self.app) if self.app is not None else None) or f"https://{self.id}.web.app"

    @property
    def webhook_url(self) -> str:
        """Where Plaid sends webhooks."""
        return self.variables.get("WEBHOOK_URL") or f"{self.host}/api/v1/bank/webhook"

    @property
    def work(self) -> Path:
        """Where files for the tools are written: inside the clone, out of git, and with nothing secret in them."""
        return ROOT / ".local" / "deploy" / self.id

    def address(self, account: str) -> str:
        """A service account of ours, by its address with the project left open."""
        return account.replace("{{ params.PROJECT_ID }}", self.id)

    def deployed_variables(self) -> dict[str, str]:
        """The functions' variables, with those that follow from the project."""
        found = {"VAULT_KEY": self.key, "WEBHOOK_URL": self.webhook_url, "TASKS_CALLER": tasks_caller(self.id)}
        return found | {name: value for name, value in self.variables.items() if value}

    def dotenv(self) -> str:
        """The functions' variables, as the Firebase CLI reads them."""
        return "".join(line(name, value) for name, value in sorted(self.deployed_variables().items()))

    def write_config(self) -> Path:
        """firebase.json for this project, beside the original: firebase-tools takes its folder for the project's.

        An app that this was added to is deployed with its own, as it is.
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
        for header in (one for rule in config["hosting"]["headers"] for one in rule["headers"]):
            if header["key"] == "Content-Security-Policy":
                header["value"] = deployed_policy(header["value"], self.id)
        path = ROOT / f"firebase.{self.id}.local.json"
        path.write_text(json.dumps(config, indent=2), encoding="utf-8")
        return path


def deployed_policy(policy: str, project: str) -> str:
    """The Content-Security-Policy of a project: with its own functions and sign-in pages, which only it can name.

    And one under which Plaid's Link can set its styles: https://plaid.com/docs/link/web/#csp-directives
    """
    functions, sign_in = f"https://{REGION}-{project}.cloudfunctions.net", f"https://{project}.firebaseapp.com"
    for before, after in (
        ("style-src 'self'", "style-src 'self' 'unsafe-inline'"),
        ("connect-src 'self'", f"connect-src 'self' {functions}"),
        ("frame-src ", f"frame-src {sign_in} "),
    ):
        policy = policy.replace(before, after)
    return policy


def line(name: str, value: str) -> str:
    """A variable for the Firebase CLI. JSON is not what it reads, which would write é as an escape."""
    escaped = value.replace("\\", r"\\").replace('"', r"\"")
    return f'{name}="{escaped}"\n'


def complete(app: Path, project: str) -> list[str]:
    """Writes the app's settings of a project, or what is missing in them; what is there stays as it is.

    Returns:
        What is still to be filled in.

    Raises:
        DeployError: The backend was not added to it, or the file cannot be read.
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
            f"{text}\n\n# Of this project; WEBHOOK_URL is where Plaid reaches the app\n{missing}", encoding="utf-8"
        )
    blanks = {"PLAID_CLIENT_ID": found.variables.get("PLAID_CLIENT_ID"), "DEPLOY_ALERT_EMAIL": found.alert_email}
    return [name for name, value in blanks.items() if not value]


def environment_file(project: str) -> Path:
    """Where a project's variables are."""
    return ROOT / FOLDER / f".env.{project}"


def read(project: str, *, app: Path | None = None) -> Project:
    """The project, as its environment file says; with defaults where there is none, which the checks report.

    Raises:
        DeployError: The file cannot be read as one.
    """
    path = apps.settings_file(app, project) if app is not None else environment_file(project)
    given: dict[str, str] = {}
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines() if path.is_file() else [], 1):
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(text)
        if found is None:
            raise DeployError(f"{path.name}, line {number} is not NAME=value")
        given[found[1]] = found[2][1:-1] if found[2][:1] in ("'", '"') and found[2][-1:] == found[2][:1] else found[2]
    days = given.get("DEPLOY_BACKUP_DAYS") or "7"
    return Project(
        id=project,
        app=app,
        variables={name: value for name, value in given.items() if name not in OWN},
        alert_email=given.get("DEPLOY_ALERT_EMAIL", ""),
        firestore_location=given.get("DEPLOY_FIRESTORE_LOCATION") or "nam5",
        backup_days=int(days) if days.isdecimal() else 0,
    )
