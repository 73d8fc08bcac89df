"""Plaid's answers: every error of the catalogue, rate limits, and answers that are lost or broken on the way."""

from __future__ import annotations

from emulators.plaid.control import items as control
from emulators.plaid.errors import CATALOGUE
from shared.domain.connection import REVOKED_CODE
from shared.domain.errors import ErrorClass
from tests.simulation.actions import action
from tests.simulation.actions.banks import some_item
from tests.simulation.boundary import Fault, Mode
from tests.simulation.loop import MICROSECONDS
from tests.simulation.plaid_side import meaning
from tests.simulation.scenario import Event
from tests.simulation.world import World

ENDPOINTS = (
    "/accounts/get",
    "/institutions/get_by_id",
    "/item/access_token/invalidate",
    "/item/get",
    "/item/public_token/exchange",
    "/item/remove",
    "/item/webhook/update",
    "/link/token/create",
    "/link/token/get",
    "/transactions/refresh",
    "/transactions/sync",
    "/webhook_verification_key/get",
)
ABOUT_ITEMS = ("/accounts/get", "/item/get", "/transactions/refresh", "/transactions/sync")
WITH_ACCESS_TOKEN = (
    *ABOUT_ITEMS,
    "/investments/holdings/get",
    "/investments/transactions/get",
    "/item/access_token/invalidate",
    "/item/remove",
    "/item/webhook/update",
    "/liabilities/get",
    "/transactions/recurring/get",
)
CODES = sorted(CATALOGUE)
LIMITS = sorted(code for code, known in CATALOGUE.items() if known.status == 429)
BROKEN = (None, "half", "html", "truncated")


@action("plaid_refuses", per_year=25)
def plaid_refuses(world: World, event: Event) -> None:
    """An endpoint refuses calls with any error of the catalogue, once or for some time.

    Only a withdrawn permission is always true: the backend then removes the item.
    """
    chance = event.chance()
    path, code = chance.choice(ENDPOINTS), chance.choice([code for code in CODES if code != REVOKED_CODE])
    about, error_class = None, meaning(code, path).error_class
    if error_class is ErrorClass.TERMINAL:  # an item that Plaid calls dead stays so: no login repairs it
        item = some_item(world, event, chance)
        if item is None or path not in ABOUT_ITEMS:
            return
        about, world.dead_items[item.item_id] = item.item_id, code
    lasts = chance.choice((None, 60, 3_600, 6 * 3_600))
    world.boundary.faults.append(
        Fault(
            Mode.UNAVAILABLE,
            f"plaid.{path}",
            about,
            times=chance.choice((1, 2, 6)) if lasts is None else None,
            until=world.loop.microseconds + (lasts or 86_400) * MICROSECONDS,
            error=code,
        )
    )


@action("keys_mistaken", per_year=1)
def keys_mistaken(world: World, event: Event) -> None:
    """The operator deploys keys of another Plaid account: until they are corrected, Plaid knows no access token."""
    lasts = event.chance().choice((600, 3_600, 6 * 3_600))
    until = world.loop.microseconds + lasts * MICROSECONDS
    calls = tuple(f"plaid.{path}" for path in WITH_ACCESS_TOKEN)
    fault = Fault(Mode.UNAVAILABLE, calls, times=None, until=until, error="INVALID_ACCESS_TOKEN")
    world.boundary.faults.append(fault)


@action("rate_limit", per_year=6)
def rate_limit(world: World, event: Event) -> None:
    """Plaid limits calls, with and without saying for how long."""
    chance = event.chance()
    world.boundary.faults.append(
        Fault(
            Mode.UNAVAILABLE,
            chance.choice(("plaid.", *(f"plaid.{path}" for path in ENDPOINTS))),
            times=None,
            rate=chance.choice((1.0, 0.5)),
            until=world.loop.microseconds + chance.choice((30, 120, 900, 7_200)) * MICROSECONDS,
            error=chance.choice(LIMITS),
            retry_after=chance.choice((None, "1", "30", "600", "soon", "-5")),
        )
    )


@action("answer_lost", per_year=25)
def answer_lost(world: World, event: Event) -> None:
    """Calls get no answer or a broken one, before or after their effect; others are slow."""
    chance = event.chance()
    world.boundary.faults.append(
        Fault(
            chance.choice((Mode.UNAVAILABLE, Mode.LOST, Mode.LOST, Mode.SLOW)),
            f"plaid.{chance.choice(ENDPOINTS)}",
            skip=chance.choice((0, 0, 1, 3)),
            times=chance.choice((1, 1, 2, 5)),
            until=world.loop.microseconds + 86_400 * MICROSECONDS,
            error=chance.choice(BROKEN),
        )
    )


@action("endless_pages", per_year=1)
def endless_pages(world: World, event: Event) -> None:
    """The pages of an item never end, for some hours."""
    chance = event.chance()
    item = some_item(world, event, chance)
    if item is None:
        return

    def end() -> None:
        item.log.cursor_cycle = 0

    world.plaid.control(control.change_sync, item, cursor_cycle=chance.choice((1, 3, 20)))
    lasts = chance.choice((600, 7_200, 86_400))
    world.loop.after(lasts, end)
    world.endless_until[item.item_id] = world.loop.microseconds + lasts * MICROSECONDS
    if item.error is None and not item.removed:
        world.plaid.world.announce_sync(item)


@action("pages_differ", per_year=1)
def pages_differ(world: World, event: Event) -> None:
    """Plaid names removed rows that the reader never saw, or every version of a row, or it does not (any more)."""
    chance = event.chance()
    item = some_item(world, event, chance)
    if item is not None:
        switch = chance.choice(("name_unseen_removals", "repeat_rows"))
        world.plaid.control(control.change_sync, item, **{switch: chance.random() < 0.7})
