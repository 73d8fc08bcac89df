"""Ports for the contract tests of removals and erasures, both as fakes and over Firestore."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.connections import FirestoreConnections
from shared.adapters.firestore.erasures import FirestoreErasures
from shared.adapters.firestore.exchange_intents import FirestoreIntents
from shared.adapters.firestore.history_moves import FirestoreHistoryMoves
from shared.adapters.firestore.purge import FirestoreConnectionData
from shared.adapters.firestore.removals import FirestoreRemovals
from shared.adapters.firestore.syncs import FirestoreSyncs
from shared.adapters.firestore.webhook_inbox import FirestoreInbox
from shared.adapters.threads import ThreadExecutor
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.connection import BankConnection, SealedToken
from shared.domain.exchange import Intent
from shared.domain.history_move import HistoryMove
from shared.domain.notification import NotificationKind, notification
from shared.domain.set_aside import SetAsideRow
from shared.domain.sync_state import SyncState
from shared.ports import (
    ConnectionData,
    Connections,
    Delivery,
    Erasures,
    Handover,
    HistoryMoves,
    Inbox,
    Intents,
    PutHandover,
    PutNotification,
    PutSetAside,
    Removals,
    Syncs,
    UpsertTransactions,
    Write,
)
from tests.fake_history_moves import FakeHistoryMoves
from tests.fake_removals import FakeConnectionData, FakeErasures, FakeRemovals
from tests.fakes import FakeInbox, FakeIntents, FakeStore, account, row

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
TOKEN = SealedToken(ciphertext="c", key_id="k")


@dataclass
class Ports:
    removals: Removals
    connection_data: ConnectionData
    erasures: Erasures
    connections: Connections
    syncs: Syncs
    intents: Intents
    inbox: Inbox
    replace_token: Callable[[str, SealedToken], object]
    notified: Callable[[str], int]
    audited: Callable[[str], list[str]]
    moves: HistoryMoves
    write_note: Callable[[str, str, dict[str, Any]], object]


def fake() -> Ports:
    store = FakeStore()

    def write_note(connection_id: str, transaction_id: str, note: dict[str, Any]) -> None:
        store.put_row(connection_id, transaction_id, {**store.rows[connection_id][transaction_id], "user": note})

    return Ports(
        FakeRemovals(store),
        FakeConnectionData(store),
        FakeErasures(store),
        store,
        store,
        FakeIntents(store),
        FakeInbox(store),
        lambda connection_id, token: store.put_kept(store.kept[connection_id][0].replaced(token, now=NOW)),
        lambda uid: len(store.notifications),
        lambda uid: [str(entry.action) for entry in store.audit[uid]],
        FakeHistoryMoves(store),
        write_note,
    )


def firestore(client: Any) -> Ports:
    audit = FirestoreAudit(client, function="test", retention=timedelta(days=1))

    def entries(uid: str) -> list[str]:
        found = client.collection("bank_audit", uid, "bank_audit_entries").order_by("seq").stream()
        return [entry.get("action") for entry in found]

    return Ports(
        FirestoreRemovals(client, audit=audit),
        FirestoreConnectionData(client, executors=ThreadExecutor),
        FirestoreErasures(client, audit=audit),
        FirestoreConnections(client, audit=audit),
        FirestoreSyncs(client, audit=audit),
        FirestoreIntents(client, audit=audit),
        FirestoreInbox(client),
        lambda connection_id, token: client.document("bank_credentials", connection_id).update(token.model_dump()),
        lambda uid: len(list(client.collection("users", uid, "bank_notifications").stream())),
        entries,
        FirestoreHistoryMoves(client, audit=audit),
        lambda connection_id, row_id, note: client.document(
            "bank_connections", connection_id, "bank_transactions", row_id
        ).update({"user": note}),
    )


def connect(
    ports: Ports, uid: str, name: str = "", *, institution_id: str = "ins_1", move: HistoryMove | None = None
) -> BankConnection:
    """Create a connection with every kind of document."""
    connection_id = f"{uid}{name}"
    connection = BankConnection(
        connection_id=connection_id,
        app_user_id=uid,
        institution_id=institution_id,
        item_id=f"item-{connection_id}",
        account_ids=("checking",),
        created_at=NOW,
        updated_at=NOW,
    )
    intent = Intent(f"intent-{connection_id}", uid, connection_id, NOW, "a")
    _, version, _ = ports.intents.begin(intent)
    state = SyncState.new(connection_id=connection_id, app_user_id=uid, now=NOW)
    ports.connections.create(
        connection,
        token=TOKEN,
        accounts=[account()],
        state=state,
        settles=(Intent(**{**_fields(intent), "answer": {"connection_id": connection_id}}), version),
        audit=AuditEntry(app_user_id=uid, action=AuditAction.CONNECTION_CREATED, actor=Actor.USER, at=NOW),
        guards=ports.connections.guards(uid, institution_id=institution_id),
        move=move,
    )
    message = notification(
        NotificationKind.FIRST_SYNC_DONE,
        event_id=connection_id,
        connection_id=connection_id,
        bank=None,
        language=None,
        now=NOW,
    )
    writes: list[Write] = [
        UpsertTransactions(tuple(row(f"t{n}") for n in range(8))),
        PutNotification(message),
        PutSetAside(SetAsideRow.of({"transaction_id": "a/b"}, field="transaction_id")),
        PutHandover(Handover(removed=(), successors={})),
    ]
    loaded = ports.syncs.load(connection_id)
    assert loaded is not None
    ports.syncs.save(state.claim(now=NOW, owner="me"), expected=loaded.version, writes=writes)
    ports.inbox.record(Delivery(f"delivery-{connection_id}", {"x": 1}, NOW, connection_id, None))
    return connection


def _fields(intent: Intent) -> dict[str, Any]:
    return {name: getattr(intent, name) for name in Intent.__dataclass_fields__}
