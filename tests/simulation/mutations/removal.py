"""Faults of removals, erasures and rotations, and secrets in the wrong place."""

from __future__ import annotations

from typing import Any

from shared.adapters.plaid.client import PlaidClient
from shared.domain.audit import AuditAction
from shared.domain.credentials import StoredAccessToken
from shared.domain.errors import BankError, Conflict, ProviderError, VaultError
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import Region
from shared.domain.removal import Removal, RemovalOutcome
from shared.log import log
from shared.ports import TaskFunction
from shared.usecases.items.refresh_item_status import ItemStatusRefresh
from shared.usecases.linking.store_new_token import StoreNewToken
from shared.usecases.removal.erase_user import Eraser
from shared.usecases.removal.remove_connection import ConnectionRemover
from shared.usecases.removal.remove_item import ItemRemover
from shared.usecases.removal.sweep_removals import SweepRemovals
from shared.usecases.tokens.call_with_token import AccessTokens, TokenRefusal
from shared.usecases.tokens.request_rotation import RotationRequests
from shared.usecases.tokens.store_rotated_token import RotatedTokenStore, rotation_busy, rotation_entry
from tests.simulation.mutations import Patch, mutation


@mutation
def removal_forgets_the_item() -> list[Patch]:
    """While Plaid is down, a removal ends without removing the item."""

    def try_to_remove(self: ItemRemover, removal: Removal, version: Any) -> RemovalOutcome:
        try:
            return self._remove(removal)
        except (ProviderError, VaultError):
            return RemovalOutcome.UNKNOWN

    return [Patch(ItemRemover, "_try_to_remove", try_to_remove)]


@mutation
def removal_keeps_the_data() -> list[Patch]:
    """A removed connection leaves its rows in the store."""
    original = Removal.of

    def of(connection: Any, **more: Any) -> Removal:
        return original(connection, **more).emptied()

    return [Patch(Removal, "of", staticmethod(of))]


@mutation
def interrupted_removal_not_resumed() -> list[Patch]:
    """No sweep finds a removal whose task was lost."""
    return [Patch(SweepRemovals, "_removals", lambda self, started: 0)]


@mutation
def removal_waits_for_its_task() -> list[Patch]:
    """A postponed removal keeps its old due time, so that the sweep takes it again and again."""
    return [Patch(Removal, "queued", lambda self, *, now: self), Patch(Removal, "postponed", lambda self, **_: self)]


@mutation
def erasure_forgets_exchanges() -> list[Patch]:
    """An erasure deletes unfinished exchanges, and with them the only copy of their tokens."""

    def end_exchange(self: Eraser, intent: Any, version: Any, *, trace: str | None) -> None:
        self.intents.forget(intent.intent_id, expected=version)

    return [Patch(Eraser, "_end_exchange", end_exchange)]


@mutation
def erasure_keeps_connections() -> list[Patch]:
    """An erasure that was interrupted does not remove the connections that are left."""
    return [Patch(ConnectionRemover, "begin", lambda self, connection, *, reason, by: True)]


@mutation
def rotation_loses_the_new_token() -> list[Patch]:
    """A rotation tries only once to store the new token."""

    def store(self: RotatedTokenStore, begun: StoredAccessToken, new: Any, *, expected: Any) -> None:
        try:
            self._save(begun, self.seal(begun, new), new, expected=expected)
        except (BankError, Conflict):
            raise rotation_busy() from None

    return [Patch(RotatedTokenStore, "store", store)]


@mutation
def rotation_not_marked() -> list[Patch]:
    """A rotation does not mark the token before it calls Plaid, so an interruption is not noticed."""
    original = StoredAccessToken.begun

    def begun(self: StoredAccessToken, **more: Any) -> StoredAccessToken:
        return original(self, **more).model_copy(update={"rotating_since": None})

    return [Patch(StoredAccessToken, "begun", begun)]


@mutation
def rotation_saved_too_early() -> list[Patch]:
    """A rotation stores the old token again as if it were the new one."""

    def save(self: RotatedTokenStore, begun: StoredAccessToken, sealed: Any, new: Any, *, expected: Any) -> None:
        after = begun.replaced(begun.token, now=self.clock.now())
        entry = rotation_entry(begun, AuditAction.TOKEN_ROTATED, by=begun.wanted_by, now=self.clock.now())
        self.credentials.save(after, expected=expected, audit=[entry])

    return [Patch(RotatedTokenStore, "_save", save)]


@mutation
def rotation_forgets_the_region() -> list[Patch]:
    """A rotated access token counts as one of the first key pair, whichever pair it belongs to."""
    invalidate = PlaidClient.invalidate

    def forgetful(self: PlaidClient, access_token: PlaidToken) -> PlaidToken:
        return PlaidToken(invalidate(self, access_token).reveal(), Region.US)

    return [Patch(PlaidClient, "invalidate", forgetful)]


@mutation
def interrupted_rotation_not_resumed() -> list[Patch]:
    """No sweep finds a rotation that was interrupted."""
    return [Patch(RotationRequests, "sweep", lambda self: 0)]


@mutation
def rotation_looks_like_a_lost_item() -> list[Patch]:
    """A call whose token is being rotated counts as refused for good."""
    return [Patch(AccessTokens, "refusal_reason", lambda self, used, connection_id: TokenRefusal.CURRENT)]


@mutation
def token_in_the_log() -> list[Patch]:
    """A log line contains a new access token."""
    original = StoreNewToken.__call__

    def store(self: StoreNewToken, item: Any, **more: Any) -> None:
        original(self, item, **more)
        log.info("token.exchanged", connection_id=item.access_token.reveal())

    return [Patch(StoreNewToken, "__call__", store)]


@mutation
def token_in_a_task() -> list[Patch]:
    """The payload of a task contains an access token."""
    original = ItemStatusRefresh._read_item

    def read_item(self: ItemStatusRefresh, connection: Any) -> Any:
        def enqueue(token: Any) -> None:
            payload = {"connection_id": connection.connection_id, "access_token": token.reveal()}
            self.tasks.add(TaskFunction.CHECK_ITEM, payload, name=f"{connection.connection_id}-with-token")

        self._tokens().call(connection.connection_id, enqueue)
        return original(self, connection)

    return [Patch(ItemStatusRefresh, "_read_item", read_item)]
