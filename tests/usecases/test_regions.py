"""Two key pairs: an item keeps the pair that made it, in every call and whatever happens to it."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from shared.adapters.plaid.webhook_events import parse_webhook
from shared.domain.audit import Actor
from shared.domain.connection import BankConnection, SealedToken
from shared.domain.credentials import StoredAccessToken
from shared.domain.errors import InvalidArgument
from shared.domain.hosted_link import LinkSession
from shared.domain.link import LinkProducts
from shared.domain.products.kinds import ProductKind
from shared.domain.region import KeyPairs, Region
from shared.domain.removal import RemovalReason
from shared.usecases.linking.check_link_token import CheckLinkToken
from shared.usecases.linking.choose_region import ChooseRegion
from shared.usecases.linking.create_link_token import CreateLinkToken
from shared.usecases.linking.exchange_hosted_link import ExchangeHostedLink
from shared.usecases.linking.exchange_items import ExchangeItems
from shared.usecases.linking.exchange_public_token import LinkedItem
from shared.usecases.linking.link_options import LinkDefaults, LinkOptions
from shared.usecases.linking.receive_link_webhook import ReceiveLinkWebhook
from tests.fakes import FakeInstitutions, institution, row
from tests.usecases.conftest import ALICE, World
from tests.usecases.linking_ground import exchanger, may_connect, open_intents_left, sweep
from tests.usecases.products.ground import ProductWorld

US, EU = Region.US, Region.EU
PAIRS = KeyPairs(has_eu=True)


def two_pairs(world: World) -> World:
    world.key_pairs = PAIRS
    return world


@pytest.fixture
def world() -> World:
    return two_pairs(World())


def link(
    world: World,
    *countries: str,
    connection_id: str | None = None,
    pairs: KeyPairs = PAIRS,
    account_selection: bool = False,
) -> Region:
    """Create a link token; the pair that it was requested with."""
    create = CreateLinkToken(
        defaults=LinkDefaults("en", ("US",), LinkProducts(("transactions",)), None, key_pairs=pairs),
        plaid=world.plaid,
        vault=world.vault,
        connections=world.store,
        credentials=world.credentials,
        institutions=world.institutions,
        product_consents=world.product_consents,
        profiles=world.profiles,
        links=world.links,
        cap=world.cap,
        clock=world.clock,
    )
    options = LinkOptions(connection_id, account_selection=account_selection, country_codes=countries or None)
    create(options, app_user_id=ALICE)
    request = world.plaid.link_requests[-1]
    session = world.links.sessions["link-fake"]
    assert session.region is request.region
    assert request.access_token is None or request.access_token.region is request.region
    return request.region


def session(world: World, region: Region, name: str) -> str:
    """A link token of the user that has not expired."""
    until = world.clock.now() + timedelta(hours=4)
    world.links.remember(f"link-{name}", LinkSession(ALICE, until, region=region), now=world.clock.now())
    return f"link-{name}"


def exchange(world: World, public_token: str, *, link_token: str | None = None) -> str:
    """An exchange as an app calls it; the id of the connection."""
    exchange_items = ExchangeItems(
        exchange=exchanger(world),
        check_link_token=CheckLinkToken(links=world.links, intents=world.intents, clock=world.clock),
        may_connect=may_connect(world),
        allow_duplicates=True,
        clock=world.clock,
    )
    linked = LinkedItem(public_token, link_token=link_token, allow_duplicate=True)
    done = exchange_items.one(linked, app_user_id=ALICE, caller=None, count=lambda: None)
    return str(done.answer["connection_id"])


@pytest.mark.parametrize(
    ("countries", "with_two", "with_one"),
    [(("US",), US, US), (("CA", "US"), US, US), (("GB",), EU, US), (("FR", "DE"), EU, US)],
    ids=str,
)
def test_countries_decide_the_pair_of_a_new_session_if_there_are_two(
    world: World, countries: tuple[str, ...], with_two: Region, with_one: Region
) -> None:
    assert link(world, *countries) is with_two
    assert link(world, *countries, pairs=KeyPairs()) is with_one


@pytest.mark.parametrize("region", Region)
def test_pair_of_the_session_makes_the_connection_and_is_stored_everywhere(world: World, region: Region) -> None:
    world.plaid.new_item("1", region=region)
    session(world, US, "another")
    session(world, EU, "third")
    connection_id = exchange(world, "public-1", link_token=session(world, region, "mine"))
    assert world.store.connections[connection_id].region is region
    assert world.store.tokens[connection_id].region is region
    stored = world.credentials.load(connection_id)
    assert stored is not None
    assert stored[0].token.region is region
    [(intent, _)] = world.store.intents.values()
    assert intent.region is region


def test_without_a_link_token_the_pair_of_the_users_only_sessions_is_used(world: World) -> None:
    world.plaid.new_item("1", region=EU)
    session(world, EU, "one")
    session(world, EU, "two")
    assert world.store.connections[exchange(world, "public-1")].region is EU


def test_without_any_session_the_pair_of_the_default_countries_is_used(world: World) -> None:
    world.plaid.new_item("1")
    assert world.store.connections[exchange(world, "public-1")].region is US


def test_exchange_without_a_link_token_is_refused_if_the_user_has_sessions_of_both_pairs(world: World) -> None:
    world.plaid.new_item("1", region=EU)
    mine = session(world, EU, "mine")
    session(world, US, "other")
    with pytest.raises(InvalidArgument) as refused:
        exchange(world, "public-1")
    assert refused.value.code == "link_token_required"
    assert "bank.exchange" not in world.calls.log
    connection_id = exchange(world, "public-1", link_token=mine)
    assert exchange(world, "public-1") == connection_id, "a repeated call gets the first answer without the link token"
    world.clock.move(timedelta(hours=5))
    world.plaid.new_item("2")
    assert world.store.connections[exchange(world, "public-2")].region is US, "expired sessions do not count"


def test_session_counts_for_as_long_as_its_public_token_lives(world: World) -> None:
    """Link may end in the last minute of its link token, and the public token lives for another half hour."""
    world.plaid.new_item("1", region=EU)
    session(world, EU, "mine")
    world.clock.move(timedelta(hours=4, minutes=29))
    assert world.store.connections[exchange(world, "public-1")].region is EU


def test_repeated_exchange_keeps_the_pair_of_the_first_call(world: World) -> None:
    """The first call named its session; the second one does not, and meanwhile only the other session is left."""
    world.plaid.new_item("1", region=EU)
    mine = session(world, EU, "mine")
    world.calls.before = lambda name: (_ for _ in ()).throw(RuntimeError) if name == "bank.exchange" else None
    with pytest.raises(RuntimeError):
        exchange(world, "public-1", link_token=mine)
    world.calls.before = None
    world.clock.move(timedelta(hours=4, minutes=31))
    session(world, US, "other")
    assert world.store.connections[exchange(world, "public-1")].region is EU


def test_exchange_without_any_session_is_refused_where_every_public_token_has_one(world: World) -> None:
    """In production, a token without a session is of a session that was erased, or of another backend."""
    world.plaid.new_item("1", region=EU)
    choose = ChooseRegion(
        key_pairs=PAIRS, without_session=None, links=world.links, intents=world.intents, clock=world.clock
    )
    with pytest.raises(InvalidArgument) as refused:
        choose("public-1", app_user_id=ALICE)
    assert refused.value.code == "link_token_required"
    session(world, EU, "mine")
    assert choose("public-1", app_user_id=ALICE) is EU


def test_bank_linked_on_plaids_page_gets_the_pair_of_its_session(world: World) -> None:
    world.plaid.new_item("1", region=EU)
    session(world, US, "other")
    until = world.clock.now() + timedelta(hours=4)
    hosted = LinkSession(ALICE, until, hosted=True, region=EU)
    world.links.remember("link-hosted", hosted, now=world.clock.now())
    body = {"webhook_type": "LINK", "webhook_code": "ITEM_ADD_RESULT", "environment": "sandbox"}
    receive = ReceiveLinkWebhook(links=world.links, vault=world.vault, tasks=world.queue, clock=world.clock)
    receive(parse_webhook(body | {"link_token": "link-hosted", "public_token": "public-1"}))
    [result] = world.links.results.values()
    assert result.public_token is not None
    assert result.public_token.region is EU
    assert ExchangeHostedLink(links=world.links, vault=world.vault, exchange=exchanger(world))(result.result_id)
    assert [one.region for one in world.store.connections.values()] == [EU]


def test_interrupted_exchange_is_resumed_with_the_pair_of_its_session(world: World) -> None:
    world.plaid.new_item("1", region=EU)
    mine = session(world, EU, "mine")
    world.calls.before = lambda name: (_ for _ in ()).throw(RuntimeError) if name == "bank.accounts" else None
    with pytest.raises(RuntimeError):
        exchange(world, "public-1", link_token=mine)
    world.calls.before = None
    assert world.store.connections[exchange(world, "public-1", link_token=mine)].region is EU


def test_item_of_an_abandoned_exchange_is_removed_with_its_pair(world: World) -> None:
    world.plaid.new_item("1", region=EU)
    world.calls.before = lambda name: (_ for _ in ()).throw(RuntimeError) if name == "bank.accounts" else None
    with pytest.raises(RuntimeError):
        exchange(world, "public-1", link_token=session(world, EU, "mine"))
    world.calls.before = None
    world.clock.move(timedelta(days=2))
    assert sweep(world).removed == 1
    assert open_intents_left(world) == []


def test_second_pair_that_is_added_later_does_not_break_items_of_the_first_one(world: World) -> None:
    """The bank is in the United Kingdom, but the first pair made the item when it was the only one."""
    world.connected("1", row("t1"), region=US)
    world.institutions.put(institution("ins_1", countries=("GB",)))
    assert link(world, connection_id="1") is US
    assert world.plaid.link_requests[-1].country_codes == ("GB",)
    world.plaid.by_id("item-1").add(row("t2"))
    world.settle()
    assert world.equals_truth()
    world.plaid.public_tokens["public-again"] = "item-1"
    assert exchange(world, "public-again", link_token="link-fake") == "1"


def test_update_mode_of_a_bank_that_is_not_cached_uses_countries_of_the_items_pair(world: World) -> None:
    world.connected("1", region=EU)
    assert link(world, "US", connection_id="1") is EU
    countries = world.plaid.link_requests[-1].country_codes
    assert countries
    assert not {"US", "CA"} & {*countries}
    link(world, "GB", connection_id="1")
    assert world.plaid.link_requests[-1].country_codes == ("GB",)


def test_update_mode_at_a_bank_of_several_regions_uses_countries_of_the_items_pair(world: World) -> None:
    """Its user lives in the United States now, but the second pair, which serves Europe only, made the item."""
    world.connected("1", region=EU)
    world.institutions.put(institution("ins_1", countries=("US", "GB", "FR")))
    assert link(world, "US", connection_id="1") is EU
    assert world.plaid.link_requests[-1].country_codes == ("GB",)
    link(world, "FR", connection_id="1")
    assert world.plaid.link_requests[-1].country_codes == ("FR",)
    with pytest.raises(InvalidArgument, match="account_selection"):
        link(world, connection_id="1", account_selection=True)


@pytest.mark.parametrize("region", Region)
def test_all_calls_in_the_life_of_a_connection_use_its_pair(region: Region) -> None:
    """The canary of the fakes refuses every other pair."""
    world = ProductWorld()
    two_pairs(world)
    world.invested(region=region)
    other = EU if region is US else US
    world.connected("2", row("b1"), region=other)
    world.plaid.by_id("item-2").institution_id = "ins_2"
    for name in ("1", "2"):
        world.welcome(FakeInstitutions(world.calls), name=name)
    world.settle_products()
    assert world.view(ProductKind.HOLDINGS).counts == {"rows": 2}
    world.check.daily_check("1")
    world.reconnect_connection("1", app_user_id=ALICE)
    assert world.rotations.request_all_of_user(ALICE, by=Actor.OPERATOR) == 2
    for name in ("1", "2"):
        world.deliver(partial(world.rotation, name))
    assert {name: token.region for name, token in world.store.tokens.items()} == {"1": region, "2": other}
    assert set(world.restore_reconciliation.plan(["1", "2"])) == {"1", "2"}
    world.settle_products()
    world.remove("1")
    world.eraser.begin(ALICE, reason=RemovalReason.OPERATOR)
    world.clean_up()
    assert not world.plaid.items
    assert not world.store.connections


def test_documents_of_earlier_versions_belong_to_the_first_pair() -> None:
    sealed = SealedToken.model_validate({"ciphertext": "c", "key_id": "k"})
    assert sealed.region is US
    fields = {"connection_id": "1", "app_user_id": ALICE, "item_id": "i", "institution_id": None}
    times = {"created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:00:00Z"}
    assert BankConnection.model_validate(fields | times).region is US
    kept = {"connection_id": "1", "app_user_id": ALICE, "item_id": "i", "issued_at": times["created_at"]}
    assert StoredAccessToken.model_validate(kept | {"token": {"ciphertext": "c", "key_id": "k"}}).token.region is US


@pytest.mark.parametrize(("region", "countries"), [(US, ("US", "CA")), (EU, ("GB", "FR"))], ids=str)
def test_institutions_are_fetched_with_the_pair_of_the_connection(
    world: World, region: Region, countries: tuple[str, ...]
) -> None:
    asked: list[tuple[Region, tuple[str, ...]]] = []
    real = world.plaid.institution

    def noting(institution_id: str, *, country_codes: tuple[str, ...], region: Region) -> object:
        asked.append((region, country_codes))
        return real(institution_id, country_codes=country_codes, region=region)

    world.plaid.institution = noting  # type: ignore[method-assign,assignment]
    world.plaid.catalogue["ins_1"] = institution("ins_1", countries=countries[1:])
    world.connected("1", region=region)
    world.welcome(world.institutions)
    assert world.store.connections["1"].institution is not None
    assert {one for one, _ in asked} == {region}
    assert all(not {"US", "CA"} & {*listed} for _, listed in asked) is (region is EU)
