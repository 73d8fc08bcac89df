"""Outages of institutions: the truth about a bank, which Plaid's status follows after a while.

During an outage, Items of the bank stop receiving updates (no webhooks, `last_failed_update` moves), live calls and
logins fail, or the bank rejects logins that are valid. Source: plaid.com/docs/errors/institution and
plaid.com/docs/account/activity/#institution-status-details.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from emulators.plaid import institutions
from emulators.plaid.clock import iso, parse_iso
from emulators.plaid.errors import PlaidError
from emulators.plaid.health import PARTS, read_shares
from emulators.plaid.items import Item, Readiness

if TYPE_CHECKING:
    from emulators.plaid.world import World

Json = dict[str, Any]
FIELDS = ("success", "error_plaid", "error_institution", "refresh_interval")
ORDERS = (*FIELDS, "scope", "connections", "until", "lag_seconds")
SCOPES = ("login", "data", "live")
LIVE = frozenset(
    [
        "/accounts/balance/get",
        "/identity/refresh",
        "/investments/refresh",
        "/statements/refresh",
        "/transactions/refresh",
    ]
)
"""Endpoints that ask the bank while the caller waits. The first call of a product does so, too."""
UPDATES_EVERY = timedelta(hours=1)
_LAG = (300.0, 3600.0)
_REPORTED = {
    "login": ("item_logins",),
    "data": ("transactions_updates", "investments_updates", "liabilities_updates"),
    "live": ("item_logins", "auth", "identity", "liabilities", "investments"),
}
_NORMAL: Json = {"success": 0.98, "error_plaid": 0.01, "error_institution": 0.01, "refresh_interval": "NORMAL"}
_ENOUGH = 0.9


@dataclass(frozen=True)
class Outage:
    """One interval of trouble at an institution.

    Attributes:
        scope: What fails: `login` (valid logins are rejected), `data` (updates), `live` (live calls and new logins).
        connections: The share of the bank's Items that it hits; a fixed selection.
        lag: How much later Plaid's status follows.
    """

    number: int
    start: datetime
    shares: Json
    scope: tuple[str, ...]
    connections: float
    lag: timedelta
    end: datetime | None = None
    until: datetime | None = None

    @property
    def parts(self) -> set[str]:
        """The parts of Plaid's status that show it."""
        return {part for name in self.scope for part in _REPORTED[name]}

    def hits(self, item_id: str) -> bool:
        return _share(self.number, item_id) < self.connections

    def error(self, item_id: str) -> PlaidError:
        """The error of a live call: in the proportion of the shares it is Plaid's own, otherwise the bank's."""
        plaid, bank = self.shares["error_plaid"], self.shares["error_institution"]
        at_plaid = plaid > 0 and _share(-self.number, item_id) < plaid / (plaid + bank)
        return PlaidError("INTERNAL_SERVER_ERROR" if at_plaid else "INSTITUTION_DOWN")

    def as_object(self) -> Json:
        return {
            "start": iso(self.start),
            "end": iso(self.end) if self.end else None,
            "until": iso(self.until) if self.until else None,
            **self.shares,
            "scope": list(self.scope),
            "connections": self.connections,
            "lag_seconds": self.lag.total_seconds(),
        }


def _share(number: int, item_id: str) -> float:
    """A number from 0 up to 1 that is fixed for an Item and an outage."""
    return int.from_bytes(blake2b(f"{number}/{item_id}".encode(), digest_size=6).digest(), "big") / 2**48


class Outages:
    """The current and past outages of all institutions."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._current: dict[str, Outage] = {}
        self._past: dict[str, list[Outage]] = {}
        self._locked_out: dict[str, int] = {}  # Items whose login was rejected, with the outage's number
        self._orders = 0

    def forget(self) -> None:
        self._current.clear()
        self._past.clear()
        self._locked_out.clear()
        self._orders += 1  # timers of forgotten orders then do nothing

    def order(self, institution_id: str, body: Json) -> None:
        """Ends the institution's outage, if any, and starts the ordered one. Raises ValueError."""
        outage = self._read(body)
        self._orders += 1
        self._end(institution_id, resumes=not outage.connections)
        if outage.connections:
            self._current[institution_id] = outage
            self._begin(institution_id, outage)
        self._report_later(institution_id, outage)

    def _read(self, body: Json) -> Outage:
        shares = {**_NORMAL, **_completed(read_shares(body), body.get("connections"))}
        works, late = shares["success"] >= _ENOUGH, shares["refresh_interval"] != "NORMAL"
        connections = float(body.get("connections", 0 if works and not late else 1))
        if not 0 <= connections <= 1:
            raise ValueError("connections must lie between 0 and 1")
        return Outage(
            number=self._orders + 1,
            start=self._world.clock.now(),
            shares=shares,
            scope=_scope(body.get("scope"), ("data",) if works and late else ("data", "live")),
            connections=connections,
            lag=timedelta(seconds=float(body.get("lag_seconds", self._world.ids.between(*_LAG)))),
            until=parse_iso(str(body["until"])) if body.get("until") else None,
        )

    def intervals(self, institution_id: str) -> list[Json]:
        """All outages so far, oldest first; the last one has no end if it continues."""
        current = self._current.get(institution_id)
        outages = [*self._past.get(institution_id, ()), *([current] if current else ())]
        return [outage.as_object() for outage in outages]

    def silences(self, item: Item) -> bool:
        """Whether the Item receives no updates now."""
        return self._of(item, "data") is not None

    def check_live(self, item: Item, path: str, *, first: bool) -> None:
        """Raises the error of a live call that the bank does not answer. `first`: the call adds a product."""
        outage = self._of(item, "live")
        if outage and (first or path in LIVE):
            raise outage.error(item.item_id)

    def check_login(self, institution_id: str, item_id: str) -> None:
        """Raises the error of a login in Link that the bank does not answer."""
        outage = self._current.get(institution_id)
        if outage and {"live", "login"} & set(outage.scope) and outage.hits(item_id):
            raise outage.error(item_id)

    def _of(self, item: Item, scope: str) -> Outage | None:
        outage = self._current.get(item.institution.institution_id)
        return outage if outage and scope in outage.scope and outage.hits(item.item_id) else None

    def _items(self, institution_id: str) -> Iterable[Item]:
        return [
            item
            for item in self._world.items.values()
            if item.institution.institution_id == institution_id and not (item.removed or item.revoked)
        ]

    def _begin(self, institution_id: str, outage: Outage) -> None:
        world, number = self._world, outage.number
        self._fail_updates(institution_id, number)
        if "login" in outage.scope:
            for item in self._items(institution_id):
                if outage.hits(item.item_id) and not item.error:
                    self._locked_out[item.item_id] = number
                    world.fail_item(item, "ITEM_LOGIN_REQUIRED")
        if outage.until:
            world.clock.at(outage.until, lambda: self._over(institution_id, number))

    def _fail_updates(self, institution_id: str, number: int) -> None:
        """Plaid tries to update the Items without success, now and every hour."""
        outage = self._current.get(institution_id)
        if outage is None or outage.number != number or "data" not in outage.scope:
            return
        for item in self._items(institution_id):
            if outage.hits(item.item_id):
                item.last_failed_update = self._world.clock.now()
        self._world.clock.after(UPDATES_EVERY.total_seconds(), lambda: self._fail_updates(institution_id, number))

    def _over(self, institution_id: str, number: int) -> None:
        """Ends an outage at its `until`, unless another order replaced it."""
        outage = self._current.get(institution_id)
        if outage and outage.number == number:
            self._end(institution_id, resumes=True)
            self._report_later(institution_id, replace(outage, shares=_NORMAL))

    def _end(self, institution_id: str, *, resumes: bool) -> None:
        """Ends the current outage. `resumes`: the bank works again, so Plaid updates the Items that it missed."""
        outage = self._current.pop(institution_id, None)
        if outage is None:
            return
        world = self._world
        self._past.setdefault(institution_id, []).append(replace(outage, end=world.clock.now()))
        for item in self._items(institution_id) if resumes else ():
            if self._locked_out.pop(item.item_id, 0) == outage.number and item.error:
                world.heal_item(item, announce=True)
            if "data" in outage.scope and outage.hits(item.item_id):
                self._catch_up(item)

    def _catch_up(self, item: Item) -> None:
        """Plaid updates the Item, and resumes the first extraction."""
        if "transactions" in item.products:
            item.last_update = self._world.clock.now()
            if item.readiness is not Readiness.HISTORICAL:
                self._world.begin_extraction(item)
            self._world.announce_sync(item)

    def _report_later(self, institution_id: str, outage: Outage) -> None:
        """Lets Plaid's status follow after the lag, unless another order came meanwhile."""
        orders = self._orders

        def report() -> None:
            if self._orders == orders:
                known = self._world.health_of(institutions.find(institution_id))
                for part in PARTS:
                    shares = outage.shares if part in outage.parts else _NORMAL
                    known.change([part], self._world.clock.now(), **shares)

        if outage.lag:
            self._world.clock.after(outage.lag.total_seconds(), report)
        else:
            report()


def _completed(shares: Json, connections: object) -> Json:
    """The shares with those that follow from the given ones, and from the share of connections that fail."""
    if "success" in shares:
        return shares
    if errors := shares.get("error_plaid", 0.0) + shares.get("error_institution", 0.0):
        return {"error_plaid": 0.0, "error_institution": 0.0, **shares, "success": round(1 - errors, 6)}
    if shares.get("refresh_interval") == "STOPPED":
        return {**shares, "success": 0.0, "error_plaid": 0.0, "error_institution": 1.0}
    if isinstance(connections, int | float | Decimal) and 0 < connections <= 1:
        failing = float(connections)
        return {**shares, "success": round(1 - failing, 6), "error_plaid": 0.0, "error_institution": failing}
    return shares


def _scope(value: object, default: tuple[str, ...]) -> tuple[str, ...]:
    if value is None:
        return default
    wanted = [value] if isinstance(value, str) else value
    if not isinstance(wanted, list) or not wanted or set(wanted) - set(SCOPES):
        raise ValueError(f"scope must be one or several of: {', '.join(SCOPES)}")
    return tuple(name for name in SCOPES if name in wanted)
