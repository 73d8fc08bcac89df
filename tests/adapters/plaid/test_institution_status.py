"""Plaid's status of an institution, with every oddity that an answer may have."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.adapters.plaid.institution_mapping import plaid_status
from shared.domain.institution_health.evidence import PlaidStatus, RefreshInterval

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def status(**breakdown: Any) -> dict[str, Any]:
    return {"transactions_updates": {"status": "DEGRADED", "breakdown": breakdown}}


def test_the_status_of_updates_and_of_logins_is_read() -> None:
    given = status(
        success=Decimal("0.62"),
        error_plaid=Decimal("0.08"),
        error_institution=Decimal("0.3"),
        refresh_interval="DELAYED",
    )
    given["item_logins"] = {"breakdown": {"success": Decimal("0.4")}}
    assert plaid_status(given, at=NOW) == PlaidStatus(NOW, 0.62, 0.08, 0.3, RefreshInterval.DELAYED, 0.4)


@pytest.mark.parametrize(
    "given",
    [
        None,
        "HEALTHY",
        {},
        {"transactions_updates": None},
        {"transactions_updates": {"breakdown": None}},
        status(),
        status(success=None),
        status(success="0.5"),
        status(success=True),
        status(success=2),
        status(success=-1),
        status(success=float("nan")),
    ],
)
def test_a_status_without_a_usable_share_counts_as_none(given: Any) -> None:
    assert plaid_status(given, at=NOW) is None


@pytest.mark.parametrize("odd", [None, "SOMETIMES", 3, ["STOPPED"], {}])
def test_odd_parts_beside_the_share_do_not_hide_it(odd: Any) -> None:
    given = status(success=Decimal(1), error_plaid=odd if odd != 3 else "3", refresh_interval=odd)
    given["item_logins"] = odd
    assert plaid_status(given, at=NOW) == PlaidStatus(NOW, 1.0, 0.0, 0.0, RefreshInterval.NORMAL, None)
