"""Adds this backend to an existing Firebase app: `make adopt APP=<folder>`; `PROJECT=<id>` also writes its settings.

It adds entries to that folder's firebase.json, rules and indexes and keeps all existing ones; run again, it updates its
own entries. It recognizes them by name: the codebase `bank`, the paths below `/api/v1/bank`, the collections `bank_…`,
and the rules between `bank: begin` and `bank: end`. See docs/adopt.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deploy import project
from deploy.app import CODEBASE, SETTINGS, regions, settings_file
from deploy.tools import DeployError

ROOT = Path(__file__).resolve().parents[1]
OURS = "/api/v1/bank"
NOT_FOUND = "api_not_found"
BEGIN, END = "// bank: begin", "// bank: end"
DOCUMENTS = re.compile(r"match\s+/databases/\{database\}/documents\s*\{[^\n]*\n")
NO_RULES = "rules_version = '2';\n\nservice cloud.firestore {\n  match /databases/{database}/documents {\n  }\n}\n"

Json = dict[str, Any]


class Refused(Exception):
    """The backend cannot be added to this app; the message says what to do."""


def functions(theirs: Any, *, source: str) -> list[Json]:
    """The app's codebases and this backend's.

    Raises:
        Refused: Another codebase is named `bank`.
    """
    [ours] = _ours()["functions"]
    listed = [dict(one) for one in (theirs if isinstance(theirs, list) else [theirs] if theirs else [])]
    for one in listed:
        if one.get("codebase", "default") == CODEBASE and one.get("source") != source:
            raise Refused(f"another codebase is named {CODEBASE} (source {one.get('source')}): rename it")
    settings = next(
        (one["configDir"] for one in listed if one.get("codebase") == CODEBASE and one.get("configDir")), None
    )
    others = [one for one in listed if one.get("codebase", "default") != CODEBASE]
    return [*others, ours | {"source": source, "codebase": CODEBASE, "configDir": settings or SETTINGS}]


def hosting(theirs: Any, *, target: str | None, region: str) -> Any:
    """The app's Hosting with the backend's routes first: the first match wins, and an app's route may match everything.

    Raises:
        Refused: The app has several sites, and none was chosen.
    """
    if isinstance(theirs, list):
        names = [site.get("target") or site.get("site") or "" for site in theirs]
        if len(theirs) > 1 and target not in names:
            raise Refused(f"there are several sites: choose one with --site: {', '.join(names)}")
        chosen = names.index(target) if target in names else 0
        return [_routed(site, region) if number == chosen else site for number, site in enumerate(theirs)]
    if not theirs:
        raise Refused("firebase.json has no hosting: REST calls and Plaid's webhooks need it")
    return _routed(theirs, region)


def rules(theirs: str) -> str:
    """The app's rules with the backend's block before the app's own matches.

    Raises:
        Refused: The rules have no place for the block.
    """
    block = _block((ROOT / "firestore.rules").read_text(encoding="utf-8"))
    assert block is not None  # noqa: S101 (a test checks the rules of this repository)
    if (old := _block(theirs)) is not None:
        return theirs.replace(old, block)
    found = DOCUMENTS.search(theirs)
    if found is None:
        raise Refused("the rules have no `match /databases/{database}/documents {` to hold the block")
    return f"{theirs[: found.end()]}    {block}\n\n{theirs[found.end() :]}"


def indexes(theirs: Json) -> Json:
    """The app's indexes and the backend's, which are those of collections named `bank_…`."""
    ours = json.loads((ROOT / "firestore.indexes.json").read_text(encoding="utf-8"))
    kept = {
        kind: [one for one in theirs.get(kind, []) if not str(one["collectionGroup"]).startswith("bank_")]
        for kind in ("indexes", "fieldOverrides")
    }
    return theirs | {kind: [*kept[kind], *ours[kind]] for kind in kept}


def adopt(app: Path, *, source: str, target: str | None = None, region: str | None = None) -> list[str]:
    """Writes all files, or none.

    Args:
        app: The project's folder, where its firebase.json is.
        source: The path of this repository in that folder.
        target: The Hosting site, if there are several.
        region: The region of the functions; None keeps that of the existing routes.

    Returns:
        The changed files.

    Raises:
        Refused: The backend cannot be added; no file was written.
    """
    config = _read_json(app / "firebase.json", missing="there is no firebase.json: run `firebase init` first")
    if not (app / source / "main.py").is_file():
        raise Refused(f"{app / source} is not this repository: give its folder with --source")
    store = config.get("firestore", {})
    if isinstance(store, list):
        raise Refused("several Firestore databases are not supported: add the block and the indexes by hand")
    paths = {"rules": store.get("rules", "firestore.rules"), "indexes": store.get("indexes", "firestore.indexes.json")}
    their_rules = app / paths["rules"]
    text = their_rules.read_text(encoding="utf-8") if their_rules.is_file() else NO_RULES
    composed = config | {
        "functions": functions(config.get("functions"), source=source),
        "hosting": hosting(config.get("hosting"), target=target, region=region or _region(app)),
        "firestore": store | paths,
    }
    written = {
        app / "firebase.json": _dumped(composed),
        their_rules: rules(text),
        app / paths["indexes"]: _dumped(indexes(_read_json(app / paths["indexes"]))),
    }
    changed = [path for path, new in written.items() if not path.is_file() or path.read_text(encoding="utf-8") != new]
    for path in changed:
        path.write_text(written[path], encoding="utf-8")
    return [str(path.relative_to(app)) for path in changed]


def _region(app: Path) -> str:
    """The region of the existing routes; the default if there are none, or if they differ."""
    found = regions(app)
    return found.pop() if len(found) == 1 else project.DEFAULT_REGION


def _routed(site: Json, region: str) -> Json:
    ours = [rule for rule in _ours()["hosting"]["rewrites"] if rule["source"].startswith(OURS)]
    [last] = [
        rule for rule in _ours()["hosting"]["rewrites"] if rule.get("function", {}).get("functionId") == NOT_FOUND
    ]
    theirs = [rule for rule in site.get("rewrites", []) if not str(rule.get("source", "")).startswith(OURS)]
    routes = [
        rule | {"function": rule["function"] | {"region": region}}
        for rule in (*ours, last | {"source": f"{OURS}{{,/**}}"})
    ]
    return site | {"rewrites": [*routes, *theirs]}


def _block(text: str) -> str | None:
    begin, end = text.find(BEGIN), text.find(END)
    return text[begin : end + len(END)] if 0 <= begin < end else None


def _ours() -> Json:
    config: Json = json.loads((ROOT / "firebase.json").read_text(encoding="utf-8"))
    return config


def _read_json(path: Path, *, missing: str | None = None) -> Json:
    if not path.is_file():
        if missing is not None:
            raise Refused(missing)
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Refused(f"{path.name} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise Refused(f"{path.name} is not a JSON object")
    return content


def _dumped(content: Json) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Adds the backend and prints the changed files. Exits with 1 if that is impossible, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="deploy.adopt", description=__doc__)
    parser.add_argument(
        "--app", required=True, type=Path, metavar="FOLDER", help="the folder with the app's firebase.json"
    )
    parser.add_argument("--source", metavar="FOLDER", help="the path of this repository in it (default: detected)")
    parser.add_argument("--site", metavar="NAME", help="the Hosting site or target, if there are several")
    parser.add_argument("--project", metavar="ID", help="also write this project's settings for the functions")
    given = parser.parse_args(arguments)
    if given.project and not project.ID.fullmatch(given.project):
        parser.error(f"not a project id: {given.project!r}")
    app = given.app.resolve()
    source = given.source or os.path.relpath(ROOT, app)
    try:
        if source.startswith(".."):
            raise Refused(f"this repository must be within {app}, for example as a submodule in {app / 'bank'}")
        changed = adopt(app, source=source, target=given.site)
        if given.project and settings_file(app, given.project).is_file():
            region = project.read(given.project, app=app).region
            changed += adopt(app, source=source, target=given.site, region=region)
        blank = project.complete(app, given.project) if given.project else []
    except (Refused, DeployError) as refused:
        print(f"adopt: {refused}", file=sys.stderr)
        return 1
    print(f"adopt: {', '.join(changed) if changed else 'nothing'} changed")
    if given.project:
        settings = settings_file(app, given.project).relative_to(app)
        print(f"adopt: the functions' settings are in {settings}" + (f": fill in {', '.join(blank)}" if blank else ""))
    else:
        print("adopt: to write the functions' settings, run it again for each project with PROJECT=<id>")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
