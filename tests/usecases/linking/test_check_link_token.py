"""A link token binds the result of Link to the user who opened it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.errors import InvalidArgument, Unavailable
from shared.domain.hosted_link import LinkSession
from shared.domain.link import LinkProducts
from shared.usecases.linking.check_link_token import CheckLinkToken
from shared.usecases.linking.create_link_token import CreateLinkToken
from shared.usecases.linking.link_options import LinkDefaults, LinkOptions
from tests.fakes import FakeLinks, FakeProfiles
from tests.usecases.conftest import ALICE, World
from tests.usecases.linking_ground import exchange, store_down


@pytest.fixture
def links() -> FakeLinks:
    return FakeLinks()


def issue(world: World, links: FakeLinks, **wish: str) -> str:
    create = CreateLinkToken(
        defaults=LinkDefaults("en", ("US",), LinkProducts(("transactions",)), None),
        plaid=world.plaid,
        vault=world.vault,
        connections=world.store,
        credentials=world.credentials,
        institutions=world.institutions,
        product_consents=world.product_consents,
        profiles=FakeProfiles(),
        links=links,
        cap=world.cap,
        clock=world.clock,
    )
    return create(LinkOptions(**wish), app_user_id=ALICE).link_token  # type: ignore[arg-type]


def check(world: World, links: FakeLinks, link_token: str | None, *, user: str = ALICE) -> str | None:
    """Why the link token is refused; None if it is accepted."""
    try:
        CheckLinkToken(links=links, intents=world.intents, clock=world.clock)(link_token, "public-1", app_user_id=user)
    except InvalidArgument as error:
        return error.code
    return None


def test_link_token_of_the_caller_or_none_is_accepted(world: World, links: FakeLinks) -> None:
    assert check(world, links, issue(world, links)) is None
    assert check(world, links, None, user="bob") is None


def test_link_token_of_update_mode_is_accepted(world: World, links: FakeLinks) -> None:
    world.connected("1")
    assert check(world, links, issue(world, links, connection_id="1")) is None


def test_unknown_link_token_or_one_of_another_user_is_refused(world: World, links: FakeLinks) -> None:
    token = issue(world, links)
    assert check(world, links, "link-unknown") == "link_token_not_yours"
    assert check(world, links, token, user="bob") == "link_token_not_yours"
    assert "bank.exchange" not in world.calls.log


def test_expired_link_token_is_refused_unless_the_exchange_began_in_time(world: World, links: FakeLinks) -> None:
    token = issue(world, links)
    world.clock.move(timedelta(hours=5))
    assert check(world, links, token) == "link_token_not_yours"
    world.plaid.new_item()
    exchange(world)
    assert check(world, links, token) is None
    links.sessions[token] = LinkSession("bob", world.clock.now())
    assert check(world, links, token, user="bob") == "link_token_not_yours"


def test_link_token_that_could_not_be_stored_is_not_returned(world: World) -> None:
    links = FakeLinks(world.calls)

    def down(name: str) -> None:
        if name == "links.remember":
            raise store_down()

    world.calls.before = down
    with pytest.raises(Unavailable):
        issue(world, links)
