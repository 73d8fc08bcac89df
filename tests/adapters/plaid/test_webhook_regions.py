"""With two key pairs, a webhook's key is fetched with the pair of the item's connection, within the same limits."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from shared.adapters.plaid.webhook_key_cache import UNKNOWN_KEPT, UNKNOWN_PER_MINUTE
from shared.domain.errors import Unauthenticated, Unavailable
from shared.domain.region import Region
from tests.adapters.plaid.test_webhook_signature import BODY, Plaid

OF_ITEM = b'{"item_id": "item-eu"}'
US, EU = Region.US, Region.EU


class Regions:
    """Looks up connections, and counts that."""

    def __init__(self) -> None:
        self.of: dict[bytes, Region] = {OF_ITEM: EU}
        self.reads = 0

    def __call__(self, body: bytes) -> Region | None:
        self.reads += 1
        return self.of.get(body)


@pytest.fixture
def regions() -> Regions:
    return Regions()


@pytest.fixture
def plaid(regions: Regions) -> Plaid:
    """Plaid with a key that only the European team knows."""
    made = Plaid()
    made.keys["k-eu"] = ec.generate_private_key(ec.SECP256R1())
    made.regions["k-eu"] = EU
    made.verifier = made.instance(regions=tuple(Region), region_of=regions)
    return made


def forged(plaid: Plaid, kid: str, body: bytes = BODY) -> type[Exception]:
    """The refusal of a webhook that another key signed."""
    signed = plaid.sign(body, kid=kid, key=ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises((Unauthenticated, Unavailable)) as refused:
        plaid.verifier.verify(signed, body)
    return refused.type


def test_key_is_fetched_with_the_pair_of_the_items_connection(plaid: Plaid) -> None:
    plaid.verifier.verify(plaid.sign(OF_ITEM, kid="k-eu"), OF_ITEM)
    assert plaid.asked == [("k-eu", EU)]


def test_without_a_connection_both_pairs_are_asked(plaid: Plaid) -> None:
    plaid.verifier.verify(plaid.sign(kid="k-eu"), BODY)
    plaid.verifier.verify(plaid.sign(kid="k1"), BODY)
    assert plaid.asked == [("k-eu", US), ("k-eu", EU), ("k1", US)]


def test_pair_of_a_known_key_is_stored_and_no_other_pair_is_asked_again(plaid: Plaid, regions: Regions) -> None:
    plaid.verifier.verify(plaid.sign(kid="k-eu"), BODY)
    assert plaid.stored.kept == {"k-eu": EU}
    plaid.asked.clear()
    reads = regions.reads
    plaid.verifier = plaid.instance(regions=tuple(Region), region_of=regions)
    plaid.verifier.verify(plaid.sign(kid="k-eu"), BODY)
    assert (plaid.asked, regions.reads) == ([("k-eu", EU)], reads)


def test_forged_webhook_about_an_item_does_not_hide_the_key_from_other_webhooks(plaid: Plaid) -> None:
    assert forged(plaid, "k1", OF_ITEM) is Unauthenticated
    assert plaid.asked == [("k1", EU)]
    plaid.verifier.verify(plaid.sign(kid="k1"), BODY)
    assert plaid.asked == [("k1", EU), ("k1", US)]


def test_id_that_no_pair_knows_is_looked_up_once(plaid: Plaid) -> None:
    for _ in range(5):
        assert forged(plaid, "other") is Unauthenticated
    assert plaid.asked == [("other", US), ("other", EU)]
    plaid.clock.move(UNKNOWN_KEPT)
    assert forged(plaid, "other") is Unauthenticated
    assert len(plaid.asked) == 4


@pytest.mark.parametrize("body", [BODY, OF_ITEM])
def test_unknown_ids_share_one_limit_of_calls_and_reads(plaid: Plaid, regions: Regions, body: bytes) -> None:
    refusals = {forged(plaid, f"random-{number}", body) for number in range(60)}
    assert refusals == {Unauthenticated, Unavailable}
    assert len(plaid.asked) == UNKNOWN_PER_MINUTE
    assert regions.reads <= UNKNOWN_PER_MINUTE


def test_repeated_forgeries_about_an_item_cannot_cause_more_reads_than_the_limit(
    plaid: Plaid, regions: Regions
) -> None:
    for _ in range(60):
        forged(plaid, "random", OF_ITEM)
    assert plaid.asked == [("random", EU)]
    assert regions.reads <= UNKNOWN_PER_MINUTE


def test_one_pair_reads_no_connection(regions: Regions) -> None:
    plaid = Plaid()
    pairs: dict[str, Any] = {"regions": (US,), "region_of": regions}
    plaid.verifier = plaid.instance(**pairs)
    assert forged(plaid, "other", OF_ITEM) is Unauthenticated
    assert (plaid.asked, regions.reads) == ([("other", US)], 0)
