"""Adding this backend to an existing app never overwrites the app. The running result is tested in tests/adopted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from deploy.adopt import BEGIN, END, ROOT, Refused, adopt, hosting, indexes, main, rules
from tests.deploy import existing_app


def config(app: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((app / "firebase.json").read_text())
    return content


def test_backend_is_added_next_to_the_app(app: Path) -> None:
    assert adopt(app, source="bank") == ["firebase.json", "rules/store.rules", "indexes.json"]
    theirs, ours = config(app)["functions"]
    assert theirs == existing_app.CONFIG["functions"]
    assert (ours["source"], ours["codebase"], ours["runtime"]) == ("bank", "bank", "python313")
    assert "tests" in ours["ignore"]
    assert config(app)["storage"] == existing_app.CONFIG["storage"]
    assert config(app)["hosting"]["public"] == "dist"


def test_backend_routes_come_first_and_shadow_no_route_of_the_app(app: Path) -> None:
    adopt(app, source="bank")
    rewrites = config(app)["hosting"]["rewrites"]
    assert rewrites[-2:] == existing_app.CONFIG["hosting"]["rewrites"]
    ours = rewrites[:-2]
    assert all(rule["source"].startswith("/api/v1/bank") for rule in ours)
    assert ours[-1] == {
        "source": "/api/v1/bank{,/**}",
        "function": {"functionId": "api_not_found", "region": "us-central1"},
    }
    own = json.loads((ROOT / "firebase.json").read_text())["hosting"]["rewrites"]
    assert ours[:-1] == [rule for rule in own if rule["source"].startswith("/api/v1/bank")]


def test_second_run_changes_nothing_and_an_old_block_is_updated(app: Path) -> None:
    adopt(app, source="bank")
    assert adopt(app, source="bank") == []
    store = app / "rules" / "store.rules"
    new = store.read_text()
    store.write_text(new.replace("function bankIs(uid)", "function bankWas(uid)"))
    assert adopt(app, source="bank") == ["rules/store.rules"]
    assert store.read_text() == new


def test_rules_of_the_app_stay_unchanged_around_the_block(app: Path) -> None:
    adopt(app, source="bank")
    text = (app / "rules" / "store.rules").read_text()
    begin, end = text.index(BEGIN), text.index(END) + len(END)
    assert re.sub(r"\s+", " ", text[:begin] + text[end:]) == re.sub(r"\s+", " ", existing_app.RULES)


def test_block_is_self_contained_and_its_names_are_the_backends() -> None:
    text = (ROOT / "firestore.rules").read_text()
    block = re.sub(r"//[^\n]*", "", text[text.index(BEGIN) : text.index(END)])
    defined = set(re.findall(r"function (\w+)", block))
    called = set(re.findall(r"(?<![.\w])([a-z]\w*)\(", block)) - {"get", "if"}
    assert all(name.startswith("bank") for name in defined)
    assert called == defined
    matched = set(re.findall(r"match /(?:\{path=\*\*\}/)?(\w+)/", block))
    assert {name for name in matched if not name.startswith("bank_")} == {"users"}
    rest = text[: text.index(BEGIN)] + text[text.index(END) :]
    assert "function" not in re.sub(r"//[^\n]*", "", rest)
    assert "allow" not in rest


def test_access_that_the_block_opens_to_app_documents_is_documented() -> None:
    """Rules open whole documents, so an app that hides fields in users/{uid} from its users has to know."""
    text = (ROOT / "firestore.rules").read_text()
    own = text[text.index("match /users/{uid} {") : text.index("match /bank_notifications/")]
    assert set(re.findall(r"allow (\w+)", own)) == {"get", "create", "update"}
    documented = " ".join((ROOT / "docs" / "adopt.md").read_text().split())
    assert all(word in documented for word in ("to read **all** of it", "to create it", "to write three fields of it"))
    assert "may read all of their own users/{uid}" in text[: text.index(BEGIN)]


def test_backend_indexes_cover_only_its_collections_and_those_of_the_app_stay() -> None:
    composed = indexes(existing_app.INDEXES)
    assert composed["indexes"][0] == existing_app.INDEXES["indexes"][0]
    groups = [one["collectionGroup"] for kind in ("indexes", "fieldOverrides") for one in composed[kind]]
    assert all(name.startswith("bank_") for name in groups[1:])
    assert indexes(composed) == composed


def test_one_of_several_sites_must_be_named() -> None:
    sites = [{"target": "app", "rewrites": []}, {"target": "admin", "public": "admin"}]
    with pytest.raises(Refused, match="app, admin"):
        hosting(sites, target=None, region="us-central1")
    app, admin = hosting(sites, target="app", region="us-central1")
    assert app["rewrites"]
    assert admin == sites[1]


def test_project_without_rules_gets_new_ones(app: Path) -> None:
    (app / "rules" / "store.rules").unlink()
    (app / "indexes.json").unlink()
    assert len(adopt(app, source="bank")) == 3
    assert BEGIN in (app / "rules" / "store.rules").read_text()


def _no_config(app: Path) -> None:
    (app / "firebase.json").unlink()


def _broken_config(app: Path) -> None:
    (app / "firebase.json").write_text("{")


def _backend_name_taken(app: Path) -> None:
    theirs = {"source": "elsewhere", "codebase": "bank"}
    (app / "firebase.json").write_text(json.dumps(existing_app.CONFIG | {"functions": [theirs]}))


def _no_hosting(app: Path) -> None:
    (app / "firebase.json").write_text(json.dumps({k: v for k, v in existing_app.CONFIG.items() if k != "hosting"}))


def _strange_rules(app: Path) -> None:
    (app / "rules" / "store.rules").write_text("service cloud.firestore { }")


def _not_there(app: Path) -> None:
    (app / "bank").unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_no_config, "firebase init"),
        (_broken_config, "not JSON"),
        (_backend_name_taken, "rename it"),
        (_no_hosting, "no hosting"),
        (_strange_rules, "to hold the block"),
        (_not_there, "is not this repository"),
    ],
)
def test_unsupported_project_is_reported_and_nothing_is_written(
    app: Path, spoil: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(app)
    before = {path: path.read_text() for path in app.glob("**/*.json") if "bank" not in path.parts}
    assert main(["--app", str(app), "--source", "bank"]) == 1
    assert said in capsys.readouterr().err
    assert {path: path.read_text() for path in app.glob("**/*.json") if "bank" not in path.parts} == before


def test_command_reports_changes_and_finds_its_project(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--app", str(app), "--source", "bank"]) == 0
    assert capsys.readouterr().out.startswith("adopt: firebase.json, rules/store.rules, indexes.json changed\n")
    assert main(["--app", str(app), "--source", "bank"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("adopt: nothing changed\n")
    assert "with PROJECT=<id>" in said
    assert main(["--app", str(app)]) == 1
    assert "must be within" in capsys.readouterr().err


def test_rules_of_the_backend_alone_take_the_block_too() -> None:
    own = (ROOT / "firestore.rules").read_text()
    assert rules(own) == own
