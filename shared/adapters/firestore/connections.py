"""Connections in Firestore.

bank_connections/{connection_id}                    the connection, which its owner can read
bank_connections/{connection_id}/bank_accounts/…    its accounts
bank_credentials/{connection_id}                    the sealed access token; private
bank_link_guards/{uid}:{institution_id}             prevents concurrent creation of duplicate connections
bank_items/{item_id}                                prevents two connections with the same item
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.audit import HEADS, FirestoreAudit
from shared.adapters.firestore.commit import Batch, version_of
from shared.adapters.firestore.credentials import CREDENTIALS, put_credentials
from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.exchange_intents import put_intent
from shared.adapters.firestore.item_holders import put_holder
from shared.adapters.firestore.link_guards import guard_fields, guard_path
from shared.adapters.firestore.move_records import create_move
from shared.adapters.firestore.sync_writes import (
    ACCOUNTS,
    CONNECTIONS,
    NOTIFICATIONS,
    PROGRESS,
    STATES,
    put_account,
    put_marks,
)
from shared.domain.account import Account, StoredAccount
from shared.domain.audit import AuditEntry
from shared.domain.connection import BankConnection, SealedToken
from shared.domain.credentials import StoredAccessToken
from shared.domain.errors import Conflict
from shared.domain.exchange import Intent
from shared.domain.history_move import HistoryMove
from shared.domain.item import ItemHolder
from shared.domain.sync_state import SyncState
from shared.ports import Guards, Mark, OwnedAccount, Version

if TYPE_CHECKING:
    from google.cloud import firestore

_ID = re.compile(r"[A-Za-z0-9-][A-Za-z0-9_-]{0,127}")
_USERS_PAGE = 50
_APART = {"access_token", "cursor"}  # never in the document that clients read


@translates_outages
class FirestoreConnections:
    """The port `Connections`."""

    def __init__(self, client: "firestore.Client", *, audit: FirestoreAudit) -> None:
        self._client = client
        self._audit = audit

    def find(self, connection_id: str) -> BankConnection | None:
        """Finds a connection, in one read; None without a read if the id is invalid."""
        if not _ID.fullmatch(connection_id):
            return None
        return _connection(self._client.document(CONNECTIONS, connection_id).get())

    def of_item(self, item_id: str) -> list[BankConnection]:
        """Finds the connections of an item, in one query."""
        query = self._client.collection(CONNECTIONS).where(filter=FieldFilter("item_id", "==", item_id))
        return [c for c in map(_connection, query.stream()) if c is not None]

    def owned_by(self, app_user_id: str) -> list[BankConnection]:
        """Finds the connections of a user, in one query."""
        query = self._client.collection(CONNECTIONS).where(filter=FieldFilter("app_user_id", "==", app_user_id))
        return [c for c in map(_connection, query.stream()) if c is not None]

    def at_institution(self, institution_id: str) -> list[str]:
        """Lists the ids of the connections at an institution, in one query that reads one field."""
        query = self._client.collection(CONNECTIONS).where(filter=FieldFilter("institution_id", "==", institution_id))
        return [snapshot.id for snapshot in query.select(["institution_id"]).stream()]

    def of_institution(self, institution_id: str) -> list[BankConnection]:
        """Finds the connections at an institution, in one query."""
        query = self._client.collection(CONNECTIONS).where(filter=FieldFilter("institution_id", "==", institution_id))
        return [c for c in map(_connection, query.stream()) if c is not None]

    def users_at(self, institution_id: str, *, most: int) -> int:
        """Counts the users at an institution: queries of 50 connections each, until enough users are found."""
        at_bank = self._client.collection(CONNECTIONS).where(filter=FieldFilter("institution_id", "==", institution_id))
        query = at_bank.select(["app_user_id"]).order_by("__name__").limit(_USERS_PAGE)
        users: set[str] = set()
        last: Any = None
        while len(users) < most:
            page = list((query.start_after(last) if last is not None else query).stream())
            users.update(snapshot.get("app_user_id") for snapshot in page)
            if len(page) < _USERS_PAGE:
                break
            last = page[-1]
        return min(len(users), most)

    def page(self, *, after: str | None, limit: int) -> list[tuple[str, str]]:
        """Lists ids and owners of all connections, page by page, in one query that reads one field."""
        query = self._client.collection(CONNECTIONS).select(["app_user_id"]).order_by("__name__").limit(limit)
        if after is not None:
            query = query.start_after({"__name__": self._client.document(CONNECTIONS, after)})
        return [(snapshot.id, (snapshot.to_dict() or {})["app_user_id"]) for snapshot in query.stream()]

    def accounts_of(self, connection_id: str) -> list[Account]:
        """Finds the accounts of a connection, in one query."""
        snapshots = self._client.collection(CONNECTIONS, connection_id, ACCOUNTS).stream()
        return [_account(snapshot.to_dict() or {}) for snapshot in snapshots]

    def stored_accounts(self, connection_id: str) -> list[StoredAccount]:
        """Finds the accounts of a connection with all fields that clients read, in one query."""
        snapshots = self._client.collection(CONNECTIONS, connection_id, ACCOUNTS).stream()
        return [cast("StoredAccount", _named(snapshot.to_dict() or {}, StoredAccount)) for snapshot in snapshots]

    def accounts_owned_by(self, app_user_id: str) -> list[OwnedAccount]:
        """Finds the accounts of all connections of a user, in one query."""
        everywhere = self._client.collection_group(ACCOUNTS)
        query = everywhere.where(filter=FieldFilter("app_user_id", "==", app_user_id))
        return [
            OwnedAccount(snapshot.get("connection_id"), _account(snapshot.to_dict() or {}), version_of(snapshot))
            for snapshot in query.stream()
        ]

    def mark(self, marks: Iterable[Mark]) -> None:
        """Marks accounts as duplicates, in one commit."""
        batch = Batch(self._client)
        put_marks(batch, marks)
        batch.commit()

    def credentials(self, connection_id: str) -> SealedToken | None:
        """Loads a connection's sealed access token, in one read."""
        snapshot = self._client.document(CREDENTIALS, connection_id).get()
        return SealedToken.model_validate(snapshot.to_dict()) if snapshot.exists else None

    def create(
        self,
        connection: BankConnection,
        *,
        token: SealedToken,
        accounts: Iterable[Account],
        state: SyncState,
        settles: tuple[Intent, Version],
        audit: AuditEntry,
        guards: Guards,
        held: Version | None = None,
        marks: Iterable[Mark] = (),
        move: HistoryMove | None = None,
    ) -> None:
        """Creates a connection with all its documents, and settles its intent, in one commit."""
        connection_id = connection.connection_id
        owner = {"connection_id": connection_id, "app_user_id": connection.app_user_id}
        batch = Batch(self._client)
        put_intent(batch, settles[0], expected=settles[1])
        batch.create(f"{CONNECTIONS}/{connection_id}", connection.model_dump(exclude=_APART))
        holder = ItemHolder(connection.item_id, connection_id, connection.app_user_id)
        put_holder(batch, holder, now=connection.created_at, expected=held)
        put_credentials(batch, StoredAccessToken.new(connection, token), expected=None)
        batch.create(f"{STATES}/{connection_id}", state.model_dump())
        batch.create(f"{PROGRESS}/{connection_id}", state.progress().model_dump())
        if connection.institution_id is not None:
            path = guard_path(connection.app_user_id, connection.institution_id)
            latest = guard_fields(connection_id, now=connection.created_at)
            if guards.institution is None:
                batch.create(path, latest)
            else:
                batch.replace(path, latest, expected=guards.institution)
        for account in accounts:
            put_account(batch, account, owner=owner, now=connection.created_at)
        put_marks(batch, marks)
        if move is not None:
            create_move(batch, move)
        if self._audit.append(batch, [audit]) != guards.user:
            raise Conflict
        batch.commit()

    def guards(self, app_user_id: str, *, institution_id: str | None) -> Guards:
        """Reads the versions that the commit of a new connection compares: both documents in one request."""
        paths = {"user": f"{HEADS}/{app_user_id}"}
        if institution_id is not None:
            paths["institution"] = guard_path(app_user_id, institution_id)
        found = self._client.get_all(
            [self._client.document(path) for path in paths.values()], field_paths=["expires_at"]
        )
        there = {snapshot.reference.path: version_of(snapshot) for snapshot in found if snapshot.exists}
        return Guards(there.get(paths.get("institution")), there.get(paths["user"]))

    def describe(self, connection_id: str, changes: dict[str, Any]) -> bool:
        """Updates fields of a connection, in one write; False if it does not exist."""
        batch = Batch(self._client)
        batch.update(f"{CONNECTIONS}/{connection_id}", changes)
        try:
            batch.commit()
        except Conflict:
            return False
        return True

    def was_told(self, app_user_id: str, notification_id: str) -> bool:
        """Whether a notification exists, in one read."""
        told = self._client.document("users", app_user_id, NOTIFICATIONS, notification_id)
        return bool(told.get(["kind"]).exists)


def _connection(snapshot: Any) -> BankConnection | None:
    return BankConnection.model_validate(snapshot.to_dict()) if snapshot.exists else None


def _account(fields: dict[str, Any]) -> Account:
    return cast("Account", _named(fields, Account))


def _named(fields: dict[str, Any], model: type) -> dict[str, Any]:
    return {name: fields.get(name) for name in model.__annotations__}
