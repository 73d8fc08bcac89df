"""The status of institutions."""

from __future__ import annotations

from typing import Any

import pytest

from .harness import BANK, Sim
from .test_typed_models import Api, api

__all__ = ["api"]

Json = dict[str, Any]
UPDATES = {
    "item_logins",
    "transactions_updates",
    "auth",
    "identity",
    "investments_updates",
    "liabilities_updates",
    "liabilities",
    "investments",
}


def status(sim: Sim, institution_id: str = BANK, country: str = "US") -> Any:
    asked = {"institution_id": institution_id, "country_codes": [country], "options": {"include_status": True}}
    return sim.call("/institutions/get_by_id", **asked)["institution"]["status"]


@pytest.mark.parametrize(
    ("institution_id", "expected", "interval"),
    [(BANK, "HEALTHY", "NORMAL"), ("ins_132363", "DEGRADED", "DELAYED"), ("ins_132361", "DOWN", "STOPPED")],
)
def test_status_has_the_shares_of_every_product(sim: Sim, institution_id: str, expected: str, interval: str) -> None:
    found = status(sim, institution_id)
    assert set(found) == {*UPDATES, "health_incidents"}
    for name in UPDATES:
        part = found[name]
        assert (part["status"], part["breakdown"]["refresh_interval"]) == (expected, interval)
        shares = [part["breakdown"][name] for name in ("success", "error_plaid", "error_institution")]
        assert float(sum(shares)) == pytest.approx(1)
    assert found == status(sim, institution_id)


def test_status_is_sent_only_on_request(sim: Sim) -> None:
    asked = {"institution_id": BANK, "country_codes": ["US"]}
    cases: list[Json] = [{}, {"options": {}}, {"options": {"include_status": False}}]
    for options in cases:
        assert "status" not in sim.call("/institutions/get_by_id", **asked, **options)["institution"]


def test_products_that_a_bank_does_not_offer_have_no_status(sim: Sim) -> None:
    found = status(sim, "ins_117650", "GB")
    assert found["liabilities_updates"] is None
    assert found["transactions_updates"]["status"] == "HEALTHY"


def test_an_outage_is_reported_from_the_moment_it_is_ordered_until_it_ends(sim: Sim) -> None:
    before = status(sim)["item_logins"]["last_status_change"]
    sim.advance(3600)
    outage = {"success": 0.1, "error_plaid": 0.05, "refresh_interval": "STOPPED", "parts": ["transactions_updates"]}
    sim.control(f"/institutions/{BANK}/health", **outage)
    during = status(sim)
    assert during["item_logins"]["last_status_change"] == before
    assert during["transactions_updates"]["status"] == "DOWN"
    assert float(during["transactions_updates"]["breakdown"]["error_institution"]) == pytest.approx(0.85)
    begun = during["transactions_updates"]["last_status_change"]
    assert begun > before
    sim.advance(60)
    sim.control(f"/institutions/{BANK}/health", success=0.2, parts=["transactions_updates"])
    assert status(sim)["transactions_updates"]["last_status_change"] == begun
    sim.control(f"/institutions/{BANK}/health", success=0.97, refresh_interval="NORMAL", lag_seconds=0)
    assert {status(sim)[name]["status"] for name in UPDATES} == {"HEALTHY"}
    assert status(sim)["transactions_updates"]["last_status_change"] > begun


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"success": 0.95}, "HEALTHY"),
        ({"success": 0.95, "refresh_interval": "DELAYED"}, "DEGRADED"),
        ({"success": 0.7}, "DEGRADED"),
        ({"success": 0.4}, "DOWN"),
        ({"refresh_interval": "STOPPED"}, "DOWN"),
    ],
)
def test_status_follows_from_the_shares(sim: Sim, shares: Json, expected: str) -> None:
    sim.control(f"/institutions/{BANK}/health", **shares, parts=["item_logins"])
    assert status(sim)["item_logins"]["status"] == expected


def test_an_institution_with_too_few_requests_has_no_status(api: Api, sim: Sim) -> None:
    sim.control(f"/institutions/{BANK}/health", reported=False)
    assert status(sim) is None
    asked = {"institution_id": BANK, "country_codes": ["US"], "options": {"include_status": True}}
    assert api.institutions_get_by_id(asked).institution.status is None
    sim.control("/reset")
    assert status(sim)["item_logins"]["status"] == "HEALTHY"


@pytest.mark.parametrize(
    "wrong",
    [
        {"success": 2},
        {"success": "much"},
        {"refresh_interval": "NEVER"},
        {"parts": ["income"]},
        {"colour": 1},
        {"scope": "all"},
        {"connections": 2},
        {"parts": [], "until": "now"},
    ],
)
def test_wrong_orders_are_refused(sim: Sim, wrong: Json) -> None:
    answer = sim.http.post(f"{sim.url}/_sim/institutions/{BANK}/health", json=wrong)
    assert answer.status_code == 400
