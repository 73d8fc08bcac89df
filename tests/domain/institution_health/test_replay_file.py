"""Replay files: what is accepted, and what is refused with which reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.health.__main__ import main
from benchmarks.health.evaluation import tally_of
from benchmarks.health.replay_file import BadReplay, parse, read
from shared.domain.institution_health.selection import DETECTORS

OUTAGE = {"start": 300, "end": 500}


def bank(**changes: Any) -> dict[str, Any]:
    return {"institutions": [{"size": 20, **changes}]}


REFUSED: list[tuple[str, str]] = [
    ("no json", "no JSON file"),
    ("[" * 100_000, "no JSON file"),
    ("1" * 5000, "no JSON file"),
    ("[]", "the file must be an object"),
    ("{}", "institutions must be a list, not missing"),
    ('{"institutions": []}', "must not be empty"),
    ('{"institutions": [{}]}', r"institutions\[0\].size must be a whole number, not missing"),
    ('{"institutions": ["a"]}', r"institutions\[0\] must be an object"),
    ('{"institutions": [{"size": 1, "id": 5}, {"size": 1, "id": "5"}]}', "another id"),
    *(
        (json.dumps(bank(**changes)), named)
        for changes, named in (
            ({"size": 0}, "size must be between 1"),
            ({"size": True}, "size must be a whole number"),
            ({"size": 2.5}, "size must be a whole number"),
            ({"size": 10**400}, "size must be"),
            ({"base_error": 1}, "base_error must be between 0 and 0.99"),
            ({"base_error": "low"}, "base_error must be a number"),
            ({"base_error_rate": -0.1}, "base_error must be between"),
            ({"reports_status": "yes"}, "reports_status"),
            ({"outages": {}}, "outages must be a list"),
            ({"outages": [{"start": 5, "end": 5}]}, r"outages\[0\] must end after its start"),
            ({"outages": [{"start": 5}]}, r"end must be minutes from the beginning, or an ISO time, not missing"),
            ({"outages": [{"start": -5, "end": 5}]}, "start must be between 0"),
            ({"outages": [{"start": 5, "end": float("nan")}]}, "not nan"),
            ({"outages": [{"start": 5, "end": float("inf")}]}, "not inf"),
            ({"outages": [{"start": "noon", "end": 5}]}, "ISO time, not 'noon'"),
            ({"outages": [OUTAGE | {"scope": "moon"}]}, "scope must be one of all, data"),
            ({"outages": [OUTAGE | {"share": 1.5}]}, "share must be between 0 and 1"),
        )
    ),
    *(
        (json.dumps(bank() | changes), named)
        for changes, named in (
            ({"days": 0}, "days must be between"),
            ({"days": float("inf")}, "days must be a number"),
            ({"seeds": []}, "seeds must not be empty"),
            ({"seeds": ["a"]}, "a seed must be a whole number"),
            ({"shared": 5}, "shared must be a list"),
            ({"exposure": []}, "exposure must be an object"),
            ({"exposure": {"live": -1}}, "exposure.live must be between"),
            ({"exposure": {"without_status": 2}}, "exposure.without_status must be between 0 and 1"),
            ({"exposure": {"status_lag_minutes": [1]}}, "the shortest and the longest lag"),
        )
    ),
]


@pytest.mark.parametrize(("content", "named"), REFUSED)
def test_file_without_the_documented_format_is_refused_with_the_reason(
    content: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "replay.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(BadReplay, match=named) as refused:
        read(file)
    assert "replay.json" in str(refused.value)
    assert main(["--replay", str(file)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_file_that_cannot_be_read_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    for file in (tmp_path / "missing.json", tmp_path, binary):
        assert main(["--replay", str(file)]) == 2
        assert file.name in capsys.readouterr().err


ODD: list[dict[str, Any]] = [
    bank(),
    bank(size=1, base_error=0),
    bank(size=3, base_error=0.99),
    bank(size=200.0, outages=[OUTAGE, OUTAGE, {"start": 400, "end": 450, "share": 0, "scope": "data"}]),
    bank(outages=[{"start": 0, "end": 1, "scope": "login"}, {"start": 10_000, "end": 20_000}]),
    bank(outages=[OUTAGE | {"scope": scope} for scope in ("all", "data", "live", "login", "plaid", "keys")]),
    bank(outages=None, base_error=None, id=None, reports_status=None) | {"shared": None, "exposure": None},
    bank(outages=[OUTAGE | {"share": None, "scope": None}]) | {"days": 0.4, "seeds": [1, 1, -7]},
    bank(outages=[OUTAGE]) | {"exposure": {"live": 0, "checks": 0, "webhooks": 0, "status_lag_minutes": 0}},
    bank(outages=[OUTAGE], reports_status=True) | {"exposure": {"status_lag_minutes": [9000, 0], "updates": 4}},
    bank(outages=[{"start": 0, "end": 4320}]) | {"shared": [OUTAGE | {"scope": "all"}]},
    {"institutions": [{"size": 1, "outages": [OUTAGE]}] * 5, "unknown": 1},
]


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("content", ODD)
def test_unusual_but_valid_file_is_measured(content: dict[str, Any], detector: str) -> None:
    replay = parse({"days": 3, **content})
    measures = tally_of(replay, replay.seeds[0], detector).as_object()
    assert json.loads(json.dumps(measures, allow_nan=False)) == measures
    assert measures["peak_rate_ratio"] <= 2


def test_times_are_minutes_or_iso_times() -> None:
    outage = {"start": "2026-01-02T00:00:00Z", "end": 1500}
    assert parse(bank(outages=[outage])).banks[0].outages[0].start == 1440
    assert parse(bank(outages=[{"start": "2026-01-02", "end": "2026-01-02T02:00:00+01:00"}])).days == 365


def test_iso_times_before_2026_move_the_beginning_to_their_day() -> None:
    outages = [{"start": "2025-03-02T10:00:00", "end": "2025-03-02T12:00:00"}]
    assert parse(bank(outages=outages)).banks[0].outages[0].start == 600


def test_replay_lasts_until_after_its_last_outage() -> None:
    assert parse(bank(outages=[{"start": 0, "end": 1440 * 500}])).days == 501
    assert parse(bank() | {"shared": [{"start": 0, "end": 1440 * 400}]}).days == 401
