"""Helpers for tests of the exchange: one call, one sweep, and the invariants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from shared.domain.errors import BankError, ErrorClass, PermissionDenied, ProviderError, Unavailable
from shared.domain.overlap import LinkedAccount
from shared.domain.region import KeyPairs, Region
from shared.usecases.linking.choose_region import ChooseRegion
from shared.usecases.linking.create_connection import CreateConnection
from shared.usecases.linking.exchange_intent import ClaimIntent
from shared.usecases.linking.exchange_public_token import Exchanged, ExchangePublicToken, LinkedItem
from shared.usecases.linking.existing_connection import ExistingConnection
from shared.usecases.linking.may_connect import MayConnect
from shared.usecases.linking.store_new_token import StoreNewToken
from shared.usecases.linking.sweep_exchanges import SweepExchanges, Swept
from tests.fakes import FakeInstitutions, FakeVault, problem
from tests.usecases.conftest import ALICE, World


def new_world() -> World:
    """A world whose vault gets its keys from outside, as in production, and whose items are of the second key pair."""
    world = World()
    world.key_pairs, world.plaid.region = KeyPairs(has_eu=True), Region.EU
    world.vault = FakeVault(world.calls)
    return world


def exchanger(
    world: World, *, sleep: Callable[[float], None] | None = None, institutions: FakeInstitutions | None = None
) -> ExchangePublicToken:
    """The exchange use case of a world."""
    wait = sleep or (lambda seconds: world.clock.move(timedelta(seconds=seconds)))
    return ExchangePublicToken(
        choose_region=ChooseRegion(
            key_pairs=world.key_pairs,
            without_session=world.plaid.region,
            links=world.links,
            intents=world.intents,
            clock=world.clock,
        ),
        plaid=world.plaid,
        vault=world.vault,
        connections=world.store,
        cap=world.cap,
        claim_intent=ClaimIntent(intents=world.intents, clock=world.clock, sleep=wait),
        may_connect=may_connect(world),
        ownership=world.ownership,
        store_new_token=StoreNewToken(ownership=world.ownership, sleep=wait),
        create_connection=CreateConnection(
            connections=world.store,
            institutions=institutions or FakeInstitutions(world.calls),
            ownership=world.ownership,
            cap=world.cap,
            clock=world.clock,
            sleep=wait,
        ),
        existing_connection=ExistingConnection(
            connections=world.store,
            intents=world.intents,
            reconnect=world.reconnect_connection,
        ),
        clock=world.clock,
    )


def may_connect(world: World, *, allow_anonymous: bool = True, require_verified_email: bool = False) -> MayConnect:
    """The check of who may make connections, in a world."""
    return MayConnect(
        allow_anonymous=allow_anonymous,
        require_verified_email=require_verified_email,
        connections=world.store,
        ownership=world.ownership,
    )


def exchange(
    world: World,
    token: str = "public-1",
    *,
    user: str = ALICE,
    accounts: tuple[LinkedAccount, ...] = (),
    allow_duplicate: bool = False,
    replaces: str | None = None,
    link_token: str | None = None,
    sleep: Callable[[float], None] | None = None,
    refused: PermissionDenied | None = None,
) -> Exchanged:
    """One exchange call of an app."""
    linked = LinkedItem(
        token,
        institution_id="ins_1",
        accounts=accounts,
        allow_duplicate=allow_duplicate,
        replaces=replaces,
        link_token=link_token,
    )
    return exchanger(world, sleep=sleep)(linked, app_user_id=user, refused=refused)


def tried(world: World, token: str = "public-1", *, allow_duplicate: bool = False) -> BankError | None:
    """An app's retry; its result or its error."""
    try:
        exchange(world, token, allow_duplicate=allow_duplicate)
    except BankError as error:
        return error
    return None


def sweep(world: World) -> Swept:
    """One sweep."""
    return SweepExchanges(
        intents=world.intents,
        ownership=world.ownership,
        vault=world.vault,
        report_lost=world.eraser.report_lost,
        clock=world.clock,
    )()


def transient() -> ProviderError:
    """Plaid fails temporarily."""
    return problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")


def store_down() -> Unavailable:
    """Firestore is down."""
    return Unavailable("down", code="store_unavailable")


def orphans(world: World) -> set[str]:
    """Items at the bank whose token was issued, but which belong to no connection."""
    handed_out = {token: item for token, item in world.plaid.items.items() if token not in unused(world)}
    kept = {connection.item_id for connection in world.store.connections.values()}
    return {item.item_id for item in handed_out.values()} - kept


def unused(world: World) -> set[str]:
    """Access tokens that were not issued yet."""
    return set(world.plaid.public_tokens.values())


def broken_invariants(world: World) -> list[str]:
    """Broken invariants of the exchange; the item of the lost window is not counted."""
    wrong = []
    for connection in world.store.connections.values():
        about = {"app_user_id": connection.app_user_id, "connection_id": connection.connection_id}
        token = FakeVault().open(world.store.tokens[connection.connection_id], **about).reveal()
        if world.plaid.items.get(token) is None or world.plaid.items[token].item_id != connection.item_id:
            wrong.append(f"{connection.connection_id} has a token that does not work")
    items = [connection.item_id for connection in world.store.connections.values()]
    wrong += [f"{item} is connected twice" for item in {*items} if items.count(item) > 1]
    return wrong


def open_intents_left(world: World) -> list[str]:
    """Intents that an operator would still have to handle."""
    return [
        f"{intent.answer} {intent.due_at} {'with' if intent.access_token else 'without'} a token"
        for intent, _ in world.store.intents.values()
        if intent.access_token is not None or intent.due_at is not None or intent.answer is None
    ]
