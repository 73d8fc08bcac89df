"""Deletes the data of removed connections from Firestore, any number of documents in commits of a few hundred."""

from collections import deque
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.balances import BALANCES
from shared.adapters.firestore.commit import Batch, version_of
from shared.adapters.firestore.document_names import document_names
from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.exchange_intents import INTENTS
from shared.adapters.firestore.history_moves import ARCHIVE
from shared.adapters.firestore.link_guards import GUARDS, guard_path
from shared.adapters.firestore.link_sessions import RESULTS, SESSIONS
from shared.adapters.firestore.product_documents import PRODUCTS
from shared.adapters.firestore.set_aside import set_aside_query
from shared.adapters.firestore.sync_writes import ACCOUNTS, CONNECTIONS, HANDOVERS, NOTIFICATIONS, RUNS, TRANSACTIONS
from shared.adapters.firestore.webhook_inbox import INBOX
from shared.domain import retention
from shared.domain.errors import CommitTooLarge, Conflict
from shared.domain.products.kinds import COLLECTION
from shared.domain.removal import Removal
from shared.ports import Executors, Future

if TYPE_CHECKING:
    from google.cloud import firestore

# Production counts the index entries of what is deleted, too: https://firebase.google.com/docs/firestore/quotas
DELETES_AT_ONCE = 400
COMMITS_AT_ONCE = 2  # of one purge: the commits concern different documents, in any order
NAMES_AT_ONCE = 100_000  # per query: names are streamed during the deletes, never all in memory


@translates_outages
class FirestoreConnectionData:
    """The port `ConnectionData`."""

    def __init__(self, client: "firestore.Client", *, executors: Executors) -> None:
        self._client, self._executors = client, executors

    def purge(self, removal: Removal) -> None:
        """Deletes the data of a connection: a commit per 400 documents, a query per 100,000, and a few more."""
        connection = self._client.document(CONNECTIONS, removal.connection_id)
        self._delete_found(connection.collection(TRANSACTIONS))
        self._delete_found(connection.collection(ARCHIVE))
        self._delete_found(connection.collection(ACCOUNTS))
        for collection in (BALANCES, PRODUCTS, *COLLECTION.values()):
            self._delete_found(connection.collection(collection))
        self._delete_found(set_aside_query(self._client, removal.connection_id))
        self._delete([f"{HANDOVERS}/{removal.connection_id}"])
        if removal.keeps_connection:
            self._forget_accounts(removal.connection_id)
            return
        about_it = FieldFilter("connection_id", "==", removal.connection_id)
        told = self._client.collection("users", removal.app_user_id, NOTIFICATIONS)
        self._delete_found(told.where(filter=about_it))
        self._delete_found(self._client.collection(INBOX).where(filter=about_it))
        self._delete_found(self._client.collection(RESULTS).where(filter=about_it))
        self._delete_found(self._client.collection(RUNS).where(filter=about_it))
        self._delete_answers(removal)
        if removal.institution_id is not None:
            guard = guard_path(removal.app_user_id, removal.institution_id)
            self._delete_guard(self._client.document(guard), removal.app_user_id, removal.institution_id)

    def purge_user(self, app_user_id: str, *, before: datetime) -> None:
        """Deletes the remaining data of a user: a few queries, and one commit per 400 documents.

        The counters of rate limits and budgets are kept until they expire: they protect others, and only contain times.
        """
        told = self._client.collection("users", app_user_id, NOTIFICATIONS)
        self._delete_found(told.where(filter=FieldFilter("created_at", "<=", before)), order_by="created_at")
        theirs = FieldFilter("app_user_id", "==", app_user_id)
        for collection, kept in ((SESSIONS, retention.LINK_SESSION), (RESULTS, retention.LINK_SESSION)):
            for snapshot in self._client.collection(collection).where(filter=theirs).stream():
                if (snapshot.get("expires_at") - kept) <= before:
                    self._delete_unchanged(snapshot)
        for snapshot in self._named_after(GUARDS, app_user_id):
            self._delete_guard(snapshot.reference, app_user_id, unquote(snapshot.id.rpartition(":")[2]))

    def _named_after(self, collection: str, app_user_id: str) -> list[Any]:
        """Finds documents named `{uid}:{something}`; a uid may contain colons, too."""
        documents = self._client.collection(collection)
        first, last = documents.document(f"{app_user_id}:"), documents.document(f"{app_user_id};")
        query = documents.where(filter=FieldFilter("__name__", ">=", first))
        found = query.where(filter=FieldFilter("__name__", "<", last)).stream()
        return [snapshot for snapshot in found if snapshot.id.rpartition(":")[0] == app_user_id]

    def _delete_answers(self, removal: Removal) -> None:
        """Deletes intents whose answer is this connection; an intent with an access token is kept."""
        theirs = FieldFilter("app_user_id", "==", removal.app_user_id)
        for snapshot in self._client.collection(INTENTS).where(filter=theirs).stream():
            fields = snapshot.to_dict() or {}
            answer = fields.get("answer") or {}
            named = (answer.get("connection_id"), answer.get("duplicate_of"), answer.get("item_of"))
            if removal.connection_id not in named:
                continue
            if fields.get("access_token") is None:
                self._delete_unchanged(snapshot)

    def _delete_guard(self, document: Any, app_user_id: str, institution_id: str) -> None:
        """Deletes the guard, unless it guards another connection of this user to this institution."""
        guard = document.get()
        others = (
            self._client.collection(CONNECTIONS)
            .where(filter=FieldFilter("app_user_id", "==", app_user_id))
            .where(filter=FieldFilter("institution_id", "==", institution_id))
            .limit(1)
        )
        # The guard was read first, so a connection that is created after the query changes it, and prevents the delete.
        if guard.exists and not any(others.stream()):
            self._delete_unchanged(guard)

    def _forget_accounts(self, connection_id: str) -> None:
        batch = Batch(self._client)
        batch.update(f"{CONNECTIONS}/{connection_id}", {"account_ids": []})
        try:
            batch.commit()
        except Conflict:  # the connection was deleted, too
            return

    def _delete_unchanged(self, snapshot: Any) -> None:
        batch = Batch(self._client)
        batch.delete(snapshot.reference.path, expected=version_of(snapshot))
        try:
            batch.commit()
        except Conflict:  # another call uses it
            return

    def _delete_found(self, query: Any, *, order_by: str | None = None) -> None:
        """Deletes all documents that a query finds, and repeats the query from the start until it finds none."""
        page = (query.order_by(order_by) if order_by else query.order_by("__name__")).limit(NAMES_AT_ONCE)
        last: str | None = None
        while True:
            # Continue after the last deleted document, so that the store need not skip deleted entries every time.
            behind = page if last is None else page.start_after({"__name__": self._client.document(last)})
            found, last_found = self._delete_page(behind)
            if not found and last is None:
                return
            last = last_found if found == NAMES_AT_ONCE and order_by is None else None

    def _delete_page(self, page: Any) -> tuple[int, str | None]:
        """Deletes the documents that one query finds, in concurrent commits while the names still arrive.

        Returns:
            The number of documents, and the last of them.
        """
        count, last, under_way = 0, None, deque[Future[None]]()
        found = document_names(page)
        with closing(self._executors(COMMITS_AT_ONCE, "purge")) as workers:
            while some := list(islice(found, DELETES_AT_ONCE)):
                count, last = count + len(some), some[-1]
                if len(under_way) >= COMMITS_AT_ONCE:
                    under_way.popleft().result()
                under_way.append(workers.submit(partial(self._delete, some)))
            while under_way:
                under_way.popleft().result()
        return count, last

    def _delete(self, paths: Sequence[str]) -> None:
        """Deletes documents in one commit, or in two of half the size if it is too large for the store."""
        if not paths:
            return
        batch = Batch(self._client)
        for path in paths:
            batch.delete(path)
        try:
            batch.commit()
        except CommitTooLarge:
            if len(paths) == 1:
                raise
            self._delete(paths[: len(paths) // 2])
            self._delete(paths[len(paths) // 2 :])
