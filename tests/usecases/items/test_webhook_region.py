"""The key pair of a webhook's item, found before the webhook is verified: the body may be anything."""

from __future__ import annotations

import json

import pytest

from shared.domain.region import Region
from shared.usecases.items.webhook_region import webhook_region
from tests.fakes import row
from tests.usecases.conftest import World


def region_of(world: World, body: bytes) -> Region | None:
    return webhook_region(body, connections=world.store)


@pytest.mark.parametrize("region", Region)
def test_webhook_of_a_connections_item_has_the_key_pair_of_that_connection(world: World, region: Region) -> None:
    item = world.connected("1", row("t1"))
    stored = world.store.connections["1"]
    world.store.connections["1"] = stored.model_copy(update={"region": region})
    assert region_of(world, json.dumps({"item_id": item.item_id, "webhook_type": "ITEM"}).encode()) is region


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe\xfa",
        b"[" * 100_000,
        b"null",
        b'["item_id"]',
        b"{}",
        b'{"item_id": null}',
        b'{"item_id": ["item-1"]}',
        b'{"item_id": ""}',
        b'{"item_id": ".."}',
        b'{"item_id": "bank_items/item-1"}',
        b'{"item_id": "\\u0000"}',
        b'{"item_id": "\\ud800"}',
        b'{"item_id": "__reserved__"}',
        b'{"item_id": "%s"}' % (b"x" * 1_501),
        b'{"Item_ID": "item-1"}',
        b'{"item_id": %s}' % (b"9" * 5_000),
    ],
    ids=lambda body: body[:24].decode(errors="replace"),
)
def test_body_without_a_possible_item_id_is_not_looked_up(world: World, body: bytes) -> None:
    world.connected("1", row("t1"))
    world.calls.log.clear()
    assert region_of(world, body) is None
    assert world.calls.log == []


def test_item_of_no_connection_has_no_key_pair(world: World) -> None:
    world.connected("1", row("t1"))
    assert region_of(world, b'{"item_id": "of nobody"}') is None
