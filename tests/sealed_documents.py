"""Documents of the fake store that hold a sealed token, for the tests of re-encryption."""

from __future__ import annotations

from shared.domain.connection import SealedToken
from shared.domain.credentials import StoredAccessToken
from shared.domain.exchange import Intent
from shared.domain.removal import Removal, RemovalReason
from tests.fakes import START, FakeStore


def put_seal(store: FakeStore, place: str, sealed: SealedToken, *, owner: str) -> None:
    """Writes the document of a place; its user and its connection both have the id `owner`."""
    collection, _, name = place.partition("/")
    if collection == "bank_credentials":
        kept = StoredAccessToken(connection_id=owner, app_user_id=owner, item_id="item", token=sealed, issued_at=START)
        store.tokens[name], store.kept[name] = sealed, (kept, store.next_version())
    elif collection == "bank_exchange_intents":
        intent = Intent(name, owner, owner, START, attempt="", access_token=sealed)
        store.intents[name] = (intent, store.next_version())
    else:
        removal = Removal(
            connection_id=owner,
            app_user_id=owner,
            item_id="item",
            access_token=sealed,
            reason=RemovalReason.USER,
            created_at=START,
            due_at=START,
        )
        store.tombstones[name] = removal
        store.tombstone_versions[name] = store.next_version()
