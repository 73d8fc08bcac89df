"""A smoke test of the live system.

Routes refuse bad requests, strangers cannot call what is not public, a schedule runs, a task and an event arrive.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import httpx

from deploy.context import Context
from deploy.event_probe import event_arrives
from deploy.queues import job_of
from deploy.strangers import probes
from deploy.tools import DeployError

OPEN_SECONDS = 120.0  # until IAM changes take effect: https://cloud.google.com/iam/docs/access-change-propagation
WAIT_SECONDS = 180.0
PAUSE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Probe:
    """A request that must be refused with one given status and code."""

    method: str
    path: str
    status: int
    code: str


PROBES = (
    Probe("GET", "/api/v1/bank/connect", 401, "id_token_missing"),
    Probe("POST", "/api/v1/bank/set_access_token", 401, "id_token_missing"),
    Probe("POST", "/api/v1/bank/webhook", 401, "webhook_not_verified"),
    Probe("GET", "/api/v1/bank/webhook", 405, "method_not_allowed"),
    Probe("GET", "/api/v1/bank/nowhere", 404, "path_not_found"),
)
RUNS = {
    "schedule_syncs": ("connections.health", "the schedule runs and reads the database"),
    "monitor_connections": ("task.ended", "a task is delivered to a function through its queue"),
}


def smoke(context: Context) -> None:
    """Runs the smoke test.

    Raises:
        DeployError: A probe failed; the message says which one, and where to look.
    """
    looks: list[Callable[[], str | None]]
    looks = [*(partial(_refused, context, probe) for probe in PROBES), partial(_page, context), *probes(context)]
    until = context.now() + OPEN_SECONDS
    failed = [_in_time(context, look, until) for look in looks]
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(context.now()))
    until = context.now() + OPEN_SECONDS
    failed += [_in_time(context, partial(_run, context, function), until) for function in RUNS]
    logged = partial(_is_logged, context, began=began)
    failed.append(event_arrives(context, logged=logged, pause=PAUSE_SECONDS))
    for function, (event, what) in RUNS.items():
        look = partial(_seen, logged, event, f"{what} ({function}; check the function's log)")
        failed.append(_in_time(context, look, context.now() + WAIT_SECONDS))
    if problems := [f"  - {why}" for why in failed if why is not None]:
        raise DeployError("\n".join(["It is deployed, but does not work yet:", *problems]))


def _in_time(context: Context, look: Callable[[], str | None], until: float) -> str | None:
    """Repeats a check until it passes or time is up; returns the last problem."""
    while (why := _problem(look)) is not None and context.now() < until:
        context.say(f"  … {why}: retrying in {PAUSE_SECONDS:.0f} s")
        context.tools.sleep(PAUSE_SECONDS)
    return why


def _problem(look: Callable[[], str | None]) -> str | None:
    """The problem that a check finds; the failure of a tool is one, too."""
    try:
        return look()
    except DeployError as error:
        return str(error)


def _refused(context: Context, probe: Probe) -> str | None:
    url = f"{context.project.host}{probe.path}"
    context.say(f"  try: {probe.method} {url}  (must be {probe.status} {probe.code})")
    if context.tools.dry:
        return None
    try:
        answer = context.request(probe.method, url, timeout=60)
        code = answer.json()["error"]["details"]["code"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        return f"{probe.method} {url}: no answer from this backend ({type(error).__name__})"
    found, wanted = (answer.status_code, code), (probe.status, probe.code)
    return (
        None if found == wanted else f"{probe.method} {url}: {found[0]} {found[1]} instead of {wanted[0]} {wanted[1]}"
    )


def _page(context: Context) -> str | None:
    context.say(f"  try: GET {context.project.host}/  (must be the web app)")
    if context.tools.dry:
        return None
    try:
        answer = context.request("GET", f"{context.project.host}/", timeout=60)
    except httpx.HTTPError as error:
        return f"{context.project.host}/: no answer ({type(error).__name__})"
    return None if answer.status_code == httpx.codes.OK else f"{context.project.host}/: {answer.status_code}"


def _is_logged(context: Context, event: str, *, began: str) -> bool:
    """Whether an event was logged since `began`."""
    wanted = f'resource.type="cloud_run_revision" AND jsonPayload.message="{event}" AND timestamp>="{began}"'
    command = ("logging", "read", wanted, context.project.flag, "--freshness=1d", "--limit=1")
    return bool(context.tools.json(*command)) or context.tools.dry


def _run(context: Context, function: str) -> None:
    """Runs the schedule of a function now."""
    place = (f"--location={context.project.region}", context.project.flag)
    context.tools.gcloud("scheduler", "jobs", "run", job_of(context, function), *place)


def _seen(logged: Callable[[str], bool], event: str, what: str) -> str | None:
    return None if logged(event) else f"not seen: {what}"


def for_plaid(context: Context) -> str:
    """The remaining manual steps, with the addresses for Plaid's dashboard."""
    project = context.project
    production, mail = project.variables.get("PLAID_ENV") == "production", project.alert_email
    lines = [
        "Enter at Plaid (https://dashboard.plaid.com/developers/api):",
        f"  webhook               {project.webhook_url}",
        f"  allowed redirect URI  {project.host}/link-return   (for OAuth banks)",
        "Set up once by hand:",
        f"  sign-in method        https://console.firebase.google.com/project/{project.id}/authentication/providers",
        f"  the web app           link it to the site if {project.host}/__/firebase/init.json has no apiKey:",
        f"                        https://console.firebase.google.com/project/{project.id}/settings/general",
        f"  alerts                {f'confirm the email address {mail}' if mail else 'send a test to each channel'}",
        f"  the dashboard         https://console.cloud.google.com/monitoring/dashboards?project={project.id}",
    ]
    if not production:
        lines.append(
            "  production            PLAID_ENV=production in the environment file, once Plaid has approved you"
        )
    return "\n".join(lines)
