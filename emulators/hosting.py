"""The web app for the local Hosting: the built files with this stack's addresses instead of the cloud's."""

from __future__ import annotations

import json
import shutil
from typing import Any, Protocol

from emulators.ports import HOST, PROJECT, REGION, Ports
from emulators.setup import LOCAL, ROOT

BUILT = ROOT / "web" / "dist"
REAL_LINK = "https://cdn.plaid.com/link/v2/stable/link-initialize.js"
NOT_BUILT = "<!doctype html><title>Bank connections</title><p>The web app is not built: run <code>make dev</code>."
POLICY = "Content-Security-Policy"


class Plaid(Protocol):
    """The Plaid settings that the web app depends on."""

    @property
    def base_url(self) -> str: ...
    @property
    def simulated(self) -> bool: ...


def link_script(plaid: Plaid) -> str:
    """The address of Link's script: the simulator's or Plaid's."""
    own = plaid.simulated or plaid.base_url.startswith((f"http://{HOST}:", "http://localhost:"))
    return f"{plaid.base_url}/link/v2/stable/link-initialize.js" if own else REAL_LINK


def web_config(ports: Ports, plaid: Plaid) -> dict[str, Any]:
    """config.json of the web app (web/src/bank/config.ts describes it)."""
    emulators = {name: getattr(ports, name) for name in ("auth", "firestore", "functions")}
    return {
        "firebase": {"apiKey": "local", "projectId": PROJECT},
        "region": REGION,
        "link_script": link_script(plaid),
        "oauth_redirect": plaid.simulated,
        "emulators": {"host": HOST, **emulators},
    }


def local_policy(policy: str, ports: Ports, plaid: Plaid) -> str:
    """The Content-Security-Policy of firebase.json, plus only the origins of this stack's emulators and its Link."""
    link = "/".join(link_script(plaid).split("/")[:3])
    more = {
        "script-src": [link],
        "frame-src": [link, ports.url("auth")],
        "connect-src": [*map(ports.url, ("auth", "firestore", "functions"))],
    }
    parts = [part.strip().split() for part in policy.split(";")]
    return "; ".join(" ".join([*part, *(one for one in more.get(part[0], []) if one not in part)]) for part in parts)


def app_headers(hosting: dict[str, Any]) -> list[dict[str, str]]:
    """The headers of the whole site. Rules for a part of it, such as /reference, never name a stack's addresses."""
    return [header for rule in hosting["headers"] if rule["source"] == "**" for header in rule["headers"]]


def localize(hosting: dict[str, Any], ports: Ports, plaid: Plaid) -> None:
    """Changes the `hosting` of a config to a copy of the built app with the addresses of this stack."""
    public = LOCAL / "hosting" / str(ports.offset)
    shutil.rmtree(public, ignore_errors=True)
    if BUILT.is_dir():
        shutil.copytree(BUILT, public)
    else:
        public.mkdir(parents=True)
        (public / "index.html").write_text(NOT_BUILT, encoding="utf-8")
    (public / "config.json").write_text(json.dumps(web_config(ports, plaid), indent=2), encoding="utf-8")
    hosting["public"] = str(public.relative_to(ROOT))
    for header in app_headers(hosting):
        if header["key"] == POLICY:
            header["value"] = local_policy(header["value"], ports, plaid)
