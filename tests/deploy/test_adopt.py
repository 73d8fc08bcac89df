"""This backend in an app that exists: beside what is there, never over it. The running whole is in tests/adopted."""

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


def test_ours_comes_beside_theirs(app: Path) -> None:
    assert adopt(app, source="bank") == ["firebase.json", "rules/store.rules", "indexes.json"]
    theirs, ours = config(app)["functions"]
    assert theirs == existing_app.CONFIG["functions"]
    assert (ours["source"], ours["codebase"], ours["runtime"]) == ("bank", "bank", "python311")
    assert "tests" in ours["ignore"]
    assert config(app)["storage"] == existing_app.CONFIG["storage"]
    assert config(app)["hosting"]["public"] == "dist"


def test_our_routes_come_first_and_take_nothing_of_theirs(app: Path) -> None:
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


def test_the_second_time_nothing_changes_and_an_old_block_is_brought_up_to_date(app: Path) -> None:
    adopt(app, source="bank")
    assert adopt(app, source="bank") == []
    store = app / "rules" / "store.rules"
    new = store.read_text()
    store.write_text(new.replace("function bankIs(uid)", "function bankWas(uid)"))
    assert adopt(app, source="bank") == ["rules/store.rules"]
    assert store.read_text() == new


def test_their_rules_stay_as_they_are_around_the_block(app: Path) -> None:
    adopt(app, source="bank")
    text = (app / "rules" / "store.rules").read_text()
    begin, end = text.index(BEGIN), text.index(END) + len(END)
    assert re.sub(r"\s+", " ", text[:begin] + text[end:]) == re.sub(r"\s+", " ", existing_app.RULES)


def test_the_block_stands_alone_and_everything_in_it_is_ours_by_its_name() -> None:
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


def test_what_the_block_opens_of_the_app_s_own_is_what_the_document_says() -> None:
    """Rules open whole documents: an app that keeps fields from its users in users/{uid} has to know."""
    text = (ROOT / "firestore.rules").read_text()
    own = text[text.index("match /users/{uid} {") : text.index("match /bank_notifications/")]
    assert set(re.findall(r"allow (\w+)", own)) == {"get", "create", "update"}
    told = " ".join((ROOT / "docs" / "adopt.md").read_text().split())
    assert all(word in told for word in ("to read **all** of it", "to create it", "to write three fields of it"))
    assert "may read all of their own users/{uid}" in text[: text.index(BEGIN)]


def test_all_our_indexes_are_of_our_collections_and_theirs_stay() -> None:
    composed = indexes(existing_app.INDEXES)
    assert composed["indexes"][0] == existing_app.INDEXES["indexes"][0]
    groups = [one["collectionGroup"] for kind in ("indexes", "fieldOverrides") for one in composed[kind]]
    assert all(name.startswith("bank_") for name in groups[1:])
    assert indexes(composed) == composed


def test_of_several_sites_one_is_named() -> None:
    sites = [{"target": "app", "rewrites": []}, {"target": "admin", "public": "admin"}]
    with pytest.raises(Refused, match="app, admin"):
        hosting(sites, target=None)
    app, admin = hosting(sites, target="app")
    assert app["rewrites"]
    assert admin == sites[1]


def test_a_project_without_rules_gets_some(app: Path) -> None:
    (app / "rules" / "store.rules").unlink()
    (app / "indexes.json").unlink()
    assert len(adopt(app, source="bank")) == 3
    assert BEGIN in (app / "rules" / "store.rules").read_text()


def _no_config(app: Path) -> None:
    (app / "firebase.json").unlink()


def _broken_config(app: Path) -> None:
    (app / "firebase.json").write_text("{")


def _our_name_taken(app: Path) -> None:
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
        (_our_name_taken, "rename it"),
        (_no_hosting, "no hosting"),
        (_strange_rules, "to hold the block"),
        (_not_there, "is not this repository"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    app: Path, spoil: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(app)
    before = {path: path.read_text() for path in app.glob("**/*.json") if "bank" not in path.parts}
    assert main(["--app", str(app), "--source", "bank"]) == 1
    assert said in capsys.readouterr().err
    assert {path: path.read_text() for path in app.glob("**/*.json") if "bank" not in path.parts} == before


def test_the_command_says_what_changed_and_finds_where_it_is(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--app", str(app), "--source", "bank"]) == 0
    assert capsys.readouterr().out.startswith("adopt: firebase.json, rules/store.rules, indexes.json changed\n")
    assert main(["--app", str(app), "--source", "bank"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("adopt: nothing changed\n")
    assert "with PROJECT=<id>" in said
    assert main(["--app", str(app)]) == 1
    assert "must be within" in capsys.readouterr().err


def test_rules_that_are_ours_alone_take_the_block_too() -> None:
    own = (ROOT / "firestore.rules").read_text()
    assert rules(own) == own
