"""Steps that tests of removals share, taken from outside as an app, Plaid or the queue would."""

from __future__ import annotations

from shared.domain.errors import ErrorClass, ProviderError
from shared.domain.transaction import Transaction
from shared.usecases.linking.exchange_public_token import LinkedItem
from tests.fakes import FakeInstitutions, problem, row
from tests.usecases.conftest import ALICE, World
from tests.usecases.linking_ground import exchanger


def rows(count: int = 9) -> list[Transaction]:
    return [row(f"t{n}") for n in range(count)]


def revoked_error() -> ProviderError:
    return problem(ErrorClass.TERMINAL, "USER_PERMISSION_REVOKED")


def tell(world: World, code: str, kind: str = "ITEM") -> None:
    """Deliver a webhook, which is acknowledged and handled."""
    world.receive_webhook(
        {"webhook_type": kind, "webhook_code": code, "item_id": "item-1", "environment": "sandbox"},
        delivery_id=f"{code}-{world.clock.now()}",
    )
    handle(world)


def handle(world: World) -> None:
    handler = world.webhook_handler
    mine = [payload for function, payload in world.queue.others if function == "handlewebhook"]
    world.queue.others = [task for task in world.queue.others if task[0] != "handlewebhook"]
    for payload in mine:
        handler(payload["delivery_id"])


def ask_for_sync(world: World, name: str = "1") -> None:
    world.sync_requests.by_user(name, app_user_id=ALICE, count=lambda: None)


def exchange(world: World, public_token: str) -> dict[str, object]:
    call = exchanger(world, institutions=FakeInstitutions())
    return call(LinkedItem(public_token=public_token, allow_duplicate=True), app_user_id=ALICE).answer
