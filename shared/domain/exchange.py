"""The exchange of a public token, as far as it must be remembered: pure.

    new ──exchanged──> holds the token ──connected──> answered: the connection
     │                   │         └───duplicate_of─> answered: the one that is there already ──removed──> done
     │                   ├─surplus───> answered: nothing ──removed──> done
     │                   └─abandoned─> answered: nothing ──(the item is removed)──> forgotten
     ├──held_by─> answered: the connection that the item belongs to, or that it is another user's; no token is kept
     └──lost──> answered: nothing; a token may have been lost with the process that had it

An intent precedes the call to Plaid, so that no exchanged token is ever forgotten without a trace. `due_at` is when
the sweep must look at it, whatever happens to the calls in between. Once it is answered nobody goes on with it; a
token that it holds then is one whose item is to be removed at Plaid.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from shared.domain import grace_periods
from shared.domain.account import AccountName
from shared.domain.connection import SealedToken
from shared.domain.item import ItemHolder

ANSWER_KEPT = timedelta(hours=24)  # as long as the same public token gets the same answer
RESUMABLE_FOR = ANSWER_KEPT  # as long as the app may come back to an exchange that broke off
SWEPT_AGAIN_AFTER = timedelta(minutes=10)  # within the schedule's 15

_NOTHING = "nothing_came_of_it"
_SURPLUS = "too_many_connections"
_ITEM_OF = "item_of"


@dataclass(frozen=True, slots=True)
class Intent:
    """What is known of one public token: that its exchange began, and how it ended.

    Attributes:
        intent_id: SHA-256 of the public token.
        connection_id: Of the connection that it is to become.
        created_at: When the latest attempt began.
        attempt: Who is at it; empty while nobody is.
        access_token: Sealed, from the moment it is stored until it is stored elsewhere, or its item is removed.
        answer: What was answered; None while it is open.
        due_at: When the sweep must look; None when nothing is left to do.
        unknown_since: Since when Plaid says that it does not know the token, for which wrong keys of ours may be why.
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

    @classmethod
    def new(cls, *, intent_id: str, app_user_id: str, connection_id: str, attempt: str, now: datetime) -> Self:
        """Before anything is asked of Plaid."""
        return cls(intent_id, app_user_id, connection_id, now, attempt, due_at=now + grace_periods.LOST_EXCHANGE)

    def is_free(self, now: datetime) -> bool:
        """Whether somebody may go on with it: whoever was at it gave up, or died."""
        return self.answer is None and (not self.attempt or now - self.created_at > grace_periods.EXCHANGE)

    @property
    def came_to_nothing(self) -> bool:
        """Whether it ended without a connection, and without one that was there already."""
        return _NOTHING in (self.answer or {})

    @property
    def duplicate(self) -> str | None:
        """The connection that was there already, if that was the answer."""
        return (self.answer or {}).get("duplicate_of")

    @property
    def duplicate_accounts(self) -> tuple[AccountName, ...]:
        """The accounts that were there already."""
        return tuple((self.answer or {}).get("accounts", ()))

    @property
    def item_of(self) -> str | None:
        """The connection of this user that has the item already, if that is what the exchange found."""
        return (self.answer or {}).get(_ITEM_OF)

    @property
    def belongs_to_existing_connection(self) -> bool:
        """Whether the item was found to belong to another connection: the user's own, or another user's."""
        return _ITEM_OF in (self.answer or {})

    def holder(self, item_id: str | None = None) -> ItemHolder:
        """This exchange as the holder of its item."""
        return ItemHolder(item_id or self.item_id or "", self.connection_id, self.app_user_id, self.intent_id)

    def taken_over(self, *, attempt: str, now: datetime) -> Self:
        """Somebody goes on where an earlier attempt broke off."""
        wait = grace_periods.LOST_EXCHANGE if self.access_token is None else RESUMABLE_FOR
        return replace(self, attempt=attempt, created_at=now, due_at=now + wait)

    def released(self) -> Self:
        """Nobody is at it any more."""
        return replace(self, attempt="")

    def exchanged(self, token: SealedToken, *, item_id: str) -> Self:
        """Plaid has answered."""
        return replace(self, access_token=token, item_id=item_id, due_at=self.created_at + RESUMABLE_FOR)

    def connected(self, answer: dict[str, Any]) -> Self:
        """The connection is made, and has the token."""
        return replace(self, access_token=None, answer=answer, due_at=None)

    def duplicate_of(self, connection_id: str | None, *, now: datetime, accounts: Iterable[AccountName] = ()) -> Self:
        """These accounts are connected already; this call, or the sweep, removes the new item."""
        answer = {"duplicate_of": connection_id, "accounts": [{**account} for account in accounts]}
        return replace(self, answer=answer, due_at=now + grace_periods.EXCHANGE)

    @property
    def is_surplus(self) -> bool:
        """Whether the item was one more than the user may have."""
        return (self.answer or {}).get(_NOTHING) == _SURPLUS

    def surplus(self, *, now: datetime) -> Self:
        """The user has as many connections as allowed; this call, or the sweep, removes the new item."""
        return replace(self, answer={_NOTHING: _SURPLUS}, due_at=now + grace_periods.EXCHANGE)

    def held_by(self, holder: ItemHolder) -> Self:
        """The item belongs to another connection: the token is dropped, and that is the answer."""
        mine = holder.app_user_id == self.app_user_id
        answer = {_ITEM_OF: holder.connection_id if mine else None}
        return replace(self, item_id=holder.item_id, access_token=None, answer=answer, due_at=None)

    def used_up(self, *, now: datetime) -> Self:
        """Plaid does not take the public token (any more): if an attempt before this has used it, its trace is here."""
        return replace(self, attempt="", due_at=now)

    def abandoned(self, *, now: datetime) -> Self:
        """Nobody came back for it: from here on its item can only be removed."""
        return replace(self, answer={_NOTHING: "abandoned"}, due_at=now + SWEPT_AGAIN_AFTER)

    def lost(self) -> Self:
        """If there was a token, nobody has it."""
        return replace(self, answer={_NOTHING: "lost"}, due_at=None)

    def removed(self) -> Self:
        """The item whose token it held is gone at Plaid."""
        return replace(self, access_token=None, due_at=None)

    def doubted(self, *, now: datetime) -> Self:
        """Plaid says that it does not know the token."""
        return replace(self, unknown_since=self.unknown_since or now)

    def postponed(self, *, now: datetime) -> Self:
        """What was due could not be done now."""
        return replace(self, due_at=now + SWEPT_AGAIN_AFTER)
