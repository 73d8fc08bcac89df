"""Logins at banks, the user's consent, and banks that merge."""

from __future__ import annotations

from datetime import timedelta

from emulators.plaid import institutions
from emulators.plaid.control import items as control
from emulators.plaid.errors import CATALOGUE
from emulators.plaid.items import Item
from shared.domain.errors import ErrorClass
from tests.simulation.actions import action
from tests.simulation.actions.banks import some_item
from tests.simulation.loop import MICROSECONDS
from tests.simulation.plaid_side import meaning
from tests.simulation.scenario import DAY, Event
from tests.simulation.world import World

SYNC = "/transactions/sync"
REPAIRABLE = sorted(
    code
    for code, known in CATALOGUE.items()
    if known.error_type == "ITEM_ERROR"
    and meaning(code, SYNC).error_class is ErrorClass.USER
    and not code.startswith("NO_")  # an item without accounts says so by itself
)
UNUSABLE = ("ITEM_NOT_SUPPORTED", "MFA_NOT_SUPPORTED", "INSTITUTION_NO_LONGER_SUPPORTED")
MERGED = ("ins_109508", "ins_109509", "ins_56", "ins_13", "ins_116834", "ins_117650")


@action("login_breaks", per_year=5)
def login_breaks(world: World, event: Event) -> None:
    """The bank wants a new login; the webhook may never be sent."""
    chance = event.chance()
    item = some_item(world, event, chance)
    if item is not None and item.error is None:
        code = chance.choice(("ITEM_LOGIN_REQUIRED", *REPAIRABLE))
        body = {"state": "error", "code": code, "announce": chance.random() < 0.8}
        world.plaid.control(control.change_state, item, **body)


@action("login_unsupported", per_year=0.3)
def login_unsupported(world: World, event: Event) -> None:
    """The bank leaves Plaid: no login repairs that."""
    chance = event.chance()
    item = some_item(world, event, chance)
    if item is not None:
        code = chance.choice(UNUSABLE)
        world.dead_items[item.item_id] = code
        world.plaid.control(control.change_state, item, state="error", code=code, announce=chance.random() < 0.7)


@action("login_repaired_elsewhere", per_year=6)
def login_repaired_elsewhere(world: World, event: Event) -> None:
    """The login works again without this app: LOGIN_REPAIRED, which may not be sent."""
    chance = event.chance()
    item = some_item(world, event, chance)
    if item is not None and item.error is not None and item.item_id not in world.dead_items:
        world.plaid.control(control.change_state, item, state="healthy", announce=chance.random() < 0.6)


@action("login_flickers", per_year=2)
def login_flickers(world: World, event: Event) -> None:
    """A login breaks and works again within seconds to hours, so that webhooks and answers contradict each other."""
    chance = event.chance()
    item = some_item(world, event, chance)
    if item is None or item.error is not None:
        return
    at = 0.0
    for _ in range(chance.randrange(1, 4)):
        for state in ("login_required", "healthy"):
            body = {"state": state, "announce": chance.random() < 0.8}
            world.loop.after(at, lambda body=body: _change(world, item, body))  # type: ignore[misc]
            at += chance.choice((0.2, 2.0, 30.0, 3_000.0))


def _change(world: World, item: Item, body: dict[str, object]) -> None:
    if not item.removed and not item.revoked and item.item_id not in world.dead_items:
        world.plaid.control(control.change_state, item, **body)


@action("consent_ends", per_year=2)
def consent_ends(world: World, event: Event) -> None:
    """The consent at a bank that limits it ends soon, or today; its user may renew it at the bank in time.

    Half of those who do see no reason to follow the app as well, so that no update mode ends the announcement.
    """
    chance, person = event.chance(), world.people[event.user]
    item = some_item(world, event, chance, among=lambda one: one.institution.consent_days and one.error is None)
    if item is None:
        return
    days = chance.choice((0.01, 1.0, 6.9, 7.5, 14.0))
    world.plaid.control(control.change_state, item, state="expiring", in_seconds=days * DAY)
    if chance.random() < 0.5:
        world.loop.after(days * DAY * chance.random(), lambda: _renew(world, item))
        if chance.random() < 0.5:
            person.ignores_until = world.loop.microseconds + round((days + 14) * DAY) * MICROSECONDS


@action("consent_renewed", per_year=2)
def consent_renewed(world: World, event: Event) -> None:
    """The user renews the consent at the bank: nothing tells the backend."""
    item = some_item(world, event, event.chance())
    if item is not None and item.consent_expires is not None:
        _renew(world, item)


def _renew(world: World, item: Item) -> None:
    if item.error is None and not item.removed and world.until_quiet() > 0:
        world.plaid.world.expire_consent(item, world.loop.now() + timedelta(days=180))


@action("consent_missing", per_year=0.7)
def consent_missing(world: World, event: Event) -> None:
    """The user withdraws the consent to transactions, or gives it back at the bank."""
    chance = event.chance()
    item = some_item(world, event, chance)
    if item is not None:
        products = ["transactions"] if not item.consent.withdrawn else []
        world.plaid.control(control.change_state, item, state="consent_missing", products=products)


@action("merger", per_year=0.7)
def merger(world: World, event: Event) -> None:
    """A bank becomes part of another one in the country: the item moves, its accounts and history stay."""
    chance = event.chance()
    item = some_item(world, event, chance)
    if item is not None:
        here = item.institution.countries
        banks = [one for one in MERGED if set(here).intersection(institutions.find(one).countries)]
        if banks:
            world.plaid.control(control.change_institution, item, institution_id=chance.choice(banks))
