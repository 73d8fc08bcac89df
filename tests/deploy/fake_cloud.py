"""A fake of the cloud behind `gcloud` and `firebase`: it keeps state, records calls, and is as strict as the real one.

Existing resources cannot be created again; missing ones cannot be changed or named in a binding; a service that is not
switched on refuses calls. Commands answer as the tools do: output, error, exit code.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.tools import Done

# A deploy writes into folders of the clone named after the project: each test process has its own project.
PROJECT = f"a-bank-project-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
PLAID_SECRET = "not-a-real-plaid-secret"
Json = dict[str, Any]

SERVICE_OF = {
    "iam": "iam", "kms": "cloudkms", "secrets": "secretmanager", "firestore": "firestore", "run": "run",
    "tasks": "cloudtasks", "scheduler": "cloudscheduler", "logging": "logging", "functions": "cloudfunctions",
    "monitoring": "monitoring", "alpha": "monitoring", "beta": "monitoring",
}  # fmt: skip

NO_METRIC = (  # https://github.com/hashicorp/terraform-provider-google/issues/11102
    '(gcloud.alpha.monitoring.policies.create) NOT_FOUND: Cannot find metric(s) that match type = "logging.googleapis.'
    'com/user/{}". If a metric was created recently, it could take up to 10 minutes to become available. Please try '
    "again soon."
)
NAME_KEPT = "FAILED_PRECONDITION: Database ID '{}' is not available in project. Please retry in 5 minutes."
EVENTARC = (
    "⚠  functions: Validation failed for trigger: Permission denied while using the Eventarc Service Agent. If you "
    "recently started to use Eventarc, it may take a few minutes before all necessary permissions are propagated to "
    "the Service Agent."
)


class Refused(Exception):
    """What a tool prints when it fails, and what the Firebase CLI has warned of before."""

    def __init__(self, why: str, warning: str = "") -> None:
        super().__init__(why)
        self.warning = warning


@dataclass
class Cloud:
    """The state, and what was called.

    Attributes:
        stop_at: The change at which the connection breaks (counted from 1), and whether before or after its effect.
        metrics_take: How often a new metric is not found by those who name it: Monitoring hears of it minutes later.
        name_kept: How often a new database is refused the name of one that was deleted.
        eventarc_takes: How many deploys of functions find Eventarc's own account without its rights.
    """

    state: Json = field(default_factory=dict)
    calls: list[list[str]] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    changes: int = 0
    stop_at: tuple[int, str] | None = None
    cleanup_policy_needed: bool = True
    metrics_take: int = 3
    eventarc_takes: int = 1
    name_kept: int = 0
    unseen: dict[str, int] = field(default_factory=dict)
    manifest: Callable[[], Json] | None = None

    def __post_init__(self) -> None:
        for kind in (
            "services",
            "accounts",
            "rings",
            "secrets",
            "metrics",
            "policies",
            "dashboards",
            "channels",
            "apps",
        ):
            self.state.setdefault(kind, {})
        for kind in ("keys", "bindings", "databases", "schedules", "functions", "queues", "jobs", "deployed", "apps"):
            self.state.setdefault(kind, {})
        self.state.setdefault("projects", {PROJECT: {"billing": True, "firebase": False}})
        self.state.setdefault("users", {"gcloud": ["op@example.com"], "firebase": ["op@example.com"]})

    def __call__(self, command: Sequence[str], stdin: str | None) -> Done:
        """Run a command as `deploy.tools.run` does."""
        program, *arguments = command
        tool = Path(program).name
        self.calls.append([tool, *arguments])
        if stdin is not None:
            self.inputs.append(stdin)
        try:
            run = self._gcloud if tool == "gcloud" else self._firebase
            out = run(arguments, stdin)
        except Refused as why:
            if tool == "firebase":  # the Firebase CLI prints errors to its output, and only warnings to stderr
                return Done(1, f"\nError: {why}\n", f"(node:7) DeprecationWarning: `punycode`\n{why.warning}")
            return Done(1, "", f"ERROR: {why}")
        return Done(0, out if isinstance(out, str) else json.dumps(out), "")

    # -- shared by all commands --

    def _change(self, effect: Callable[[], Any]) -> str:
        """Make a change; interrupted where a test requests it, as by Ctrl-C or a lost connection."""
        self.changes += 1
        if self.stop_at == (self.changes, "before"):
            raise KeyboardInterrupt
        effect()
        if self.stop_at == (self.changes, "after"):
            raise KeyboardInterrupt
        return ""

    def _make(self, kind: str, name: str, value: Any) -> str:
        if name in self.state[kind]:
            raise Refused(f"ALREADY_EXISTS: {kind} {name}")
        return self._change(lambda: self.state[kind].__setitem__(name, value))

    def _there(self, kind: str, name: str) -> Any:
        if name not in self.state[kind]:
            raise Refused(f"NOT_FOUND: {kind} {name}")
        return self.state[kind][name]

    def _drop(self, kind: str, name: str) -> str:
        self._there(kind, name)
        return self._change(lambda: self.state[kind].pop(name))

    def _bind(self, where: str, role: str, member: str, *, take: bool = False) -> str:
        address = member.partition(":")[2]
        if not take and member != "allUsers" and address not in self.state["accounts"]:
            raise Refused(f"INVALID_ARGUMENT: Service account {address} does not exist.")
        bound = self.state["bindings"].setdefault(where, [])
        pair = [role, member]
        if not take and pair in bound:
            raise Refused(f"bound twice: {where} {pair}")  # the real one accepts this; here no step may be done twice
        return self._change(lambda: bound.remove(pair) if take else bound.append(pair))

    def _policy(self, where: str) -> Json:
        return {"bindings": [{"role": r, "members": [m]} for r, m in self.state["bindings"].get(where, [])]}

    # -- gcloud --

    def _gcloud(self, arguments: list[str], stdin: str | None) -> Any:
        words = [a for a in arguments if not a.startswith("--")]
        flags = {name: value for name, _, value in (a[2:].partition("=") for a in arguments if a.startswith("--"))}
        if not self.state["users"]["gcloud"]:
            if words[:2] == ["auth", "list"]:
                return ""
            raise Refused("You do not currently have an active account selected.")
        if words[0] in ("auth", "projects", "billing", "services"):
            return getattr(self, f"_{words[0]}")(words[1:], flags)
        if flags.get("project") not in self.state["projects"]:
            raise Refused(f"PERMISSION_DENIED: {flags.get('project')}")
        service = f"{SERVICE_OF[words[0]]}.googleapis.com"
        if service not in self.state["services"]:
            raise Refused(f"PERMISSION_DENIED: {service} has been turned off")
        group = words[0] if words[0] not in ("alpha", "beta") else "monitoring"
        return getattr(self, f"_{group}")(words[1 if words[0] == group else 2 :], flags, stdin)

    def _auth(self, _words: list[str], _flags: Json) -> str:
        return "\n".join(self.state["users"]["gcloud"])

    def _billing(self, words: list[str], _flags: Json) -> str:
        return str(self._there("projects", words[2])["billing"])

    def _projects(self, words: list[str], flags: Json) -> Any:
        verb, project = words
        self._there("projects", project)
        match verb:
            case "describe":
                return "123456"
            case "get-iam-policy":
                return self._policy("project")
            case "add-iam-policy-binding":
                return self._bind("project", flags["role"], flags["member"])
            case "remove-iam-policy-binding":
                return self._bind("project", flags["role"], flags["member"], take=True)
        raise Refused(f"unknown: {words}")

    def _services(self, words: list[str], flags: Json) -> Any:
        self._there("projects", flags["project"])
        if words[0] == "list":
            return "\n".join(self.state["services"])
        assert words[0] == "enable"
        assert 0 < len(words) - 1 <= 20
        return self._change(lambda: self.state["services"].update(dict.fromkeys(words[1:], True)))

    def _iam(self, words: list[str], flags: Json, _stdin: str | None) -> Any:
        _, verb, *name = words
        match verb:
            case "list":
                return "\n".join(self.state["accounts"])
            case "create":
                assert 6 <= len(name[0]) <= 30
                assert len(flags["display-name"]) <= 100
                return self._make("accounts", f"{name[0]}@{PROJECT}.iam.gserviceaccount.com", True)
            case "delete":
                self.state["bindings"].pop(name[0], None)
                return self._drop("accounts", name[0])
            case "get-iam-policy":
                self._there("accounts", name[0])
                return self._policy(name[0])
            case "add-iam-policy-binding":
                self._there("accounts", name[0])
                return self._bind(name[0], flags["role"], flags["member"])
        raise Refused(f"unknown: {words}")

    def _kms(self, words: list[str], flags: Json, _stdin: str | None) -> Any:
        root = f"projects/{PROJECT}/locations/{flags['location']}/keyRings"
        match words:
            case ["keyrings", "list"]:
                return "\n".join(f"{root}/{name}" for name in self.state["rings"])
            case ["keyrings", "create", name]:
                return self._make("rings", name, True)
            case ["keys", "versions", "list"]:
                versions = self._there("keys", flags["key"])["versions"]
                return [{"name": f"…/cryptoKeyVersions/{n}", "state": s} for n, s in versions.items()]
            case ["keys", "versions", "destroy", number]:
                versions = self._there("keys", flags["key"])["versions"]
                return self._change(lambda: versions.__setitem__(number, "DESTROY_SCHEDULED"))
            case ["keys", "versions", "create"]:
                assert "primary" in flags
                key = self._there("keys", flags["key"])
                number = str(len(key["versions"]) + 1)
                return self._change(lambda: (key["versions"].update({number: "ENABLED"}), key.update(primary=number)))
        self._there("rings", flags["keyring"])
        match words:
            case ["keys", "list"]:
                return [
                    {
                        "name": f"{root}/{flags['keyring']}/cryptoKeys/{name}",
                        "rotationPeriod": key["rotation"],
                        "primary": {"state": key["versions"][key["primary"]]},
                    }
                    for name, key in self.state["keys"].items()
                ]
            case ["keys", "create", name]:
                assert flags["purpose"] == "encryption"
                key = {"rotation": flags["rotation-period"], "versions": {"1": "ENABLED"}, "primary": "1"}
                return self._make("keys", name, key)
            case ["keys", "update", name]:
                key = self._there("keys", name)
                period = None if "remove-rotation-schedule" in flags else flags["rotation-period"]
                return self._change(lambda: key.update(rotation=period))
            case ["keys", "get-iam-policy", name]:
                self._there("keys", name)
                return self._policy(f"key {name}")
            case ["keys", "add-iam-policy-binding", name]:
                self._there("keys", name)
                return self._bind(f"key {name}", flags["role"], flags["member"])
            case ["keys", "remove-iam-policy-binding", name]:
                return self._bind(f"key {name}", flags["role"], flags["member"], take=True)
        raise Refused(f"unknown: {words}")

    def _secrets(self, words: list[str], flags: Json, stdin: str | None) -> Any:
        match words:
            case ["list"]:
                return "\n".join(f"projects/1/secrets/{name}" for name in self.state["secrets"])
            case ["create", name]:
                return self._make("secrets", name, [])
            case ["delete", name]:
                return self._drop("secrets", name)
            case ["versions", "list", name]:
                assert (flags["sort-by"], flags["limit"]) == ("~createTime", "1")
                return str(len(self._there("secrets", name)) or "")
            case ["versions", "add", name]:
                assert flags["data-file"] == "-"
                assert stdin
                versions = self._there("secrets", name)
                return self._change(lambda: versions.append(stdin))
        raise Refused(f"unknown: {words}")

    def _firestore(self, words: list[str], flags: Json, _stdin: str | None) -> Any:
        name = flags.get("database", "")
        safe = {
            "pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_ENABLED",
            "deleteProtectionState": "DELETE_PROTECTION_ENABLED",
        }
        match words:
            case ["databases", "list"]:
                return list(self.state["databases"].values())
            case ["databases", "create"]:
                if self.name_kept > 0:
                    self.name_kept -= 1
                    raise Refused(NAME_KEPT.format(name))
                made = {"name": f"projects/{PROJECT}/databases/{name}", "locationId": flags["location"]}
                return self._make("databases", name, made | (safe if "enable-pitr" in flags else {}))
            case ["databases", "update"]:
                database = self._there("databases", name)
                if "no-delete-protection" in flags:
                    return self._change(lambda: database.update(deleteProtectionState="DELETE_PROTECTION_DISABLED"))
                return self._change(lambda: database.update(safe))
            case ["databases", "delete"]:
                if self._there("databases", name).get("deleteProtectionState") == "DELETE_PROTECTION_ENABLED":
                    raise Refused("FAILED_PRECONDITION: the database is protected")
                self.name_kept = 10
                self.state["schedules"].clear()
                return self._drop("databases", name)
            case ["backups", "schedules", "list"]:
                self._there("databases", name)
                return list(self.state["schedules"].values())
            case ["backups", "schedules", "create"]:
                self._there("databases", name)
                kind = flags["recurrence"]
                return self._make("schedules", kind, {f"{kind}Recurrence": {}, "retention": flags["retention"]})
        raise Refused(f"unknown: {words}")

    def _run(self, words: list[str], flags: Json, _stdin: str | None) -> Any:
        _, verb, service = words
        if service not in {name.replace("_", "-") for name in self.state["functions"]}:
            raise Refused(f"Cannot find service [{service}]")
        if verb == "get-iam-policy":
            return self._policy(f"service {service}")
        return self._bind(f"service {service}", flags["role"], flags["member"])

    def _functions(self, _words: list[str], _flags: Json, _stdin: str | None) -> Any:
        return [{"name": f"projects/p/locations/l/functions/{name}"} for name in self.state["functions"]]

    def _tasks(self, words: list[str], flags: Json, _stdin: str | None) -> Any:
        if words == ["queues", "list"]:
            return [{"name": f"projects/p/queues/{name}", **queue} for name, queue in self.state["queues"].items()]
        rates = {
            "maxDispatchesPerSecond": float(flags["max-dispatches-per-second"]),
            "maxConcurrentDispatches": int(flags["max-concurrent-dispatches"]),
        }
        queue = self._there("queues", words[2])
        return self._change(lambda: queue["rateLimits"].update(rates))

    def _scheduler(self, words: list[str], _flags: Json, _stdin: str | None) -> Any:
        if words == ["jobs", "list"]:
            return [{"name": f"projects/p/jobs/{name}", **job} for name, job in self.state["jobs"].items()]
        self._there("jobs", words[2])  # running a job does not change the project
        return ""

    def _logging(self, words: list[str], flags: Json, _stdin: str | None) -> Any:
        match words:
            case ["metrics", "list"]:
                return list(self.state["metrics"].values())
            case ["metrics", "create", name]:
                self.unseen |= {name: self.metrics_take} if self.metrics_take else {}
                return self._make("metrics", name, _file(flags["config-from-file"]))
            case ["metrics", "update", name]:
                self._there("metrics", name)
                made = _file(flags["config-from-file"])
                return self._change(lambda: self.state["metrics"].__setitem__(name, made))
            case ["metrics", "delete", name]:
                return self._drop("metrics", name)
            case ["read", _]:
                return [{"jsonPayload": {}}] if self.state["functions"] else []
        raise Refused(f"unknown: {words}")

    def _monitoring(self, words: list[str], flags: Json, _stdin: str | None) -> Any:
        kind, verb, *name = words
        if verb == "list":
            return list(self.state[kind].values())
        if verb == "delete":
            return self._drop(kind, name[0])
        if kind == "channels":
            made = {"displayName": flags["display-name"], "type": flags["type"]}
            made |= {"labels": dict([flags["channel-labels"].split("=", 1)])}
        else:
            made = _file(flags.get("policy-from-file") or flags["config-from-file"])
        if verb == "update":
            self._there(kind, name[0])
            return self._change(lambda: self.state[kind].__setitem__(name[0], {**made, "name": name[0]}))
        full = made.get("name") or f"projects/{PROJECT}/{kind}/{len(self.state[kind]) + 1}"
        for channel in made.get("notificationChannels", []):
            self._there("channels", channel)
        for metric in _metrics_in(made):
            self._there("metrics", metric)
            if kind == "policies" and metric in self.unseen:
                self.unseen = {name: left - 1 for name, left in self.unseen.items() if left > 1}
                raise Refused(NO_METRIC.format(metric))
        same = [one for one in self.state[kind].values() if one.get("displayName") == made["displayName"]]
        if same and kind != "dashboards":
            raise Refused(f"made twice: {made['displayName']}")  # the real one would
        return self._make(kind, full, {**made, "name": full})

    # -- firebase --

    def _firebase(self, arguments: list[str], _stdin: str | None) -> Any:
        verb = arguments[0]
        if not self.state["users"]["firebase"]:
            raise Refused("Failed to authenticate, have you run firebase login?")
        match verb:
            case "projects:list":
                found = [{"projectId": n} for n, p in self.state["projects"].items() if p["firebase"]]
                return {"status": "success", "result": found}
            case "projects:addfirebase":
                project = self._there("projects", arguments[1])
                if project["firebase"]:
                    raise Refused("ALREADY_EXISTS")
                return self._change(lambda: project.update(firebase=True))
            case "apps:list":
                return {"status": "success", "result": [{"appId": name} for name in self.state["apps"]]}
            case "apps:create":
                if not self._there("projects", PROJECT)["firebase"]:
                    raise Refused("not a Firebase project")
                return self._make("apps", arguments[2], True)
            case "functions:artifacts:setpolicy":
                return self._change(lambda: setattr(self, "cleanup_policy_needed", False))
            case "functions:delete":
                names = [a for a in arguments[1:] if a in self.state["functions"]]
                return self._change(lambda: self._forget(names))
            case "hosting:disable":
                return self._change(lambda: self.state["deployed"].pop("hosting", None))
            case "deploy":
                return self._deploy(arguments[arguments.index("--only") + 1], arguments)
        raise Refused(f"unknown: {arguments}")

    def _forget(self, names: list[str]) -> None:
        for name in names:
            for kind in ("functions", "queues"):
                self.state[kind].pop(name, None)
            self.state["bindings"].pop(f"service {name.replace('_', '-')}", None)
            self.state["jobs"].pop(f"firebase-schedule-{name}-us-central1", None)

    def _deploy(self, what: str, arguments: list[str]) -> str:
        assert "--non-interactive" in arguments
        assert "--force" not in arguments  # it would delete functions of other codebases
        if not self._there("projects", PROJECT)["firebase"]:
            raise Refused("not a Firebase project")
        self._there("databases", "(default)")
        config_path = Path(arguments[arguments.index("--config") + 1])
        config = json.loads(config_path.read_text(encoding="utf-8"))
        named = [one.split(":")[2:] for one in what.split(",")]
        what, _, of = what.split(",")[0].partition(":")
        assert what != "functions" or of or len(config["functions"]) == 1  # other codebases must not be deployed
        [codebase] = [one for one in config["functions"] if one.get("codebase") == "bank"]
        variables = (config_path.parent / codebase["configDir"] / f".env.{PROJECT}").read_text(encoding="utf-8")
        if what == "functions":
            early = self.eventarc_takes > 0
            self.eventarc_takes -= early
            before = dict(self.state["functions"])
            self._change(lambda: self._put_functions(variables, without="eventTrigger" if early else None))
            if new := self.state["functions"].keys() - before.keys():
                self._change(lambda: self._open(sorted(new)))
            # The CLI skips unchanged functions, whatever else is missing, unless they are named or the whole codebase
            # is.
            changed = {name for name, one in self.state["functions"].items() if before.get(name) != one}
            if touched := changed | {name for one in named for name in one}:
                self._change(lambda: self._set_triggers(sorted(touched)))
            warning = EVENTARC if early else ""
            if self.cleanup_policy_needed:
                why = "Functions successfully deployed but could not set up cleanup policy in location us-central1."
                raise Refused(why, warning)
            if early:
                raise Refused("There was an error deploying functions", warning)
            return ""
        if what == "hosting":
            for rule in config["hosting"]["rewrites"]:
                if isinstance(rule.get("function"), dict):  # a bare name is a function of another codebase
                    self._there("functions", rule["function"]["functionId"])
        return self._change(lambda: self.state["deployed"].__setitem__(what, variables))

    def _open(self, names: list[str]) -> None:
        """Apply who may call a function: for HTTP functions the CLI sets that on creation only, for others always."""
        assert self.manifest is not None
        for name in names:
            endpoint = self.manifest()[name]
            account = endpoint["serviceAccountEmail"].replace("{{ params.PROJECT_ID }}", PROJECT)
            member = f"serviceAccount:{account}" if "scheduleTrigger" in endpoint else "allUsers"
            if "scheduleTrigger" in endpoint or "httpsTrigger" in endpoint:
                where = f"service {name.replace('_', '-')}"
                self.state["bindings"].setdefault(where, []).append(["roles/run.invoker", member])

    def _put_functions(self, variables: str, *, without: str | None) -> None:
        assert self.manifest is not None
        for name, endpoint in self.manifest().items():
            if without in endpoint:
                continue
            for secret in endpoint.get("secretEnvironmentVariables") or []:
                if not self._there("secrets", secret["key"]):
                    raise Refused(f"NOT_FOUND: secret {secret['key']} has no version")
            self._there("accounts", endpoint["serviceAccountEmail"].replace("{{ params.PROJECT_ID }}", PROJECT))
            self.state["functions"][name] = {"account": endpoint["serviceAccountEmail"], "variables": variables}

    def _set_triggers(self, names: list[str]) -> None:
        assert self.manifest is not None
        for name in names:
            endpoint = self.manifest()[name]
            if "taskQueueTrigger" in endpoint:
                rates = dict(endpoint["taskQueueTrigger"]["rateLimits"])
                self.state["queues"].setdefault(name, {"state": "RUNNING"})["rateLimits"] = rates
            if "scheduleTrigger" in endpoint:
                self.state["jobs"][f"firebase-schedule-{name}-us-central1"] = {"state": "ENABLED"}


def _file(path: str) -> Json:
    from deploy.tools import ROOT

    content: Json = json.loads((ROOT / path).read_text(encoding="utf-8"))
    return content


def _metrics_in(made: Json) -> set[str]:
    return set(re.findall(r"logging\.googleapis\.com/user/(\w+)", json.dumps(made)))
