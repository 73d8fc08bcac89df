"""A fake of the cloud behind `gcloud` and `firebase`: it keeps state, records calls, and is as strict as the real one.

Existing resources cannot be created again; missing ones cannot be changed or named in a binding; a service that is not
switched on refuses calls. Commands answer as the tools do: output, error, exit code.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from deploy.processes import TIMED_OUT, Done, Show

# A deploy writes into folders of the clone named after the project: each test process has its own project.
PROJECT = f"a-bank-project-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
PLAID_SECRET = "not-a-real-plaid-secret"
ACCESS_TOKEN = "not-a-real-access-token"
Json = dict[str, Any]

SERVICE_OF = {
    "iam": "iam", "kms": "cloudkms", "secrets": "secretmanager", "firestore": "firestore", "run": "run",
    "tasks": "cloudtasks", "scheduler": "cloudscheduler", "logging": "logging", "functions": "cloudfunctions",
    "eventarc": "eventarc", "monitoring": "monitoring", "alpha": "monitoring", "beta": "monitoring",
}  # fmt: skip
REGIONS = ("us-central1", "us-east1", "europe-west1", "europe-west3", "asia-east1")
LOCATIONS = {"kms": (*REGIONS, "us", "europe"), "firestore": (*REGIONS, "nam5", "eur3")}
BILLING_ACCOUNT = "billingAccounts/0A1B2C-3D4E5F-6A7B8C"
NO_BUDGETS = "PERMISSION_DENIED: The caller does not have permission"

NO_METRIC = (  # https://github.com/hashicorp/terraform-provider-google/issues/11102
    '(gcloud.alpha.monitoring.policies.create) NOT_FOUND: Cannot find metric(s) that match type = "logging.googleapis.'
    'com/user/{}". If a metric was created recently, it could take up to 10 minutes to become available. Please try '
    "again soon."
)
CHANNEL_IN_USE = "FAILED_PRECONDITION: Cannot delete the notification channel: it is used by an alerting policy."
NAME_KEPT = "FAILED_PRECONDITION: Database ID '{}' is not available in project. Please retry in 5 minutes."
EVENTARC = (
    "⚠  functions: Validation failed for trigger: Permission denied while using the Eventarc Service Agent. If you "
    "recently started to use Eventarc, it may take a few minutes before all necessary permissions are propagated to "
    "the Service Agent."
)


NO_CPU = "Quota exceeded for total allowable CPU per project per region."


class Refused(Exception):
    """What a tool prints when it fails, and what the Firebase CLI has warned of before."""

    def __init__(self, why: str, warning: str = "") -> None:
        super().__init__(why)
        self.warning = warning


COMPUTE = "123456-compute@developer.gserviceaccount.com"
CLI_GRANTS = ("roles/run.invoker", "roles/eventarc.eventReceiver")
RESTRICTED = (
    "FAILED_PRECONDITION: One or more users named in the policy do not belong to a permitted customer, perhaps due to "
    "an organization policy."
)
CONTENTION = (
    "Request to https://firestore.googleapis.com/v1/projects/p/databases/(default)/collectionGroups/g/fields/f had "
    "HTTP Error: 409, Please retry, underlying data changed"
)


class NeverEnds(Exception):
    """The Firebase CLI deletes and creates a function again and again; deploy.processes ends it."""


@dataclass
class Cloud:
    """The state, and what was called.

    Attributes:
        stop_at: The change at which the connection breaks (counted from 1), and whether before or after its effect.
        metrics_take: How often a new metric is not found by those who name it: Monitoring hears of it minutes later.
        name_kept: How often a new database is refused the name of one that was deleted.
        born: When databases and triggers were created, by name; a trigger hears only of a database that is older.
        logged: The events that functions logged.
        restricted: Whether the organization forbids grants to everyone (domain-restricted sharing).
        contention: How many deploys of indexes find that others change them.
        gcloud_version: What gcloud says of itself.
        cpu_quota: The vCPU that functions may use when they start together.
        cpu_taken: How many deploys of functions find that other instances use the quota.
        eventarc_takes: How many deploys of functions find Eventarc's own account without its rights.
        not_offered: Services that Google does not offer in a region.
        sees_budgets: Whether the operator has rights on the billing account.
    """

    state: Json = field(default_factory=dict)
    calls: list[list[str]] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    changes: int = 0
    stop_at: tuple[int, str] | None = None
    cleanup_policy_needed: bool = True
    metrics_take: int = 3
    eventarc_takes: int = 1
    born: dict[str, int] = field(default_factory=dict)
    logged: set[str] = field(default_factory=set)
    restricted: bool = False
    contention: int = 0
    gcloud_version: Json = field(
        default_factory=lambda: {"Google Cloud SDK": "528.0.0", "alpha": "2025.06.20", "beta": "2025.06.20"}
    )
    cpu_quota: float = 10
    cpu_taken: int = 0
    not_offered: set[tuple[str, str]] = field(default_factory=set)
    sees_budgets: bool = True
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
            "budgets",
        ):
            self.state.setdefault(kind, {})
        for kind in ("keys", "bindings", "databases", "schedules", "functions", "queues", "jobs", "deployed", "sites"):
            self.state.setdefault(kind, {})
        self.state.setdefault("unchecked", [])  # Cloud Run services that do not check who calls
        self.state.setdefault("audit", [])
        self.state.setdefault("region", "us-central1")  # of the functions
        self.state.setdefault("projects", {PROJECT: {"billing": True, "firebase": False}})
        self.state.setdefault("users", {"gcloud": ["op@example.com"], "firebase": ["op@example.com"]})

    def __call__(self, command: Sequence[str], stdin: str | None, _show: Show | None = None) -> Done:
        """Run a command as `deploy.tools.run` does."""
        program, *arguments = command
        tool = Path(program).name
        self.calls.append([tool, *arguments])
        if stdin is not None:
            self.inputs.append(stdin)
        try:
            run = self._gcloud if tool == "gcloud" else self._firebase
            out = run(arguments, stdin)
        except NeverEnds:
            return Done(TIMED_OUT, "creating function...", f"{tool} did not end within 30 minutes\n")
        except Refused as why:
            if tool == "firebase" and "--json" in arguments:
                return Done(1, json.dumps({"status": "error", "error": str(why)}, indent=2), "")
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

        def effect() -> None:
            self.state[kind][name] = value
            self._bear(name)

        return self._change(effect)

    def _bear(self, name: str) -> None:
        self.born[name] = max(self.born.values(), default=0) + 1

    def create_database_again(self) -> None:
        """As a restore does: the name and the content are the same."""
        self._bear("(default)")

    def deliver(self, function: str) -> None:
        """Deliver an event, if the function's trigger is one of the present database."""
        if function in self.state["functions"] and self.born[function] > self.born["(default)"]:
            self.logged.add("push.not_a_notification")

    def _there(self, kind: str, name: str) -> Any:
        if name not in self.state[kind]:
            raise Refused(f"NOT_FOUND: {kind} {name}")
        return self.state[kind][name]

    def _drop(self, kind: str, name: str) -> str:
        self._there(kind, name)
        return self._change(lambda: self.state[kind].pop(name))

    def _bind(self, where: str, role: str, member: str, *, take: bool = False) -> str:
        address = member.partition(":")[2]
        if member == "allUsers" and self.restricted:
            raise Refused(RESTRICTED)
        if not take and member != "allUsers" and address not in {*self.state["accounts"], COMPUTE}:
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
        if words == ["version"]:
            return self.gcloud_version
        if words[0] in ("auth", "projects", "billing", "services"):
            return getattr(self, f"_{words[0]}")(words[1:], flags)
        if flags.get("project") not in self.state["projects"]:
            raise Refused(f"PERMISSION_DENIED: {flags.get('project')}")
        service = f"{SERVICE_OF[words[0]]}.googleapis.com"
        if service not in self.state["services"]:
            raise Refused(f"PERMISSION_DENIED: {service} has not been used in project 123456 before or it is disabled.")
        if words[1] in ("regions", "locations"):
            return self._locations(words[0], words[1:])
        group = words[0] if words[0] not in ("alpha", "beta") else "monitoring"
        return getattr(self, f"_{group}")(words[1 if words[0] == group else 2 :], flags, stdin)

    def _auth(self, words: list[str], _flags: Json) -> str:
        if words == ["print-access-token"]:
            return f"{ACCESS_TOKEN}\n"
        return "\n".join(self.state["users"]["gcloud"])

    def _billing(self, words: list[str], flags: Json) -> Any:
        if words[0] == "projects":
            enabled = self._there("projects", words[2])["billing"]
            return str(enabled) if "Enabled" in flags["format"] else BILLING_ACCOUNT if enabled else ""
        assert flags["billing-project"] == PROJECT
        if not self.sees_budgets:
            raise Refused(NO_BUDGETS)
        match words[1:]:
            case ["list"]:
                assert f"billingAccounts/{flags['billing-account']}" == BILLING_ACCOUNT
                return list(self.state["budgets"].values())
            case ["create"]:
                assert flags["filter-projects"] == f"projects/{PROJECT}"
                name = f"{BILLING_ACCOUNT}/budgets/{len(self.state['budgets']) + 1}"
                sent = flags.get("notifications-rule-monitoring-notification-channels", "")
                made = {"name": name, "displayName": flags["display-name"], **self._warned(sent)}
                amount = {"specifiedAmount": {"currencyCode": "EUR", "units": flags["budget-amount"]}}
                return self._make("budgets", name, made | {"amount": amount})
            case ["update", name]:
                found = self._there("budgets", name)
                amount = {"specifiedAmount": {"currencyCode": "EUR", "units": flags["budget-amount"]}}
                sent = flags.get("notifications-rule-monitoring-notification-channels", "")
                return self._change(lambda: found.update({"amount": amount} | (self._warned(sent) if sent else {})))
            case ["delete", name]:
                return self._drop("budgets", name)
        raise Refused(f"unknown: {words}")

    def _warned(self, sent: str) -> Json:
        channels = [one for one in sent.split(",") if one]
        assert all(self._there("channels", one)["type"] == "email" for one in channels)
        return {"notificationsRule": {"monitoringNotificationChannels": channels}}

    def _locations(self, group: str, words: list[str]) -> Any:
        assert words[1:] == ["list"]
        there = [one for one in LOCATIONS.get(group, REGIONS) if (group, one) not in self.not_offered]
        return [{"name": f"projects/{PROJECT}/locations/{one}", "locationId": one} for one in there]

    def _projects(self, words: list[str], flags: Json) -> Any:
        verb, project, *file = words
        self._there("projects", project)
        match verb:
            case "describe":
                return "123456"
            case "get-iam-policy":
                etag = str(hash(json.dumps([self.state["bindings"].get("project"), self.state["audit"]])))
                audit = {"auditConfigs": copy.deepcopy(self.state["audit"])} if self.state["audit"] else {}
                return self._policy("project") | {"etag": etag, "version": 1} | audit
            case "set-iam-policy":
                made, now = _file(file[0]), self._projects(["get-iam-policy", project], {})
                if made["etag"] != now["etag"]:
                    raise Refused("ABORTED: there were concurrent policy changes")
                assert made["bindings"] == now["bindings"]
                return self._change(lambda: self.state.update(audit=made["auditConfigs"]))
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
                return "\n".join([*self.state["accounts"], COMPUTE])
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
        place = f"projects/{flags['project']}/locations/{flags['location']}"
        root = f"{place}/keyRings"
        if flags["location"] not in LOCATIONS["kms"]:
            raise Refused(f"NOT_FOUND: The request concerns location {flags['location']}")
        match words:
            case ["keyrings", "list"]:
                return "\n".join(f"{root}/{name}" for name, where in self.state["rings"].items() if where == place)
            case ["keyrings", "create", name]:
                assert flags["project"] == PROJECT
                return self._make("rings", name, place)
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
        if self._there("rings", flags["keyring"]) != place:
            raise Refused(f"NOT_FOUND: {root}/{flags['keyring']}")
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
                assert flags["project"] == PROJECT
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
                return [one | {"createTime": self._time(name)} for name, one in self.state["databases"].items()]
            case ["databases", "create"]:
                assert flags["location"] in LOCATIONS["firestore"]
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
                made = {"name": f"projects/p/databases/{name}/backupSchedules/{kind}", f"{kind}Recurrence": {}}
                return self._make("schedules", kind, made | {"retention": _seconds(flags["retention"])})
            case ["backups", "schedules", "update"]:
                schedule, kept = self._there("schedules", flags["backup-schedule"]), _seconds(flags["retention"])
                return self._change(lambda: schedule.update(retention=kept))
        raise Refused(f"unknown: {words}")

    def _run(self, words: list[str], flags: Json, _stdin: str | None) -> Any:
        _, verb, service = words
        self._is_here(flags["region"])
        if service not in {name.replace("_", "-") for name in self.state["functions"]}:
            raise Refused(f"Cannot find service [{service}]")
        if verb == "get-iam-policy":
            return self._policy(f"service {service}")
        if verb == "describe":
            off = {"run.googleapis.com/invoker-iam-disabled": "true"} if service in self.state["unchecked"] else {}
            return {"metadata": {"annotations": off}}
        if verb == "update":
            assert "no-invoker-iam-check" in flags
            return self._change(lambda: self.state["unchecked"].append(service))
        return self._bind(f"service {service}", flags["role"], flags["member"])

    def _is_here(self, region: str) -> None:
        if region != self.state["region"]:
            raise Refused(f"NOT_FOUND: nothing is in {region}; the functions are in {self.state['region']}")

    def _functions(self, _words: list[str], flags: Json, _stdin: str | None) -> Any:
        assert self.manifest is not None
        listed = []
        region = self.state["region"]
        for name, one in self.state["functions"].items():
            if flags.get("regions", region) != region:
                continue
            labels = {"firebase-functions-codebase": one.get("codebase", "bank")}
            listed.append({"name": f"projects/p/locations/{region}/functions/{name}", "state": one["state"]})
            listed[-1]["labels"] = labels
            if "eventTrigger" in (endpoint := one.get("endpoint") or self.manifest().get(name, {})):
                filters = endpoint["eventTrigger"]["eventFilters"]
                listed[-1]["eventTrigger"] = {
                    "eventType": endpoint["eventTrigger"]["eventType"],
                    "eventFilters": [{"attribute": key, "value": value} for key, value in filters.items()],
                    "trigger": f"projects/p/locations/{self._database()}/triggers/{name.replace('_', '-')}-123456",
                }
        return listed

    def _database(self) -> str:
        return str(self.state["databases"]["(default)"]["locationId"])

    def _time(self, name: str) -> str:
        """In Google's format, with nanoseconds."""
        return f"2026-01-01T00:{self.born[name] // 60:02}:{self.born[name] % 60:02}.123456789Z"

    def _eventarc(self, words: list[str], flags: Json, _stdin: str | None) -> Any:
        assert (words, flags["location"]) == (["triggers", "list"], "-")
        return [
            {"name": one["eventTrigger"]["trigger"].replace("projects/p/", f"projects/{PROJECT}/")}
            | {"createTime": self._time(one["name"].rsplit("/", 1)[-1])}
            for one in self._functions([], {}, None)
            if "eventTrigger" in one
        ]

    def _tasks(self, words: list[str], flags: Json, _stdin: str | None) -> Any:
        if self.state["functions"]:
            self._is_here(flags["location"])
        if words == ["queues", "list"]:
            return [{"name": f"projects/p/queues/{name}", **queue} for name, queue in self.state["queues"].items()]
        rates = {
            "maxDispatchesPerSecond": float(flags["max-dispatches-per-second"]),
            "maxConcurrentDispatches": int(flags["max-concurrent-dispatches"]),
        }
        queue = self._there("queues", words[2])
        return self._change(lambda: queue["rateLimits"].update(rates))

    def _scheduler(self, words: list[str], flags: Json, _stdin: str | None) -> Any:
        if self.state["functions"]:
            self._is_here(flags["location"])
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
            case ["read", wanted]:
                [event] = re.findall(r'jsonPayload.message="([\w.]+)"', wanted)
                by_schedule = {"connections.health", "task.ended"} if self.state["functions"] else set()
                return [{"jsonPayload": {}}] if event in self.logged | by_schedule else []
        raise Refused(f"unknown: {words}")

    def _monitoring(self, words: list[str], flags: Json, _stdin: str | None) -> Any:
        kind, verb, *name = words
        if verb == "list":
            return list(self.state[kind].values())
        if verb == "delete":
            if any(name[0] in one.get("notificationChannels", []) for one in self.state["policies"].values()):
                raise Refused(CHANNEL_IN_USE)
            return self._drop(kind, name[0])
        if kind == "channels":
            if verb == "update":
                found, label = self._there(kind, name[0]), dict([flags["update-user-labels"].split("=", 1)])
                return self._change(lambda: found.update(userLabels=found.get("userLabels", {}) | label))
            made = {"displayName": flags["display-name"], "type": flags["type"]}
            made |= {"labels": dict([flags["channel-labels"].split("=", 1)])}
            made |= {"userLabels": dict([flags["user-labels"].split("=", 1)])} if "user-labels" in flags else {}
        else:
            made = _file(flags.get("policy-from-file") or flags["config-from-file"])
        if verb == "update":
            self._there(kind, name[0])
            return self._change(lambda: self.state[kind].__setitem__(name[0], {**made, "name": name[0]}))
        free = next(number for number in count(1) if f"projects/{PROJECT}/{kind}/{number}" not in self.state[kind])
        full = made.get("name") or f"projects/{PROJECT}/{kind}/{free}"
        for channel in made.get("notificationChannels", []):
            self._there("channels", channel)
        for metric in _metrics_in(made):
            self._there("metrics", metric)
            if kind == "policies" and metric in self.unseen:
                self.unseen = {name: left - 1 for name, left in self.unseen.items() if left > 1}
                raise Refused(NO_METRIC.format(metric))
        alike = ("displayName", "labels")  # a channel for another address is another one
        same = [one for one in self.state[kind].values() if all(one.get(word) == made.get(word) for word in alike)]
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
                self._is_here(arguments[arguments.index("--location") + 1])
                return self._change(lambda: setattr(self, "cleanup_policy_needed", False))
            case "functions:delete":
                self._is_here(arguments[arguments.index("--region") + 1])
                names = [a for a in arguments[1:] if a in self.state["functions"]]
                return self._change(lambda: self._forget(names))
            case "hosting:sites:list":
                sites = self.state["sites"].items()
                return {"result": {"sites": [{"name": f"projects/p/sites/{one}", "type": kind} for one, kind in sites]}}
            case "hosting:sites:create":
                kind = "USER_SITE" if self.state["sites"] else "DEFAULT_SITE"
                return self._make("sites", arguments[1], kind)
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
            self.state["jobs"].pop(f"firebase-schedule-{name}-{self.state['region']}", None)

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
        if what == "firestore" and self.contention > 0:
            self.contention -= 1
            raise Refused(CONTENTION)
        if what == "functions":
            [region] = re.findall(r'^DEPLOY_REGION="?([a-z0-9-]+)"?$', variables, re.MULTILINE) or ["us-central1"]
            assert not self.state["functions"] or region == self.state["region"]  # the CLI would ask to delete them
            self.state["region"] = region
            early = self.eventarc_takes > 0
            self.eventarc_takes -= early
            before = dict(self.state["functions"])
            assert self.manifest is not None
            wanted = {name for one in named for name in one} or set(self.manifest())
            self._start(wanted - before.keys())
            self._grant(wanted, before)
            self._change(lambda: self._put_functions(variables, wanted, without="eventTrigger" if early else None))
            new = self.state["functions"].keys() - before.keys()
            if new:
                self._change(lambda: self._open(sorted(new)))
            # The CLI skips unchanged functions, whatever else is missing, unless they are named or the whole codebase
            # is.
            changed = {name for name, one in self.state["functions"].items() if before.get(name) != one}
            if touched := changed | {name for one in named for name in one}:
                self._change(lambda: self._set_triggers(sorted(touched)))
            warning = EVENTARC if early else ""
            opened = {name for name in new if "httpsTrigger" in self.manifest()[name]}
            if opened and self.restricted:
                functions = "".join(f"\n\tbank:{name}({self.state['region']})" for name in sorted(opened))
                raise Refused(f"Unable to set the invoker for the IAM policy on the following functions:{functions}")
            if self.cleanup_policy_needed:
                where = self.state["region"]
                why = f"Functions successfully deployed but could not set up cleanup policy in location {where}."
                raise Refused(why, warning)
            if early:
                raise Refused("There was an error deploying functions", warning)
            return ""
        if what == "hosting":
            if "DEFAULT_SITE" not in self.state["sites"].values():
                raise Refused("Unable to deploy to Hosting as there is no Hosting site.")
            for rule in config["hosting"]["rewrites"]:
                if isinstance(rule.get("function"), dict):  # a bare name is a function of another codebase
                    self._there("functions", rule["function"]["functionId"])
                    self._is_here(rule["function"]["region"])
            if config_path.name.endswith(".local.json"):
                page = config_path.parent / config["hosting"]["public"] / "config.json"
                self._is_here(json.loads(page.read_text(encoding="utf-8"))["region"])
        return self._change(lambda: self.state["deployed"].__setitem__(what, variables))

    def _start(self, new: set[str]) -> None:
        """Start an instance of each new function, if the quota allows it."""
        assert self.manifest is not None
        if self.cpu_taken > 0:
            self.cpu_taken -= 1
            raise Refused(NO_CPU)
        if sum(self.manifest()[name]["cpu"] for name in new) > self.cpu_quota:
            raise NeverEnds

    def _grant(self, wanted: set[str], before: Json) -> None:
        """Grant roles in the project, as the CLI does before it creates the first event trigger of a codebase."""
        assert self.manifest is not None
        events = {name for name, one in self.manifest().items() if "eventTrigger" in one}
        bound = self.state["bindings"].setdefault("project", [])
        new = [[role, f"serviceAccount:{COMPUTE}"] for role in CLI_GRANTS]
        if events & wanted and not events & before.keys() and any(pair not in bound for pair in new):
            self._change(lambda: bound.extend(pair for pair in new if pair not in bound))

    def _open(self, names: list[str]) -> None:
        """Apply who may call a function: for HTTP functions the CLI sets that on creation only, for others always."""
        assert self.manifest is not None
        for name in names:
            endpoint = self.manifest()[name]
            account = endpoint["serviceAccountEmail"].replace("{{ params.PROJECT_ID }}", PROJECT)
            member = f"serviceAccount:{account}" if "scheduleTrigger" in endpoint else "allUsers"
            if member == "allUsers" and self.restricted:
                continue
            if "scheduleTrigger" in endpoint or "httpsTrigger" in endpoint:
                where = f"service {name.replace('_', '-')}"
                self.state["bindings"].setdefault(where, []).append(["roles/run.invoker", member])

    def _put_functions(self, variables: str, wanted: set[str], *, without: str | None) -> None:
        assert self.manifest is not None
        for name, endpoint in self.manifest().items():
            if without in endpoint or name not in wanted:
                continue
            for secret in endpoint.get("secretEnvironmentVariables") or []:
                if not self._there("secrets", secret["key"]):
                    raise Refused(f"NOT_FOUND: secret {secret['key']} has no version")
            self._there("accounts", endpoint["serviceAccountEmail"].replace("{{ params.PROJECT_ID }}", PROJECT))
            if name not in self.state["functions"]:
                self._bear(name)
            self.state["functions"][name] = {
                "account": endpoint["serviceAccountEmail"],
                "variables": variables,
                "state": "ACTIVE",
            }

    def _set_triggers(self, names: list[str]) -> None:
        assert self.manifest is not None
        for name in names:
            endpoint = self.manifest()[name]
            if "taskQueueTrigger" in endpoint:
                rates = dict(endpoint["taskQueueTrigger"]["rateLimits"])
                self.state["queues"].setdefault(name, {"state": "RUNNING"})["rateLimits"] = rates
            if "scheduleTrigger" in endpoint:
                self.state["jobs"][f"firebase-schedule-{name}-{self.state['region']}"] = {"state": "ENABLED"}


def _file(path: str) -> Json:
    from deploy.tools import ROOT

    content: Json = json.loads((ROOT / path).read_text(encoding="utf-8"))
    return content


def _metrics_in(made: Json) -> set[str]:
    return set(re.findall(r"logging\.googleapis\.com/user/(\w+)", json.dumps(made)))


def _seconds(duration: str) -> str:
    """A duration as Google's services answer it."""
    return f"{int(duration[:-1]) * {'d': 1, 'w': 7}[duration[-1]] * 86400}s"
