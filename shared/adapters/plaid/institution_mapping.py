"""Maps Plaid's status of an institution: https://plaid.com/docs/api/institutions/#institutionsget_by_id"""

import math
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from shared.domain.institution_health.evidence import PlaidStatus, RefreshInterval

_UPDATES, _LOGINS = "transactions_updates", "item_logins"
_INTERVALS = list(RefreshInterval)  # no set: Plaid may send a value that is not hashable


def plaid_status(status: object, *, at: datetime) -> PlaidStatus | None:
    """Plaid's status of an institution's transactions updates; None if there is too little traffic for one.

    Args:
        status: The field `status`; an unusable one counts as none.
        at: When Plaid was asked.
    """
    updates = _breakdown(status, _UPDATES)
    success = _share(updates.get("success"))
    if success is None:
        return None
    interval = updates.get("refresh_interval")
    return PlaidStatus(
        at=at,
        success=success,
        error_plaid=_share(updates.get("error_plaid")) or 0.0,
        error_institution=_share(updates.get("error_institution")) or 0.0,
        refresh_interval=RefreshInterval(interval) if interval in _INTERVALS else RefreshInterval.NORMAL,
        login_success=_share(_breakdown(status, _LOGINS).get("success")),
    )


def _breakdown(status: object, part: str) -> Mapping[str, Any]:
    found = status.get(part) if isinstance(status, Mapping) else None
    breakdown = found.get("breakdown") if isinstance(found, Mapping) else None
    return breakdown if isinstance(breakdown, Mapping) else {}


def _share(value: object) -> float | None:
    """A share from 0 to 1; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    share = float(value)
    return share if math.isfinite(share) and 0 <= share <= 1 else None
