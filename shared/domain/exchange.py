"""The stored state of a public token's exchange: pure.

    new ──exchanged──> has the token ──connected──> answered: the new connection
     │                   │        └───duplicate_of─> answered: the existing connection ──removed──> done
     │                   ├─surplus───> answered: no connection ──removed──> done
     │                   └─abandoned─> answered: no connection ──(the item is removed)──> deleted
     ├──held_by─> answered: the item's connection, or that it is another user's; the token is discarded
     ├──erased──> answered: no connection; the working call removes its item and deletes the intent, or it is lost
     └──lost──> answered: no connection; the process may have died with the only copy of a token

An intent is stored before the call to Plaid, so every exchanged token leaves a trace. `due_at` is when the sweep must
check the intent, whatever happens to the calls in between. An answered intent is never resumed; if it still has a
token, that token's item must be removed at Plaid.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from shared.domain import grace_periods
from shared.domain.account import AccountName
from shared.domain.connection import SealedToken
from shared.domain.item import ItemHolder
from shared.domain.region import Region

ANSWER_KEPT = timedelta(hours=24)  # how long the same public token gets the same answer
RESUMABLE_FOR = ANSWER_KEPT  # how long the app can resume an interrupted exchange
SWEPT_AGAIN_AFTER = timedelta(minutes=10)  # less than the scheduler's interval of 15

_NOTHING = "nothing_came_of_it"
_SURPLUS = "too_many_connections"
_NOT_REPLACED = "connection_not_replaceable"
_ERASED = "erased"
_ITEM_OF = "item_of"


@dataclass(frozen=True, slots=True)
class Intent:
    """The exchange of one public token: its start, its owner and its result.

    Attributes:
        intent_id: SHA-256 of the public token.
        connection_id: The id that the new connection will have.
        created_at: When the latest attempt began.
        attempt: The id of the call that owns the exchange; empty if no call does.
        access_token: Sealed; kept until the connection has it, or its item is removed.
        answer: The result; None while the exchange is open.
        due_at: When the sweep must check it; None if nothing is left to do.
        unknown_since: Since when Plaid does not know the token; wrong Plaid keys may be the cause.
        region: The key pair of Plaid that the public token belongs to.
    """

    intent_id: str
    app_user_id: str
    connection_id: str
    created_at: datetime
    attempt: str
    item_id: str | None = None
    access_token: SealedToken | None = None
    answer: dict[str, Any] | None = None
    due_at: datetime | None = None
    unknown_since: datetime | None = None
    region: Region = Region.US

    @classmethod
    def new(
        cls, *, intent_id: str, app_user_id: str, connection_id: str, attempt: str, region: Region, now: datetime
    ) -> Self:
        """A new exchange, before the call to Plaid."""
        due_at = now + grace_periods.LOST_EXCHANGE
        return cls(intent_id, app_user_id, connection_id, now, attempt, due_at=due_at, region=region)

    def is_free(self, now: datetime) -> bool:
        """Whether a call may take over the exchange: its owner released it or died."""
        return self.answer is None and not self.may_be_running(now)

    def may_be_running(self, now: datetime) -> bool:
        """Whether the call that owns the exchange may still be working."""
        return bool(self.attempt) and now - self.created_at <= grace_periods.EXCHANGE

    @property
    def came_to_nothing(self) -> bool:
        """Whether it ended without a new or existing connection."""
        return _NOTHING in (self.answer or {})

    @property
    def duplicate(self) -> str | None:
        """The existing connection, if the item duplicates its accounts."""
        return (self.answer or {}).get("duplicate_of")

    @property
    def duplicate_accounts(self) -> tuple[AccountName, ...]:
        """The accounts of the existing connection that the item duplicates."""
        return tuple((self.answer or {}).get("accounts", ()))

    @property
    def item_of(self) -> str | None:
        """The connection of this user that already has the item, if there is one."""
        return (self.answer or {}).get(_ITEM_OF)

    @property
    def belongs_to_existing_connection(self) -> bool:
        """Whether the item belongs to another connection, of this user or of another."""
        return _ITEM_OF in (self.answer or {})

    def holder(self, item_id: str | None = None) -> ItemHolder:
        """This exchange as the holder of its item."""
        return ItemHolder(item_id or self.item_id or "", self.connection_id, self.app_user_id, self.intent_id)

    def taken_over(self, *, attempt: str, named: Region | None = None, now: datetime) -> Self:
        """Another call takes over an interrupted exchange; `named` is the key pair of the session that it names."""
        wait = grace_periods.LOST_EXCHANGE if self.access_token is None else RESUMABLE_FOR
        region = named or self.region if self.access_token is None else self.region
        return replace(self, attempt=attempt, created_at=now, due_at=now + wait, region=region)

    def released(self) -> Self:
        """The owner releases the exchange."""
        return replace(self, attempt="")

    def exchanged(self, token: SealedToken, *, item_id: str) -> Self:
        """Plaid has returned an access token."""
        return replace(self, access_token=token, item_id=item_id, due_at=self.created_at + RESUMABLE_FOR)

    def connected(self, answer: dict[str, Any]) -> Self:
        """The connection was created and has the token."""
        return replace(self, access_token=None, answer=answer, due_at=None)

    def duplicate_of(self, connection_id: str | None, *, now: datetime, accounts: Iterable[AccountName] = ()) -> Self:
        """The accounts are already connected; this call or the sweep removes the new item."""
        answer = {"duplicate_of": connection_id, "accounts": [{**account} for account in accounts]}
        return replace(self, answer=answer, due_at=now + grace_periods.EXCHANGE)

    @property
    def is_surplus(self) -> bool:
        """Whether the user already had as many connections as allowed."""
        return (self.answer or {}).get(_NOTHING) == _SURPLUS

    def surplus(self, *, now: datetime) -> Self:
        """The user has as many connections as allowed; this call or the sweep removes the new item."""
        return replace(self, answer={_NOTHING: _SURPLUS}, due_at=now + grace_periods.EXCHANGE)

    @property
    def failed_to_replace(self) -> bool:
        """Whether the connection to be replaced has none of the item's accounts."""
        return (self.answer or {}).get(_NOTHING) == _NOT_REPLACED

    def not_replaced(self, *, now: datetime) -> Self:
        """The connection to be replaced has none of the item's accounts; this call or the sweep removes the item."""
        return replace(self, answer={_NOTHING: _NOT_REPLACED}, due_at=now + grace_periods.EXCHANGE)

    @property
    def is_erased(self) -> bool:
        """Whether its user's data was erased before the exchange had a result."""
        return (self.answer or {}).get(_NOTHING) == _ERASED

    def erased(self) -> Self:
        """The user's data is erased: the working call can store nothing any more. If it dies, the sweep reports it."""
        return replace(self, answer={_NOTHING: _ERASED}, due_at=self.created_at + grace_periods.EXCHANGE)

    def held_by(self, holder: ItemHolder) -> Self:
        """The item belongs to another connection, which is the answer; the token is discarded."""
        mine = holder.app_user_id == self.app_user_id
        answer = {_ITEM_OF: holder.connection_id if mine else None}
        return replace(self, item_id=holder.item_id, access_token=None, answer=answer, due_at=None)

    def used_up(self, *, now: datetime) -> Self:
        """Plaid rejects the public token; an earlier attempt may have used it, so the intent is kept for the sweep."""
        return replace(self, attempt="", due_at=now)

    def abandoned(self, *, now: datetime) -> Self:
        """No call resumed the exchange in time: its item is removed."""
        return replace(self, answer={_NOTHING: "abandoned"}, due_at=now + SWEPT_AGAIN_AFTER)

    def lost(self) -> Self:
        """If Plaid issued a token, it is lost."""
        return replace(self, answer={_NOTHING: "lost"}, due_at=None)

    def removed(self) -> Self:
        """The item was removed at Plaid."""
        return replace(self, access_token=None, due_at=None)

    def doubted(self, *, now: datetime) -> Self:
        """Records that Plaid does not know the token."""
        return replace(self, unknown_since=self.unknown_since or now)

    def postponed(self, *, now: datetime) -> Self:
        """The due step failed: the sweep retries it."""
        return replace(self, due_at=now + SWEPT_AGAIN_AFTER)
