"""Saves the state to a file, which is written completely and then replaces the old one, so it is never partial.

Kept: Items with their tokens and change logs, public and link tokens, the signing keys, the clock. Not kept: injected
faults, counters, webhooks that wait for a retry, and open link sessions.
"""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import asdict, fields
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from emulators.plaid import extraction, institutions, product_data, series, wire
from emulators.plaid.bank import Account, select_accounts
from emulators.plaid.billing import Bill
from emulators.plaid.consent import Consent
from emulators.plaid.cursors import CursorFormat
from emulators.plaid.items import Item, Readiness
from emulators.plaid.linktokens import LinkToken
from emulators.plaid.people import Login, open_bank
from emulators.plaid.synclog import SWITCHES, Row, SyncLog
from emulators.plaid.world import PublicToken, World

Json = dict[str, Any]
VERSION = 1
EVERY = 2.0
_SEPARATE = {"institution", "portfolio", "log", "login", "hidden_accounts", "hidden_rows", "last_webhook"}
_SEPARATE |= {"readiness", "history_stops_at", "consent", "bill", "other"}
_PLAIN = [field.name for field in fields(Item) if field.name not in _SEPARATE]
_TIMES = {"created_at", "consent_expires", "last_update", "last_failed_update", "login_expires"}


def save(world: World, file: Path) -> None:
    draft = file.with_name(file.name + ".draft")
    draft.write_bytes(wire.dumps(_export(world)))
    draft.replace(file)


def load(world: World, file: Path) -> None:
    """Raises ValueError for a file that is not a state file of this version."""
    state = wire.loads(file.read_bytes())
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise ValueError(f"{file} is not a state file of this simulator")
    world.clock.offset = timedelta(seconds=float(state["clock_ahead"]))
    world.keys.load(state["keys"])
    world.cursors = CursorFormat(bytes.fromhex(state["cursor_secret"]))
    for saved in state["items"]:
        item = _item(saved)
        world.items[item.item_id] = item
        if item.access_token:
            world.access_tokens[item.access_token] = item.item_id
        _resume(world, item)
    for token, (item_id, expires) in state["public_tokens"].items():
        world.public_tokens[token] = PublicToken(item_id, datetime.fromisoformat(expires))
    for saved in state["link_tokens"]:
        times: Json = {name: datetime.fromisoformat(saved.pop(name)) for name in ("created_at", "expires")}
        world.link_tokens[saved["link_token"]] = LinkToken(**saved, **times)


async def keep(world: World, file: Path) -> None:
    """Saves repeatedly, whenever there were calls since the last save."""
    seen = world.changes
    while True:
        await asyncio.sleep(EVERY)
        if world.changes != seen:
            seen = world.changes
            try:
                save(world, file)
            except OSError:
                logging.getLogger(__name__).exception("the state could not be saved")


def _export(world: World) -> Json:
    return {
        "version": VERSION,
        "clock_ahead": world.clock.offset.total_seconds(),
        "keys": world.keys.export(),
        "cursor_secret": world.cursors.secret.hex(),
        "items": [_saved(item) for item in world.items.values()],
        "public_tokens": {
            token: [found.item_id, found.expires.isoformat()] for token, found in world.public_tokens.items()
        },
        "link_tokens": [
            {**asdict(token), "created_at": token.created_at.isoformat(), "expires": token.expires.isoformat()}
            for token in world.link_tokens.values()
        ],
    }


def _saved(item: Item) -> Json:
    plain = {name: getattr(item, name) for name in _PLAIN}
    times = {name: plain[name] and plain[name].isoformat() for name in _TIMES}
    sent = item.last_webhook
    return {
        **plain,
        **times,
        "institution_id": item.institution.institution_id,
        "login": {**asdict(item.login), "today": str(item.login.today)},
        "readiness": item.readiness,
        "history_stops_at": item.history_stops_at,
        "last_webhook": [sent[0].isoformat(), sent[1]] if sent else None,
        "accounts": [asdict(account) for account in item.accounts],
        "hidden_accounts": [asdict(account) for account in item.hidden_accounts],
        "hidden_rows": [[row.transaction_id, row.account_id, *map(bytes.decode, row[2:])] for row in item.hidden_rows],
        "switches": [getattr(item.log, name) for name in SWITCHES],
        "log": item.log.export(),
        "consent": asdict(item.consent),
        "bill": asdict(item.bill),
        "other": asdict(item.other),
    }


def _item(saved: Json) -> Item:
    """Generates the bank data again, all of which follows from the login."""
    login = Login(**{**saved["login"], "today": date.fromisoformat(saved["login"]["today"])})
    portfolio = open_bank(login)
    if saved["shared"] is not None:
        portfolio = select_accounts(portfolio, saved["shared"])
    portfolio.accounts[:] = _accounts(saved["accounts"])
    log = SyncLog(portfolio.history, *saved["switches"])
    log.load(saved["log"])
    plain = {name: saved[name] for name in _PLAIN if name in saved}  # older files lack newer fields
    times = {name: saved[name] and datetime.fromisoformat(saved[name]) for name in _TIMES}
    sent = saved["last_webhook"]
    return Item(
        **{**plain, **times},
        institution=institutions.find(saved["institution_id"]),
        portfolio=portfolio,
        log=log,
        login=login,
        consent=Consent(**saved.get("consent", {"withdrawn": saved.get("missing_consents", [])})),
        bill=Bill(**saved.get("bill", {})),
        readiness=Readiness(saved["readiness"]),
        history_stops_at=Readiness(saved["history_stops_at"]) if saved.get("history_stops_at") else None,
        last_webhook=(datetime.fromisoformat(sent[0]), sent[1]) if sent else None,
        hidden_accounts=list(_accounts(saved["hidden_accounts"])),
        other=product_data.from_json(saved.get("other", {})),
        hidden_rows=[Row(row[0], row[1], row[2].encode(), row[3].encode()) for row in saved["hidden_rows"]],
    )


def _accounts(saved: list[Json]) -> Iterator[Account]:
    for account in saved:
        yield Account(**account)


def _resume(world: World, item: Item) -> None:
    """Restarts the timers of the old process."""
    world.arm(item)
    extraction.arm(world, item)
    series.arm_all(world, item)
    if item.extraction_began and item.readiness is not Readiness.HISTORICAL:
        item.extraction_began = False
        world.begin_extraction(item)
