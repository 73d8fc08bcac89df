"""How Plaid reports the health of an institution.

Source: plaid.com/docs/api/institutions/#institutionsget_by_id, `status`. Plaid derives it from the share of successful
requests of each product, and has none for institutions with too few requests.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from emulators.plaid.clock import iso
from emulators.plaid.wire import words

Json = dict[str, Any]
PARTS = words(
    "item_logins transactions_updates auth identity investments_updates liabilities_updates liabilities investments"
)
_OF_PRODUCTS = {
    "transactions_updates": "transactions",
    "auth": "auth",
    "identity": "identity",
    "investments_updates": "investments",
    "liabilities_updates": "liabilities",
    "liabilities": "liabilities",
    "investments": "investments",
}
INTERVALS = words("NORMAL DELAYED STOPPED")
_SHARES = words("success error_plaid error_institution")
_HEALTHY, _DEGRADED = 0.9, 0.5


@dataclass(frozen=True)
class Health:
    """The requests of one kind at one institution: the shares of their outcomes, and how late updates are."""

    success: float
    error_plaid: float
    error_institution: float
    refresh_interval: str
    since: datetime

    @property
    def status(self) -> str:
        if self.refresh_interval == "STOPPED" or self.success < _DEGRADED:
            return "DOWN"
        return "HEALTHY" if self.success >= _HEALTHY and self.refresh_interval == "NORMAL" else "DEGRADED"

    def as_object(self) -> Json:
        return {
            "status": self.status,
            "last_status_change": iso(self.since),
            "breakdown": {
                "success": self.success,
                "error_plaid": self.error_plaid,
                "error_institution": self.error_institution,
                "refresh_interval": self.refresh_interval,
            },
        }


_USUAL = {
    "HEALTHY": (0.98, 0.01, 0.01, "NORMAL"),
    "DEGRADED": (0.62, 0.01, 0.37, "DELAYED"),
    "DOWN": (0.03, 0.01, 0.96, "STOPPED"),
}


@dataclass
class InstitutionHealth:
    """What Plaid knows of one institution. `reported`: it has enough requests for a status."""

    parts: dict[str, Health]
    reported: bool = True

    def change(self, parts: list[str], now: datetime, **shares: Any) -> None:
        """Changes the shares of some parts. The time of the last change moves if the status does."""
        for name in parts:
            before = self.parts[name]
            after = replace(before, **shares)
            self.parts[name] = after if after.status == before.status else replace(after, since=now)

    def as_object(self, products: tuple[str, ...]) -> Json | None:
        """`status`, with null for products that the institution does not support."""
        if not self.reported:
            return None
        shown = {
            name: health.as_object() if _OF_PRODUCTS.get(name) in {None, *products} else None
            for name, health in self.parts.items()
        }
        return {**shown, "health_incidents": None}


def usual(status: str, since: datetime) -> InstitutionHealth:
    return InstitutionHealth(dict.fromkeys(PARTS, Health(*_USUAL[status], since)))


def read_shares(body: Json) -> Json:
    """The changed shares of a control call; errors that it does not name are the bank's. Raises ValueError."""
    shares: Json = {name: float(body[name]) for name in _SHARES if name in body}
    if "success" in shares:
        errors = 1 - shares["success"]
        shares.setdefault("error_plaid", 0.0)
        shares.setdefault("error_institution", round(errors - shares["error_plaid"], 6))
    if any(not 0 <= share <= 1 for share in shares.values()):
        raise ValueError("shares must lie between 0 and 1")
    if "refresh_interval" in body:
        if body["refresh_interval"] not in INTERVALS:
            raise ValueError(f"refresh_interval must be one of: {', '.join(INTERVALS)}")
        shares["refresh_interval"] = body["refresh_interval"]
    return shares
