"""What the stories need from the outside, in our words. Adapters fulfil these; tests have fakes for them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from shared.domain.account import Account
from shared.domain.audit import AuditEntry, AuditHead, ChainedEntry
from shared.domain.audit_chain import Checkpoint
from shared.domain.connection import BankConnection, SealedToken
from shared.domain.credentials import KeptToken
from shared.domain.erasure import Erasure
from shared.domain.errors import ProviderError
from shared.domain.exchange import Intent
from shared.domain.health import Ailing, Health
from shared.domain.hosted_link import LinkOutcome, LinkResult
from shared.domain.institution import InstitutionInfo
from shared.domain.notification import Notification
from shared.domain.pause import Pauses
from shared.domain.progress import RunRecord
from shared.domain.push import PushMessage, Receipt
from shared.domain.removal import Removal
from shared.domain.secret import Secret
from shared.domain.sync_state import SyncState
from shared.domain.transaction import Page, Transaction

Version = object
"""When a document was last written, opaque: what a compare-and-set compares."""


class Clock(Protocol):
    """The time, aware, in UTC."""

    def now(self) -> datetime: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """What a link token is asked for. `access_token` makes it update mode.

    For `products` data is fetched from the beginning; for `consent_products` the user only consents. `hosted`: Plaid
    is to show Link on a page of its own, and to send the browser to `completion_redirect_uri` afterwards.
    """

    app_user_id: str
    language: str
    country_codes: tuple[str, ...]
    products: tuple[str, ...] = ()
    consent_products: tuple[str, ...] = ()
    webhook_url: str | None = None
    redirect_uri: str | None = None
    android_package_name: str | None = None
    access_token: "Secret | None" = None
    account_selection: bool = False
    hosted: bool = False
    completion_redirect_uri: str | None = None


@dataclass(frozen=True, slots=True)
class LinkToken:
    """A token that starts Link, and until when; with Hosted Link also the page that does."""

    link_token: str
    expiration: str
    hosted_link_url: str | None = None


@dataclass(frozen=True, slots=True)
class NewItem:
    """What an exchange answers."""

    access_token: Secret
    item_id: str


@dataclass(frozen=True, slots=True)
class InstitutionPage:
    """A page of Plaid's list; `size` counts those that could not be read, too, and `total` is over all pages."""

    institutions: list[InstitutionInfo]
    size: int
    total: int


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What Plaid says about an item; `accounts` is empty where only the item was asked for.

    `error` is what the item itself suffers from. `last_update` is when Plaid last read transactions at the bank, and
    `last_webhook` when it last told us of something.
    """

    item_id: str
    institution_id: str | None
    institution_name: str | None
    webhook_url: str | None
    consent_expiration_time: datetime | None
    accounts: list[Account] = field(default_factory=list)
    error: ProviderError | None = None
    last_update: datetime | None = None
    last_webhook: datetime | None = None


class Bank(Protocol):
    """Plaid. Every method raises ProviderError (a BankError), translated, and nothing else."""

    def create_link_token(self, request: LinkRequest) -> LinkToken: ...  # noqa: D102
    def exchange(self, public_token: str) -> NewItem: ...  # noqa: D102
    def accounts(self, access_token: Secret) -> ItemFacts: ...  # noqa: D102
    def item(self, access_token: Secret) -> ItemFacts: ...  # noqa: D102
    def changes(self, access_token: Secret, *, cursor: str | None) -> Page: ...  # noqa: D102
    def institution(self, institution_id: str, *, country_codes: tuple[str, ...]) -> InstitutionInfo: ...  # noqa: D102
    def institutions(self, *, country_codes: tuple[str, ...], offset: int, count: int) -> InstitutionPage: ...  # noqa: D102
    def refresh(self, access_token: Secret) -> None: ...  # noqa: D102
    def set_webhook(self, access_token: Secret, url: str) -> None: ...  # noqa: D102
    def remove(self, access_token: Secret) -> bool:
        """Removes the item; False if Plaid does not know it (any more), which is as good."""

    def invalidate(self, access_token: Secret) -> Secret:
        """A new access token; the old one is dead at once. An error that `may_have_happened` leaves that open."""


class Vault(Protocol):
    """Seals access tokens, bound to owner and connection. Fails closed."""

    def seal(self, token: Secret, *, app_user_id: str, connection_id: str, generation: int = 1) -> SealedToken:
        """A sealed token; `generation` is one more than that of the sealed token whose place it takes.

        Raises:
            BankError: There is no key, or whoever keeps it does not answer.
        """

    def sealer(self, *, app_user_id: str, connection_id: str, generation: int = 1) -> Callable[[Secret], SealedToken]:
        """A seal made ready: what has to be asked outside is asked now, so that sealing itself asks nobody.

        Raises:
            BankError: There is no key, or whoever keeps it does not answer.
        """

    def open(self, sealed: SealedToken, *, app_user_id: str, connection_id: str) -> Secret:
        """The token.

        Raises:
            ProviderError: It does not open here, which is an operator's matter; or the key's keeper does not answer.
        """

    def newest_key(self) -> str:
        """The id of the key version that seals now.

        Raises:
            BankError: As above.
        """


@dataclass(frozen=True, slots=True)
class StoredSeal:
    """A sealed token where it lies; `place` names the document."""

    place: str
    app_user_id: str
    connection_id: str
    sealed: SealedToken
    version: Version


class Seals(Protocol):
    """Sealed access tokens, wherever they lie."""

    def older(self, newest: str, *, after: StoredSeal | None, limit: int) -> list[StoredSeal]:
        """Those that another key version than the newest has sealed, in an order of their own, beginning after one."""

    def replace(self, stored: StoredSeal, sealed: SealedToken) -> None:
        """Puts another one into its place.

        Raises:
            Conflict: The place changed, or is gone.
        """


class SyncQueue(Protocol):
    """The queue that runs syncs. `name` makes a second enqueue of the same run a no-op."""

    def enqueue(self, connection_id: str, *, name: str, welcome: bool = False) -> None:
        """Adds a task. `welcome` asks it to set the connection up first: its trigger was lost."""


class TaskFunction(StrEnum):
    """The task queues, by their functions' names."""

    HANDLE_WEBHOOK = "handlewebhook"
    CHECK_ITEM = "checkitem"
    CHECK_ITEMS = "checkitems"
    REMOVE_ITEM = "removeitem"
    ERASE_DATA = "erasedata"
    ROTATE_TOKEN = "rotatetoken"  # noqa: S105 (a name)
    EXCHANGE_LINK = "exchangelink"


class Tasks(Protocol):
    """The other queues."""

    def add(self, function: TaskFunction, payload: Mapping[str, Any], *, name: str) -> None:
        """Adds a task; one whose name was used already is there, or was.

        Raises:
            Unavailable: The queue did not take it.
        """


class Connections(Protocol):
    """The connections and what belongs to them."""

    def find(self, connection_id: str) -> BankConnection | None: ...  # noqa: D102
    def find_by_item(self, item_id: str) -> BankConnection | None: ...  # noqa: D102
    def of_user(self, app_user_id: str, *, institution_id: str) -> list[BankConnection]: ...  # noqa: D102
    def owned_by(self, app_user_id: str) -> list[BankConnection]: ...  # noqa: D102
    def at_institution(self, institution_id: str) -> list[str]:
        """Ids of the connections to an institution."""

    def page(self, *, after: str | None, limit: int) -> list[tuple[str, str]]:
        """Ids of connections and of their owners, in the order of the former, beginning after one."""

    def accounts_of(self, connection_id: str) -> list[Account]: ...  # noqa: D102
    def credentials(self, connection_id: str) -> SealedToken | None: ...  # noqa: D102
    def create(
        self,
        connection: BankConnection,
        *,
        token: SealedToken,
        accounts: Iterable[Account],
        state: SyncState,
        settles: tuple[Intent, Version],
        audit: AuditEntry,
        guard: Version | None = None,
    ) -> None:
        """Writes the connection and all that must exist with it in one commit.

        Raises:
            Conflict: The intent changed since it was read, or a connection of this user to this institution was made
                since `guard` was, or another audit entry of this user came first.
        """

    def guard(self, app_user_id: str, *, institution_id: str) -> Version | None:
        """Changes with every connection of a user to an institution; None before the first."""

    def describe(self, connection_id: str, changes: dict[str, Any]) -> bool:
        """Merges descriptive fields into a connection that exists; False if it does not."""


class Credentials(Protocol):
    """The access tokens, and their replacement."""

    def load(self, connection_id: str) -> tuple[KeptToken, Version] | None: ...  # noqa: D102
    def save(self, kept: KeptToken, *, expected: Version, audit: Sequence[AuditEntry] = ()) -> Version:
        """Writes it, and what is to be told of it, if it is unchanged.

        Raises:
            Conflict: It changed or is gone, or another audit entry of this user came first.
        """

    def bury(self, connection_id: str, token: SealedToken, *, now: datetime) -> None:
        """The connection is being removed, and only this token can remove its item: puts it into the tombstone.

        Raises:
            Conflict: There is none (any more).
        """

    def due(self, now: datetime, *, limit: int) -> list[tuple[KeptToken, Version]]:
        """What the schedule must look at, longest due first."""

    def issued_before(self, moment: datetime) -> Iterator[KeptToken]:
        """Tokens that are older, oldest first."""

    def of_user(self, app_user_id: str) -> list[KeptToken]: ...  # noqa: D102


class Intents(Protocol):
    """Exchanges under way and done."""

    def begin(self, intent: Intent) -> tuple[Intent, Version, bool]:
        """Stores the intent unless there is one; returns the stored one and whether it is new."""

    def find(self, intent_id: str) -> tuple[Intent, Version] | None: ...  # noqa: D102
    def update(
        self,
        intent: Intent,
        *,
        expected: Version,
        audit: AuditEntry | None = None,
        tells: Notification | None = None,
    ) -> Version:
        """Writes the intent if it is unchanged, with an audit entry and what its user is told.

        Raises:
            Conflict: It changed, or is gone; or another audit entry of this user came first.
        """

    def forget(self, intent_id: str, *, expected: Version) -> None:
        """Removes the intent if it is unchanged.

        Raises:
            Conflict: It changed, or is gone.
        """

    def due(self, now: datetime, *, limit: int) -> list[tuple[Intent, Version]]:
        """The intents that the sweep must look at, longest due first."""

    def of_user(self, app_user_id: str) -> list[tuple[Intent, Version]]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Loaded:
    """A sync's state as it was read, with the version to compare against."""

    state: SyncState
    version: Version


@dataclass(frozen=True, slots=True)
class Writes:
    """What a commit of a run writes besides state and progress.

    Rows in `marked` bear the run's number afterwards, all other upserts bear none. Those in `new` are probably not
    there yet, which makes writing them cheaper; if one is, nothing else differs. `ready` holds rows by id as `ready`
    made them. A row's `user` map is never
    touched, except by `removals`. `connection` holds fields of the connection document. `removal` begins one.
    `handled` names webhook deliveries that this settles. `handover` is for the continuation, until `ends_handover`.
    `credentials` are as they are to be, if they are unchanged since that version. `ends_run` puts the run on record.
    """

    upserts: tuple[Transaction, ...] = ()
    marked: frozenset[str] = frozenset()
    new: frozenset[str] = frozenset()
    ready: Mapping[str, Any] = field(default_factory=dict)
    removals: tuple["RowRemoval", ...] = ()
    accounts: tuple[Account, ...] = ()
    gone_accounts: tuple[str, ...] = ()
    connection: dict[str, Any] | None = None
    notifications: tuple[Notification, ...] = ()
    audit: tuple[AuditEntry, ...] = ()
    removal: Removal | None = None
    credentials: tuple[KeptToken, Version] | None = None
    handled: tuple[str, ...] = ()
    handover: "Handover | None" = None
    ends_handover: bool = False
    ends_run: bool = False


@dataclass(frozen=True, slots=True)
class RowRemoval:
    """A row that goes, as it is in the store: refused if the user writes on it meanwhile.

    `notes` is what the user wrote on it. `successor` is the row that takes its place, unless that one bears notes.
    """

    transaction_id: str
    version: Version
    notes: dict[str, Any] | None = None
    successor: str | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Handover:
    """What a continuation needs to know of the pages before it."""

    removed: tuple[str, ...]
    successors: dict[str, str]


class Syncs(Protocol):
    """Sync states, and the commits that move them."""

    def load(self, connection_id: str) -> Loaded | None: ...  # noqa: D102
    def save(self, state: SyncState, *, expected: Version, writes: Writes = Writes()) -> Version:
        """Writes state, progress and everything else at once, if the state is unchanged.

        Raises:
            Conflict: Somebody else wrote the state; nothing of this was written (or all of it, if only the answer
                of an earlier try was lost: the state tells).
            CommitTooLarge: Write it in parts.
        """

    def due(self, now: datetime, *, limit: int) -> list[Loaded]:
        """The states that the schedule must look at, longest due first."""

    def marked(self, connection_id: str, runs: Iterable[int]) -> set[str]:
        """Ids of rows that still bear the mark of one of these runs."""

    def transaction_ids(self, connection_id: str) -> set[str]:
        """Ids of all rows of a connection."""

    def rows_of(self, connection_id: str, account_id: str) -> set[str]:
        """Ids of all rows of an account."""

    def removals(
        self, connection_id: str, transaction_ids: Iterable[str], *, successors: Mapping[str, str]
    ) -> tuple[RowRemoval, ...]:
        """The rows of these that are in the store, ready to be removed."""

    def ready(self, connection_id: str, app_user_id: str, rows: Sequence[Transaction]) -> Mapping[str, Any]:
        """Rows by id as `save` would have to make them, made ahead; pure, and safe in any thread."""

    def unchanged(self, connection_id: str, rows: Sequence[Transaction], *, dirty: Collection[int]) -> set[str]:
        """Ids of rows that are in the store just so, and bear no mark of these runs."""

    def handover(self, connection_id: str) -> Handover | None:
        """What the run before left to its continuation."""

    def runs(self, connection_id: str) -> list[RunRecord]:
        """The runs that ended in the last months, oldest first."""


class HealthFigures(Protocol):
    """How the connections are, over all of them."""

    def count(self, now: datetime) -> Health:
        """The counts."""

    def ailing(self, *, limit: int) -> list[Ailing]:
        """Some that are not as they should be: first those that need their user."""


class PausedSyncs(Protocol):
    """What operators have paused."""

    def load(self) -> tuple[Pauses, Version | None]:
        """Without a version if nothing was ever paused."""

    def save(self, pauses: Pauses, *, expected: Version | None) -> None:
        """Writes it if it is unchanged.

        Raises:
            Conflict: It changed.
        """


class AuditLog(Protocol):
    """The audit logs, for whoever signs and checks them; entries are written with what they record."""

    def write_down(self, entry: AuditEntry) -> None:
        """Writes an entry that records nothing but itself: what an operator is about to do.

        Raises:
            Unavailable: The store did not answer.
        """

    def unsigned(self, now: datetime, *, limit: int) -> list[str]:
        """Users whose log has grown since it was signed, and whose time has come."""

    def head(self, app_user_id: str) -> tuple[AuditHead, Version | None]:
        """Where a log ends; without a version if there is none."""

    def add_checkpoint(self, checkpoint: Checkpoint, *, expected: Version) -> None:
        """Stores where a log stood.

        Raises:
            Conflict: It has grown since.
        """

    def entries(self, app_user_id: str) -> Iterable[tuple[int, ChainedEntry]]:
        """The entries, each with the number that it is stored under."""

    def checkpoints(self, app_user_id: str) -> list[Checkpoint]: ...  # noqa: D102


class Signer(Protocol):
    """Signs checkpoints."""

    def sign(self, checkpoint: Checkpoint) -> Checkpoint: ...  # noqa: D102
    def is_signed(self, checkpoint: Checkpoint) -> bool: ...  # noqa: D102


class Removals(Protocol):
    """Connections that are being removed."""

    def begin(self, removal: Removal, *, audit: AuditEntry) -> Removal:
        """Takes the connection away in one commit, and leaves the tombstone, with its credentials in it.

        From then on no commit of anybody's sync state is taken. Returns the removal as it was stored.

        Raises:
            Conflict: The connection is gone, or its credentials changed in this moment, or another audit entry of
                this user came first.
        """

    def begin_exchange(self, removal: Removal, intent: tuple[Intent, Version], *, audit: AuditEntry) -> None:
        """Moves the token of an exchange that became no connection into a tombstone; its intent goes.

        Raises:
            Conflict: The intent changed, or another audit entry of this user came first.
        """

    def take_credentials(self, removal: Removal, *, expected: Version) -> tuple[Removal, Version]:
        """Moves the credentials, if there are any, into the tombstone.

        Raises:
            Conflict: The tombstone or the credentials changed.
        """

    def find(self, connection_id: str) -> tuple[Removal, Version] | None: ...  # noqa: D102
    def due(self, now: datetime, *, limit: int) -> list[tuple[Removal, Version]]:
        """What the schedule must see to, longest due first."""

    def of_user(self, app_user_id: str) -> list[Removal]: ...  # noqa: D102

    def update(self, removal: Removal, *, expected: Version) -> Version:
        """Writes the tombstone if it is unchanged.

        Raises:
            Conflict: It changed, or is gone.
        """

    def finish(self, removal: Removal, *, expected: Version, audit: AuditEntry) -> None:
        """Deletes the tombstone if it is unchanged.

        Raises:
            Conflict: It changed, or is gone, or another audit entry of this user came first.
        """


class Remains(Protocol):
    """What connections and their users leave behind; deleted in bounded steps, and again if that was broken off."""

    def purge(self, removal: Removal) -> None:
        """Deletes all that belongs to a connection, but what is to tell its user why it went, where that is kept."""

    def purge_user(self, app_user_id: str, *, before: datetime) -> None:
        """Deletes what a user has besides connections and exchanges, as far as it was there at that moment."""


class Erasures(Protocol):
    """Users whose bank data is being erased."""

    def begin(self, erasure: Erasure, *, audit: AuditEntry) -> Erasure:
        """Stores an erasure, with its entry; or extends the one that is under way. Returns what is stored.

        Raises:
            Conflict: Somebody else did so in this moment, or another audit entry of this user came first.
        """

    def find(self, app_user_id: str) -> tuple[Erasure, Version] | None: ...  # noqa: D102
    def due(self, now: datetime, *, limit: int) -> list[tuple[Erasure, Version]]:
        """What the schedule must see to, longest due first."""

    def update(self, erasure: Erasure, *, expected: Version) -> Version:
        """Writes it if it is unchanged.

        Raises:
            Conflict: It changed, or is gone.
        """

    def finish(self, erasure: Erasure, *, expected: Version, audit: AuditEntry) -> None:
        """Deletes it if it is unchanged.

        Raises:
            Conflict: It changed, or is gone, or another audit entry of this user came first.
        """


class Owners(Protocol):
    """Who of the users is there still."""

    def gone(self, app_user_ids: Sequence[str]) -> set[str]:
        """Those whom Firebase Auth says it does not know. Disabled users are known.

        Raises:
            Unavailable: It could not be asked about all of them.
        """


class Institutions(Protocol):
    """The shared cache of institutions, and who is fetching one for it."""

    def find(self, institution_id: str) -> InstitutionInfo | None: ...  # noqa: D102
    def put(self, institution: InstitutionInfo) -> None: ...  # noqa: D102
    def stale(self, before: datetime, *, limit: int) -> list[InstitutionInfo]:
        """What was fetched before a moment, longest ago first."""

    def claim(self, institution_id: str, *, now: datetime, until: datetime) -> Version | None:
        """Takes the right to fetch one; None while somebody else has it."""

    def release(self, institution_id: str, *, expected: Version) -> None:
        """Gives the right back, unless somebody else has taken it since."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook as it arrived; `due_at` is when the schedule must see to it, None once nothing is left to do.

    `trace` is that of its arrival.
    """

    delivery_id: str
    body: dict[str, Any]
    received_at: datetime
    connection_id: str | None = None
    due_at: datetime | None = None
    trace: str | None = None


class Inbox(Protocol):
    """Webhooks as they arrived."""

    def record(self, delivery: Delivery) -> bool:
        """Stores a delivery unless it is there; returns whether it is new."""

    def find(self, delivery_id: str) -> Delivery | None: ...  # noqa: D102
    def waiting(self, connection_id: str) -> list[Delivery]:
        """What nobody has handled yet of a connection, oldest first."""

    def of_connection(self, connection_id: str) -> list[Delivery]:
        """Everything that came about a connection, as far as it is kept, oldest first."""

    def due(self, now: datetime, *, limit: int) -> list[Delivery]:
        """What the schedule must see to, longest due first."""

    def since(self, moment: datetime) -> Iterator[Delivery]:
        """Everything from a moment on, in the order of arrival."""

    def settle(self, delivery_id: str) -> None:
        """Nothing is left to do; harmless if it is gone."""

    def forget(self, delivery_id: str) -> None:
        """It was about a connection that is gone; so it goes, too."""


class Profiles(Protocol):
    """What users set for themselves."""

    def find(self, app_user_id: str) -> "Profile": ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Profile:
    """A user's language and countries, as they wrote them: anything at all. None means the default."""

    language: object = None
    country_codes: object = None


class Limits(Protocol):
    """Rate limits per user."""

    def spend(self, app_user_id: str, action: str, *, per_minute: int, now: datetime) -> int | None:
        """Counts one call. None if it passes, else the seconds to wait; a refused call is not counted."""


class Callers(Protocol):
    """Who calls."""

    def verify(self, id_token: str) -> str:
        """The uid that Firebase vouches for.

        Raises:
            Unauthenticated: It does not; or the user is disabled, or signed out everywhere since.
            Unavailable: Firebase could not be asked.
        """

    def verify_app(self, app_token: str) -> str:
        """The id of the app that Firebase App Check vouches for.

        Raises:
            Unauthenticated: It does not.
            Unavailable: Firebase could not be asked.
        """


class Pushes(Protocol):
    """Which push messages were sent, and the devices of a user."""

    def tokens(self, app_user_id: str) -> object:
        """The devices' tokens as the user's app wrote them: anything at all."""

    def claim(self, app_user_id: str, notification_id: str, *, now: datetime) -> bool:
        """Notes that a message is being sent, for good; False if that was noted before."""

    def drop_tokens(self, app_user_id: str, tokens: Sequence[str]) -> None:
        """Takes these tokens, and no others, from the user's document."""


class Messaging(Protocol):
    """Push messages to devices."""

    def send(self, message: PushMessage, *, tokens: Sequence[str]) -> list[Receipt]:
        """Tries once per token, of which there is at least one; what became of each, in their order. Never raises."""


class Links(Protocol):
    """Sessions of Hosted Link, and the public tokens that came of them."""

    def remember(self, link_token: str, *, app_user_id: str, now: datetime) -> None:
        """Notes for whom a link token was made."""

    def owner(self, link_token: str) -> str | None:
        """For whom a link token was made, if that was noted."""

    def keep(self, result: LinkResult) -> bool:
        """Stores a result unless there is one; returns whether it is new."""

    def result(self, result_id: str) -> LinkResult | None: ...  # noqa: D102
    def settle(self, result_id: str, outcome: LinkOutcome, *, connection_id: str | None) -> None:
        """Notes what became of it, and forgets the public token."""
