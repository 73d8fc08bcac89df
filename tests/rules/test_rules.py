"""firestore.rules, tested on the real emulator: every read and write that is allowed, and those that must be refused.

The attempts are a table: each is made with an ID token of the Auth emulator over Firestore's REST API, and is allowed
or refused. One more test makes all of them and asks the emulator for parts of the rules that were never reached.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest

from emulators.ports import PROJECT
from emulators.stack import Stack
from tests.firestore_rest import BACKEND, ROOT, Client, Json, unsigned_user

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PRIVATE = (
    "bank_credentials",
    "bank_sync_state",
    "bank_exchange_intents",
    "bank_webhook_inbox",
    "bank_limits",
    "bank_pushes",
    "bank_device_tokens",
    "bank_institution_claims",
    "bank_link_sessions",
    "bank_link_results",
    "bank_items",
    "bank_audit",
    "bank_removals",
    "bank_history_moves",
    "bank_product_state",
    "bank_erasures",
    "bank_institution_evidence",
    "bank_a_name_of_tomorrow",
    "another_collection",
)
PRODUCT_ROWS = (
    "bank_balances",
    "bank_recurring",
    "bank_liabilities",
    "bank_holdings",
    "bank_investment_transactions",
)
SHARED = ("bank_institutions", "bank_institution_health")
LONGEST_LIST = 500


@dataclass(frozen=True)
class World:
    """Ann has a connection. Bob is signed in. Cleo is signed in and has no documents. `signed_out` is not signed in."""

    ann: Client
    bob: Client
    cleo: Client
    signed_out: Client
    backend: Client
    ann_id: str
    bob_id: str
    cleo_id: str
    connection_id: str
    documents: dict[str, Json]

    @property
    def connection(self) -> str:
        return f"bank_connections/{self.connection_id}"

    @property
    def account(self) -> str:
        return f"{self.connection}/bank_accounts/a1"

    @property
    def transaction(self) -> str:
        return f"{self.connection}/bank_transactions/t1"

    @property
    def archived(self) -> str:
        return f"{self.connection}/bank_archived_transactions/t0"

    @property
    def stream(self) -> str:
        return f"{self.connection}/bank_recurring/r1"

    @property
    def product(self) -> str:
        return f"{self.connection}/bank_products/holdings"

    @property
    def progress(self) -> str:
        return f"bank_sync_progress/{self.connection_id}"

    @property
    def profile(self) -> str:
        return f"users/{self.ann_id}"

    @property
    def notification(self) -> str:
        return f"users/{self.ann_id}/bank_notifications/n1"

    def restore(self) -> None:
        self.backend.seed(self.documents, gone=(f"users/{self.cleo_id}", f"{self.connection}/bank_transactions/new"))


@pytest.fixture(scope="session")
def people(stack: Stack, http: httpx.Client) -> World:
    users = [unsigned_user(f"rules-{uuid.uuid4().hex[:12]}") for _ in range(3)]
    base = stack.ports.url("firestore")
    ann, bob, cleo = (Client(http, base, user.headers) for user in users)
    connection_id = uuid.uuid4().hex
    owner = {"app_user_id": users[0].uid, "connection_id": connection_id}
    root = f"bank_connections/{connection_id}"
    documents: dict[str, Json] = {
        f"users/{users[0].uid}": {"language": "en", "role": "customer"},
        f"users/{users[0].uid}/bank_notifications/n1": {"kind": "reconnect", "title": "t", "created_at": NOW},
        root: {**owner, "institution_id": "ins_1", "item_id": "i", "created_at": NOW, "updated_at": NOW},
        f"{root}/bank_accounts/a1": {**owner, "account_id": "a1", "name": "Everyday"},
        f"{root}/bank_transactions/t1": {**owner, "transaction_id": "t1", "date": "2026-01-02", "amount": "1.00"},
        f"{root}/bank_archived_transactions/t0": {
            **owner,
            "date": "2026-01-02",
            "user": {"note": "n"},
            "moved_to": None,
        },
        **{f"{root}/{name}/r1": {**owner, "account_id": "a1"} for name in PRODUCT_ROWS},
        f"{root}/bank_products/holdings": {**owner, "kind": "holdings", "status": "ready"},
        f"bank_sync_progress/{connection_id}": {**owner, "status": "completed"},
        **{f"{name}/ins_rules": {"institution_id": "ins_rules", "name": "A Bank"} for name in SHARED},
        **{f"{name}/{connection_id}": {**owner, "secret": "s"} for name in PRIVATE},
    }
    return World(
        ann=ann,
        bob=bob,
        cleo=cleo,
        signed_out=Client(http, base, {}),
        backend=Client(http, base, BACKEND),
        ann_id=users[0].uid,
        bob_id=users[1].uid,
        cleo_id=users[2].uid,
        connection_id=connection_id,
        documents=documents,
    )


@pytest.fixture
def world(people: World) -> World:
    people.restore()
    return people


Act = Callable[[World], httpx.Response]
ALLOWED: list[tuple[str, Act]] = []
REFUSED: list[tuple[str, Act]] = []


def allowed(sentence: str, act: Act) -> None:
    ALLOWED.append((sentence, act))


def refused(sentence: str, act: Act) -> None:
    REFUSED.append((sentence, act))


def gets(who: str, place: str) -> Act:
    """Read a document as a user; a place is a path with the world's names in it, such as `{w.account}`."""
    return lambda w: _client(w, who).get(place.format(w=w))


def lists(
    who: str,
    collection: str,
    *,
    owner: str | None = None,
    everywhere: bool = False,
    below: str = "",
    limit: int | None = None,
    named: str | None = None,
    count: bool = False,
) -> Act:
    """List or count the documents of a collection as a user: those of one owner, or all."""
    return lambda w: _client(w, who).query(
        collection,
        owner=owner and getattr(w, f"{owner}_id"),
        everywhere=everywhere,
        parent=below.format(w=w),
        limit=limit,
        named=named,
        count=count,
    )


def creates(who: str, place: str, **fields: str) -> Act:
    """Create a document as a user; fields are formatted like places."""
    return lambda w: _client(w, who).create(
        place.format(w=w), {name: text.format(w=w) for name, text in fields.items()}
    )


def updates(who: str, place: str, changes: Json) -> Act:
    """Change fields of a document as a user."""
    return lambda w: _client(w, who).update(place.format(w=w), changes)


def deletes(who: str, place: str) -> Act:
    """Delete a document as a user."""
    return lambda w: _client(w, who).delete(place.format(w=w))


def _client(w: World, who: str) -> Client:
    client: Client = getattr(w, who)
    return client


def one_of_twenty(wrong: object, at: int, right: str = "ok") -> list[object]:
    """A list of maximum length with one invalid element."""
    return [wrong if i == at else right for i in range(20)]


# -- users/{uid}: the app's document, with three fields that a user sets for the backend --

allowed("a user reads their own document", lambda w: w.ann.get(w.profile))
allowed("a user reads that they have no document yet", lambda w: w.cleo.get(f"users/{w.cleo_id}"))
refused("a user reads another's document", lambda w: w.bob.get(w.profile))
refused("an unauthenticated client reads a user's document", lambda w: w.signed_out.get(w.profile))
refused("a user lists all users", lambda w: w.ann.query("users"))

SETTINGS: Json = {"language": "sv", "country_codes": ["SE", "NO"], "notification_tokens": ["phone", "t" * 4096]}
allowed("a user's first write makes their document", lambda w: w.cleo.create(f"users/{w.cleo_id}", SETTINGS))
refused("the first write holds a field of the app's", lambda w: w.cleo.create(f"users/{w.cleo_id}", {"role": "admin"}))
refused(
    "the first write holds a language that is a number", lambda w: w.cleo.create(f"users/{w.cleo_id}", {"language": 1})
)
refused("a user makes another's document", lambda w: w.bob.create(f"users/{w.cleo_id}", SETTINGS))
refused(
    "an unauthenticated client makes a user's document", lambda w: w.signed_out.create(f"users/{w.cleo_id}", SETTINGS)
)

allowed("a user changes the three fields", lambda w: w.ann.update(w.profile, SETTINGS))
allowed("a user changes one field", lambda w: w.ann.update(w.profile, {"language": "de"}))
allowed("a user clears a field", lambda w: w.ann.update(w.profile, {}, clears=("language",)))
allowed(
    "a user has twenty devices",
    lambda w: w.ann.update(w.profile, {"notification_tokens": one_of_twenty("last", 19)}),
)
BAD_SETTINGS: dict[str, Json] = {
    "a field of the app's": {"role": "admin"},
    "a field of the app's beside ours": {"language": "de", "role": "admin"},
    "a language that is a number": {"language": 7},
    "a language that is null": {"language": None},
    "a language longer than any": {"language": "x" * 36},
    "countries that are a text": {"country_codes": "US"},
    "a country that is a number": {"country_codes": ["US", 1]},
    "a country with three letters": {"country_codes": ["USA"]},
    "more than twenty countries": {"country_codes": ["US"] * 21},
    "tokens that are a map": {"notification_tokens": {"a": "b"}},
    "a token that is none": {"notification_tokens": [None]},
    "a token that is too long": {"notification_tokens": ["t" * 4097]},
    "more than twenty tokens": {"notification_tokens": ["t"] * 21},
}
for label, changes in BAD_SETTINGS.items():
    refused(f"a user writes {label}", updates("ann", "{w.profile}", changes))
refused("a user changes another's document", lambda w: w.bob.update(w.profile, {"language": "de"}))
refused(
    "an unauthenticated client changes a user's document", lambda w: w.signed_out.update(w.profile, {"language": "de"})
)
refused("a user deletes their document", lambda w: w.ann.delete(w.profile))
refused("a user deletes another's document", lambda w: w.bob.delete(w.profile))

# -- users/{uid}/bank_notifications --

allowed("a user reads a notification", lambda w: w.ann.get(w.notification))
allowed(
    "a user lists their notifications, newest first",
    lambda w: w.ann.query("bank_notifications", parent=w.profile, newest="created_at"),
)
refused("a user reads another's notification", lambda w: w.bob.get(w.notification))
refused("a user lists another's notifications", lambda w: w.bob.query("bank_notifications", parent=w.profile))
refused("an unauthenticated client reads a notification", lambda w: w.signed_out.get(w.notification))
refused("a user lists everybody's notifications", lambda w: w.ann.query("bank_notifications", everywhere=True))
allowed("a user marks a notification as read", lambda w: w.ann.update(w.notification, {"read_at": NOW}))
refused("read_at is a text", lambda w: w.ann.update(w.notification, {"read_at": "2026-01-02T03:04:05Z"}))
refused("read_at is taken back", lambda w: w.ann.update(w.notification, {"read_at": None}))
refused("a user changes a notification's title", lambda w: w.ann.update(w.notification, {"title": "x"}))
refused("... while marking it as read", lambda w: w.ann.update(w.notification, {"title": "x", "read_at": NOW}))
refused("a user marks another's notification", lambda w: w.bob.update(w.notification, {"read_at": NOW}))
refused(
    "an unauthenticated client marks a notification", lambda w: w.signed_out.update(w.notification, {"read_at": NOW})
)
refused("a user writes themselves one", lambda w: w.ann.create(f"{w.profile}/bank_notifications/n2", {"read_at": NOW}))
refused("a user deletes a notification", lambda w: w.ann.delete(w.notification))

# -- bank_connections and their subcollections --

allowed("a user reads their connection", lambda w: w.ann.get(w.connection))
allowed("a user lists their connections", lambda w: w.ann.query("bank_connections", owner=w.ann_id))
refused("a user reads another's connection", lambda w: w.bob.get(w.connection))
refused("an unauthenticated client reads a connection", lambda w: w.signed_out.get(w.connection))
refused("a user lists everybody's connections", lambda w: w.ann.query("bank_connections"))
refused("a user lists another's connections", lambda w: w.bob.query("bank_connections", owner=w.ann_id))
refused(
    "an unauthenticated client lists a user's connections",
    lambda w: w.signed_out.query("bank_connections", owner=w.ann_id),
)

PAGED = {"bank_transactions": "{w.transaction}"} | {name: f"{{w.connection}}/{name}/r1" for name in PRODUCT_ROWS}


def about_rows(kind: str, place: str, limit: int | None) -> None:
    """Attempts to read, list and count rows below a connection, up to the limit of a list."""

    def listed(who: str, *, owner: str | None = None, everywhere: bool = False, count: bool = False) -> Act:
        below = "" if everywhere else "{w.connection}"
        return lists(who, kind, owner=owner, everywhere=everywhere, below=below, limit=limit, count=count)

    allowed(f"a user reads one of their {kind}", gets("ann", place))
    allowed(f"a user lists {kind} of one connection by owner", listed("ann", owner="ann"))
    allowed(f"a user lists {kind} of one connection without a filter", listed("ann"))
    allowed(f"a user lists {kind} of all connections", listed("ann", owner="ann", everywhere=True))
    allowed(f"a user counts {kind} of all connections", listed("ann", owner="ann", everywhere=True, count=True))
    refused(f"a user reads one of another's {kind}", gets("bob", place))
    refused(f"an unauthenticated client reads one of the {kind}", gets("signed_out", place))
    refused(f"a user lists {kind} of another's connection", listed("bob"))
    refused(f"a user lists {kind} of another's connection by its owner", listed("bob", owner="ann"))
    refused(f"an unauthenticated client lists {kind} of a connection", listed("signed_out"))
    refused(f"a user lists everybody's {kind}", listed("ann", everywhere=True))
    refused(f"a user lists another's {kind} of all connections", listed("bob", owner="ann", everywhere=True))
    refused(
        f"an unauthenticated client lists a user's {kind} of all connections",
        listed("signed_out", owner="ann", everywhere=True),
    )
    refused(f"a user counts everybody's {kind}", listed("ann", everywhere=True, count=True))
    refused(f"a user counts another's {kind}", listed("bob", owner="ann", everywhere=True, count=True))


about_rows("bank_accounts", "{w.account}", None)
about_rows("bank_products", "{w.product}", None)
for kind, place in PAGED.items():
    about_rows(kind, place, LONGEST_LIST)
    allowed(f"a user lists one of the {kind}", lists("ann", kind, owner="ann", everywhere=True, limit=1))
    for counting in (False, True):
        for too_many in (None, LONGEST_LIST + 1, 2**31 - 1):
            where = f"{'counts' if counting else 'lists'} {kind} with a limit of {too_many}"
            refused(
                f"a user {where}, of one connection",
                lists("ann", kind, below="{w.connection}", limit=too_many, count=counting),
            )
            refused(
                f"a user {where}, of one connection by owner",
                lists("ann", kind, owner="ann", below="{w.connection}", limit=too_many, count=counting),
            )
            refused(
                f"a user {where}, of all connections",
                lists("ann", kind, owner="ann", everywhere=True, limit=too_many, count=counting),
            )

allowed(
    "a user lists transactions of all connections, newest first",
    lambda w: w.ann.query("bank_transactions", everywhere=True, owner=w.ann_id, newest="date", limit=LONGEST_LIST),
)
refused(
    "a user lists another's transactions, newest first",
    lambda w: w.bob.query("bank_transactions", everywhere=True, owner=w.ann_id, newest="date", limit=LONGEST_LIST),
)

for label, place, new in (
    ("connection", "{w.connection}", "bank_connections/new"),
    ("account", "{w.account}", "{w.connection}/bank_accounts/new"),
    ("transaction", "{w.transaction}", "{w.connection}/bank_transactions/new"),
    ("archived transaction", "{w.archived}", "{w.connection}/bank_archived_transactions/new"),
    ("sync's progress", "{w.progress}", "bank_sync_progress/new"),
    ("product's state", "{w.product}", "{w.connection}/bank_products/new"),
    *((f"shared {name}", f"{name}/ins_rules", f"{name}/new") for name in SHARED),
    *((name, f"{{w.connection}}/{name}/r1", f"{{w.connection}}/{name}/new") for name in PRODUCT_ROWS),
):
    refused(f"an owner changes a field of the {label}", updates("ann", place, {"name": "x"}))
    refused(f"an owner gives the {label} away", updates("ann", place, {"app_user_id": "bob"}))
    refused(f"another takes the {label} over", updates("bob", place, {"app_user_id": "bob"}))
    refused(f"an owner deletes the {label}", deletes("ann", place))
    refused(f"a user makes a new {label}", creates("ann", new, app_user_id="{w.ann_id}"))

refused("an owner says that the history is not late", updates("ann", "{w.connection}", {"history_late": False}))

# -- the map `user` of a transaction --

NOTES: Json = {"note": "Mormors födelsedag 🎂", "category": "presents", "tags": ["family", "2026"], "hidden": False}
GOOD_NOTES: dict[str, Json] = {
    "all four": NOTES,
    "only a note": {"note": "n" * 2000},
    "only a category": {"category": "c" * 100},
    "twenty tags": {"tags": one_of_twenty("t" * 50, 19)},
    "only that it is hidden": {"hidden": True},
    "nothing at all": {},
}
for label, good in GOOD_NOTES.items():
    allowed(f"a user writes on a transaction: {label}", updates("ann", "{w.transaction}", {"user": good}))
allowed("a user takes everything they wrote back", lambda w: w.ann.update(w.transaction, {}, clears=("user",)))

BAD_NOTES: dict[str, object] = {
    "a key that is not there": {"note": "x", "colour": "red"},
    "a note that is too long": {"note": "n" * 2001},
    "a note that is a list": {"note": ["x"]},
    "a category that is too long": {"category": "c" * 101},
    "a category that is a number": {"category": 1},
    "tags that are a text": {"tags": "family"},
    "more than twenty tags": {"tags": ["t"] * 21},
    "a tag that is too long": {"tags": ["t" * 51]},
    **{f"a number as tag {i}": {"tags": one_of_twenty(1, i)} for i in range(20)},
    "a hidden that is a text": {"hidden": "yes"},
    "a note of null": {"note": None},
    "no map but a text": "x",
    "no map but null": None,
}
for label, bad in BAD_NOTES.items():
    refused(f"a user writes on a transaction: {label}", updates("ann", "{w.transaction}", {"user": bad}))
refused("a user changes an amount", lambda w: w.ann.update(w.transaction, {"amount": "0.01"}))
refused("... beside a note", lambda w: w.ann.update(w.transaction, {"amount": "0.01", "user": {"note": "x"}}))
refused("a user writes on another's transaction", lambda w: w.bob.update(w.transaction, {"user": NOTES}))
refused(
    "an unauthenticated client writes on a transaction", lambda w: w.signed_out.update(w.transaction, {"user": NOTES})
)
refused(
    "a note makes a transaction that is not there",
    lambda w: w.ann.create(f"{w.connection}/bank_transactions/new", {"user": NOTES}),
)
refused(
    "a user plants a transaction elsewhere",
    lambda w: w.bob.create(f"{w.profile}/bank_transactions/x", {"app_user_id": w.ann_id, "date": "2026-01-01"}),
)

# -- the map `user` of a recurring stream --

STREAM_NOTES: Json = {"muted": True, "name": "Musikskolan", "category": "children"}
GOOD_STREAM_NOTES: dict[str, Json] = {
    "all three": STREAM_NOTES,
    "only that it is muted": {"muted": True},
    "only a name": {"name": "n" * 100},
    "only a category": {"category": "c" * 100},
    "nothing at all": {},
}
for label, good in GOOD_STREAM_NOTES.items():
    allowed(f"a user writes on a recurring stream: {label}", updates("ann", "{w.stream}", {"user": good}))
allowed("a user takes back what they wrote on a stream", lambda w: w.ann.update(w.stream, {}, clears=("user",)))

BAD_STREAM_NOTES: dict[str, object] = {
    "a key of a transaction": {"note": "x"},
    "a muted that is a text": {"muted": "yes"},
    "a name that is too long": {"name": "n" * 101},
    "a name that is a number": {"name": 1},
    "a category that is too long": {"category": "c" * 101},
    "a category of null": {"category": None},
    "no map but a text": "x",
    "no map but null": None,
}
for label, bad in BAD_STREAM_NOTES.items():
    refused(f"a user writes on a recurring stream: {label}", updates("ann", "{w.stream}", {"user": bad}))
refused("a user changes a stream's amount", updates("ann", "{w.stream}", {"last_amount": "0.01"}))
refused("... beside what is theirs", updates("ann", "{w.stream}", {"last_amount": "0.01", "user": STREAM_NOTES}))
refused("a user writes on another's stream", updates("bob", "{w.stream}", {"user": STREAM_NOTES}))
refused("an unauthenticated client writes on a stream", updates("signed_out", "{w.stream}", {"user": STREAM_NOTES}))
refused(
    "a note makes a stream that is not there",
    lambda w: w.ann.create(f"{w.connection}/bank_recurring/new", {"user": STREAM_NOTES}),
)
for name in PRODUCT_ROWS:
    if name != "bank_recurring":
        refused(f"a user writes on {name}", updates("ann", f"{{w.connection}}/{name}/r1", {"user": STREAM_NOTES}))
    refused(
        f"a user plants {name} elsewhere",
        creates("bob", f"users/{{w.bob_id}}/{name}/x", app_user_id="{w.ann_id}"),
    )
allowed(
    "a user lists the latest months of balances",
    lambda w: w.ann.query("bank_balances", everywhere=True, owner=w.ann_id, newest="month", limit=LONGEST_LIST),
)

# -- bank_archived_transactions: notes of a replaced connection --

ARCHIVE = "bank_archived_transactions"
allowed("a user reads an archived transaction", gets("ann", "{w.archived}"))
allowed("a user lists an archive", lists("ann", ARCHIVE, below="{w.connection}", limit=LONGEST_LIST))
allowed(
    "a user lists an archive, newest first",
    lambda w: w.ann.query(ARCHIVE, parent=w.connection, newest="date", limit=LONGEST_LIST),
)
refused("a user reads another's archived transaction", gets("bob", "{w.archived}"))
refused("an unauthenticated client reads an archived transaction", gets("signed_out", "{w.archived}"))
refused("a user lists another's archive", lists("bob", ARCHIVE, below="{w.connection}", limit=LONGEST_LIST))
refused("an unauthenticated client lists an archive", lists("signed_out", ARCHIVE, below="{w.connection}", limit=1))
refused("a user lists an archive without a limit", lists("ann", ARCHIVE, below="{w.connection}"))
refused("a user lists too much of an archive", lists("ann", ARCHIVE, below="{w.connection}", limit=LONGEST_LIST + 1))
refused("a user lists all archives", lists("ann", ARCHIVE, owner="ann", everywhere=True, limit=1))
allowed(
    "a user moves an archived note to a transaction",
    lambda w: w.ann.update_all({w.transaction: {"user": {"note": "n"}}, w.archived: {"moved_to": "t1"}}),
)
allowed(
    "a user moves a note back into the archive",
    lambda w: w.ann.update_all({w.transaction: {"user": {}}, w.archived: {"user": NOTES, "moved_to": None}}),
)
refused(
    "a user moves a note to a transaction and changes its amount",
    lambda w: w.ann.update_all({w.transaction: {"user": NOTES, "amount": "1"}, w.archived: {"moved_to": "t1"}}),
)
refused("another moves an archived note", updates("bob", "{w.archived}", {"moved_to": "t1"}))
refused("an unauthenticated client moves an archived note", updates("signed_out", "{w.archived}", {"moved_to": "t1"}))
for label, wrong in (("a number", 1), ("a list", ["t1"]), ("a text that is too long", "t" * 1501)):
    refused(f"a user moves an archived note to {label}", updates("ann", "{w.archived}", {"moved_to": wrong}))
for label, bad in BAD_NOTES.items():
    refused(f"a user writes into an archive: {label}", updates("ann", "{w.archived}", {"user": bad}))
refused("a user changes the date of an archived transaction", updates("ann", "{w.archived}", {"date": "2026-01-01"}))

# -- bank_sync_progress, bank_institutions, and all private collections --

allowed("a user reads their sync's progress", lambda w: w.ann.get(w.progress))
allowed("a user lists their syncs' progress", lambda w: w.ann.query("bank_sync_progress", owner=w.ann_id))
refused("a user reads another's progress", lambda w: w.bob.get(w.progress))
refused("an unauthenticated client reads a sync's progress", lambda w: w.signed_out.get(w.progress))
refused("a user lists everybody's progress", lambda w: w.ann.query("bank_sync_progress"))
refused("a user lists another's progress", lambda w: w.bob.query("bank_sync_progress", owner=w.ann_id))

for name in SHARED:
    allowed(f"any signed-in user reads one of the {name}", gets("cleo", f"{name}/ins_rules"))
    refused(f"an unauthenticated client reads one of the {name}", gets("signed_out", f"{name}/ins_rules"))
    refused(f"a user lists the {name}", lists("cleo", name))
    refused(f"a user lists one of the {name}", lists("cleo", name, limit=1))
    refused(f"a user counts the {name}", lists("cleo", name, count=True))
    refused(f"a user lists the {name} everywhere", lists("cleo", name, everywhere=True, limit=1))
    refused(f"an unauthenticated client lists the {name}", lists("signed_out", name, limit=1))
    refused(
        f"a user lists the one with a certain name of the {name}",
        lists("cleo", name, named=f"{name}/ins_rules", limit=1),
    )
    refused(f"a user lists the {name} by REST's own method", gets("cleo", f"{name}?pageSize=1"))

for name in PRIVATE:
    place = name + "/{w.connection_id}"
    refused(f"a user reads {name}", gets("ann", place))
    refused(f"a user lists their {name}", lists("ann", name, owner="ann"))
    refused(f"a user lists {name} everywhere", lists("ann", name, owner="ann", everywhere=True))
    refused(f"a user changes {name}", updates("ann", place, {"secret": "x"}))
    refused(f"a user deletes from {name}", deletes("ann", place))
    refused(f"a user adds to {name}", creates("ann", f"{name}/new", app_user_id="{w.ann_id}"))


@pytest.mark.parametrize("act", [pytest.param(act, id=sentence) for sentence, act in ALLOWED])
def test_allowed(world: World, act: Act) -> None:
    answer = act(world)
    # Reading a missing document that the rules allow is a 404, not a refusal.
    assert answer.status_code in {200, 404}, answer.text


@pytest.mark.parametrize("act", [pytest.param(act, id=sentence) for sentence, act in REFUSED])
def test_refused(world: World, act: Act) -> None:
    answer = act(world)
    assert answer.status_code == 403, answer.text
    assert "PERMISSION_DENIED" in answer.text


def test_list_returns_existing_documents(world: World) -> None:
    answer = world.ann.query("bank_transactions", everywhere=True, owner=world.ann_id, newest="date", limit=1)
    names = [row["document"]["name"] for row in answer.json() if "document" in row]
    assert names == [f"{ROOT}/{world.transaction}"]


def test_another_users_document_answers_like_one_that_does_not_exist(world: World) -> None:
    for path in (world.connection, world.account, world.transaction, world.progress):
        missing = path.replace(world.connection_id, uuid.uuid4().hex)
        theirs, nothing = world.bob.get(path), world.bob.get(missing)
        assert theirs.status_code == nothing.status_code == 403
        assert _without_place(theirs) == _without_place(nothing)
    for listed in ("bank_accounts", "bank_transactions"):
        for owner in (None, world.bob_id, world.ann_id):
            theirs = world.bob.query(listed, parent=world.connection, owner=owner, limit=1)
            nothing = world.bob.query(listed, parent=f"bank_connections/{uuid.uuid4().hex}", owner=owner, limit=1)
            assert theirs.status_code == nothing.status_code
            assert not any("document" in row for row in theirs.json())


def _without_place(answer: httpx.Response) -> str:
    """The status of the error; the emulator's message also names the line of the rules."""
    return str(answer.json()["error"]["status"])


def test_owner_of_a_removed_connection_lists_nothing_below_it(world: World) -> None:
    world.backend.delete(world.connection).raise_for_status()
    assert world.ann.query("bank_transactions", parent=world.connection, limit=1).status_code == 403


def test_every_part_of_every_rule_evaluates_to_both_outcomes(world: World, stack: Stack, http: httpx.Client) -> None:
    for _, act in (*ALLOWED, *REFUSED):
        world.restore()
        act(world)
    url = f"{stack.ports.url('firestore')}/emulator/v1/projects/{PROJECT}:ruleCoverage"
    coverage = http.get(url).raise_for_status().json()
    rules = coverage["rules"]["files"][0]["content"]
    conditions = re.findall(r"^\s*(?:allow|function)\b", rules, flags=re.MULTILINE)
    assert len(coverage["report"]) == len(conditions)
    missing = [
        f"line {place['line']}: {what}: {' '.join(rules[place['currentOffset'] : place['endOffset'] + 1].split())}"
        for report in coverage["report"]
        for place, what in _missing(report)
    ]
    assert not missing, "\n".join(dict.fromkeys(missing))


def _missing(report: Json) -> Iterator[tuple[Json, str]]:
    """Unreached outcomes of an expression and its children. An error is a refusal; no value is no evaluation."""
    values = [found["value"] for found in report.get("values", []) if found["value"]]
    if not values:
        yield report["sourcePosition"], "never evaluated"
    elif any("boolValue" in value for value in values):
        held = {value.get("boolValue") is True for value in values}
        if held == {True} or held == {False}:
            yield report["sourcePosition"], "always held" if held == {True} else "never held"
    for child in report.get("children", []):
        yield from _missing(child)
