"""Explanations for operators: 60 frozen verdicts with the sentences expected for each."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.template_explainer import _REASONS, TemplateExplainer
from shared.domain.institution_health.evidence import HealthState, OutageKind, PlaidStatus, RefreshInterval, Verdict
from shared.ports.explainer import Explainer, Facts

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "explanations.json").read_text("utf-8"))
DOMAIN = Path(__file__).parents[2] / "shared" / "domain" / "institution_health"


def facts(case: dict[str, Any]) -> Facts:
    since = datetime.fromisoformat(case["since"])
    verdict = Verdict(
        HealthState(case["state"]),
        OutageKind(case["kind"]) if case["kind"] else None,
        since,
        case["failing"] / case["seen"],
        case["seen"],
        case["failing"],
        case["users_failing"],
        case["tail"],
        case["reason"],
    )
    plaid = None
    if case["plaid"]:
        success, error_plaid, error_institution, interval = case["plaid"]
        plaid = PlaidStatus(since, success, error_plaid, error_institution, RefreshInterval(interval))
    return Facts(case["bank"], verdict, case["connections"], plaid)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_verdict_is_explained_in_the_expected_words(case: dict[str, Any]) -> None:
    explainer: Explainer = TemplateExplainer()
    assert explainer.explain(facts(case)) == case["expected"]


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_every_number_occurs_in_the_facts(case: dict[str, Any]) -> None:
    given = {str(case[name]) for name in ("connections", "seen", "failing", "users_failing")} | {
        "1",
        "15",
        "1000000000",
    }
    given |= set(re.findall(r"\d+", case["bank"]))
    if case["tail"]:
        given.add(f"{1 / case['tail']:.0f}")
    if case["plaid"]:
        given.add(f"{100 * case['plaid'][0]:.0f}")
    without_time = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "", case["expected"])
    said = {number.replace(",", "") for number in re.findall(r"\d[\d,]*", without_time)}
    assert {number.rstrip(",") for number in said} <= given


def test_there_are_sixty_cases_and_they_cover_every_reason_and_state() -> None:
    assert len(CASES) == 60
    assert {case["reason"] for case in CASES} == {*_REASONS, "healthy"}
    assert {case["state"] for case in CASES} == set(HealthState)


def test_every_reason_of_the_domain_has_its_words() -> None:
    source = "\n".join(file.read_text("utf-8") for file in DOMAIN.glob("*.py"))
    found = set(re.findall(r'Finding\(HealthState\.\w+, "(\w+)"', source)) | set(re.findall(r'reason="(\w+)"', source))
    assert found
    assert found - {"healthy"} <= set(_REASONS)
