"""Fakes of the external services; the contract tests run over these and the real adapters to keep them equivalent.

`FakePlaid` is a change log that follows Plaid's rules; `FakeStore` compares and sets like Firestore. Both count their
calls, and can fail or run a hook before or after any call, by number: this injects crashes.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.adapters.plaid.errors import BY_CODE, BY_CODE_OF_A_SYNC
from shared.domain.account import Account, BalancesSource
from shared.domain.audit import AuditEntry, AuditHead, ChainedEntry
from shared.domain.audit_chain import Checkpoint
from shared.domain.connection import BankConnection, SealedToken
from shared.domain.credentials import StoredAccessToken
from shared.domain.errors import (
    Conflict,
    CursorRejected,
    ErrorClass,
    ErrorKind,
    PagingInterrupted,
    ProviderError,
    Unavailable,
    VaultError,
)
from shared.domain.exchange import Intent
from shared.domain.history_move import HistoryMove
from shared.domain.hosted_link import LinkOutcome, LinkResult, LinkSession
from shared.domain.inherited_notes import label_of
from shared.domain.institution import InstitutionInfo
from shared.domain.institution_health.evidence import PlaidStatus
from shared.domain.item import ItemHolder
from shared.domain.notification import Notification
from shared.domain.pause import Pauses
from shared.domain.plaid_token import PlaidToken
from shared.domain.products.product_progress import ProductProgress
from shared.domain.progress import RunRecord
from shared.domain.push import PushMessage, PushOutcome, Receipt, TokenHolders
from shared.domain.region import Region
from shared.domain.removal import Removal
from shared.domain.set_aside import SetAsideRow
from shared.domain.storable import is_document_id
from shared.domain.sync_state import SyncState
from shared.domain.transaction import History, Page, Transaction
from shared.ports import (
    Delivery,
    Devices,
    Guards,
    Handover,
    InstitutionPage,
    ItemFacts,
    LinkRequest,
    LinkToken,
    Loaded,
    LoadedProduct,
    Mark,
    NewItem,
    OwnedAccount,
    Profile,
    StoredArchive,
    StoredRow,
    TaskFunction,
    Version,
    Write,
)
from shared.usecases.enqueue import BALANCES
from tests.fake_balances import FakeBalances
from tests.fake_sync_writes import Written, compare, put

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class FakeClock:
    """A clock that is moved by hand, and advances a millisecond at each reading."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        self.at += MILLISECOND
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


MISDIRECTED: list[str] = []
"""Canary: tokens that a test sent with another region's keys. Every test of a use case fails if there is one."""


class Crash(BaseException):
    """The process dies here: no code may catch it."""


@dataclass
class Calls:
    """Every external call of a run passes here."""

    log: list[str] = field(default_factory=list)
    crash_before: int | None = None
    crash_after: int | None = None
    before: Callable[[str], None] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        with self._lock:
            number = len(self.log)
            self.log.append(name)
        if number == self.crash_before:
            raise Crash(name)
        try:
            if self.before is not None:
                self.before(name)
            return call()
        finally:
            if number == self.crash_after:
                raise Crash(name)


def row(transaction_id: str, **changes: Any) -> Transaction:
    """An ordinary transaction."""
    plain: Transaction = {
        "transaction_id": transaction_id,
        "account_id": "checking",
        "date": "2026-02-01",
        "authorized_date": None,
        "datetime": None,
        "authorized_datetime": None,
        "amount": "12.34",
        "amount_value": 12.34,
        "iso_currency_code": "USD",
        "unofficial_currency_code": None,
        "name": "Coffee",
        "merchant_name": None,
        "merchant_entity_id": None,
        "pending": False,
        "pending_transaction_id": None,
        "payment_channel": "in store",
        "category": None,
        "category_icon_url": None,
        "counterparties": [],
        "location": None,
        "logo_url": None,
        "website": None,
        "check_number": None,
        "original_description": None,
        "transaction_code": None,
        "account_owner": None,
    }
    return {**plain, **changes}  # type: ignore[typeddict-item]


def account(account_id: str = "checking", *, name: str = "Checking", mask: str = "0000") -> Account:
    """An ordinary account."""
    return {
        "account_id": account_id,
        "name": name,
        "official_name": None,
        "mask": mask,
        "type": "depository",
        "subtype": "checking",
        "balances": {
            "current": "110",
            "available": "100",
            "limit": None,
            "iso_currency_code": "USD",
            "unofficial_currency_code": None,
        },
        "persistent_account_id": None,
        "duplicate_of": None,
    }


def institution(
    institution_id: str = "ins_1",
    *,
    name: str = "First Bank",
    countries: tuple[str, ...] = ("US",),
    at: datetime = START,
) -> InstitutionInfo:
    """An ordinary institution."""
    url = "https://bank.example"
    return InstitutionInfo(institution_id=institution_id, name=name, url=url, country_codes=countries, fetched_at=at)


@dataclass
class FakeItem:
    """One item at the bank: an append-only log of changes."""

    item_id: str
    institution_id: str = "ins_1"
    institution_name: str | None = None
    accounts: list[Account] = field(default_factory=lambda: [account()])
    accounts_on_pages: list[Account] | None = None  # those with transactions, if not all; with none, pages are empty
    log: list[tuple[str, str, Transaction | SetAsideRow | None]] = field(default_factory=list)  # kind, id, row
    ready: History = History.COMPLETE
    error: ProviderError | None = None  # the item's own error
    refuses_data: ProviderError | None = None  # data calls are answered with it, but the item does not report it
    consent_expiration_time: datetime | None = None
    update_type: str | None = None
    auth_method: str | None = None
    last_update: datetime | None = None
    last_failed_update: datetime | None = None
    refuses_live: ProviderError | None = None  # calls that ask the bank while they wait are answered with it
    last_webhook: datetime | None = None
    account_revoked_at: datetime | None = None
    region: Region = Region.US  # the key pair that made the item
    epoch: int = 0  # incremented when data changes between pages

    def add(self, *rows: Transaction) -> None:
        self.log += [("added", r["transaction_id"], r) for r in rows]

    def modify(self, *rows: Transaction) -> None:
        self.log += [("modified", r["transaction_id"], r) for r in rows]

    def remove(self, *ids: str) -> None:
        self.log += [("removed", i, None) for i in ids]

    def spoil(self, *ids: str, account_id: str | None = "checking", unusable: str = "amount") -> None:
        """Send a row, new or known, without one of its required fields."""
        known = {i for kind, i, _ in self.log if kind == "added"}
        for i in ids:
            odd = SetAsideRow.of({"transaction_id": i, "account_id": account_id}, field=unusable)
            self.log.append(("modified" if i in known else "added", i, odd))

    def truth(self) -> dict[str, Transaction]:
        return {i: changed for i, changed in self._latest().items() if isinstance(changed, dict)}

    def spoiled(self) -> set[str]:
        """Ids of the rows that cannot be stored as they are."""
        return {i for i, changed in self._latest().items() if isinstance(changed, SetAsideRow)}

    def _latest(self) -> dict[str, Transaction | SetAsideRow | None]:
        latest: dict[str, Transaction | SetAsideRow | None] = {}
        for _, transaction_id, changed in self.log:
            latest.pop(transaction_id, None)
            latest[transaction_id] = changed
        return latest


class FakePlaid:
    """Plaid, as far as the use cases need it."""

    def __init__(self, clock: FakeClock, calls: Calls | None = None) -> None:
        self.clock = clock
        self.calls = calls or Calls()
        self.items: dict[str, FakeItem] = {}  # by access token
        self.public_tokens: dict[str, str] = {}  # public token -> access token
        self.removed: list[str] = []
        self.dead_tokens: set[str] = set()
        self.errors: dict[str, list[ProviderError]] = {}  # by method: raised one after the other
        self.region = Region.US  # the key pair of new items
        self.page_rows = 2
        self.names_vanished_rows = False  # whether a row added and removed between two reads is reported as removed
        self.mutate_at_page: Callable[[int], None] | None = None
        self.link_requests: list[LinkRequest] = []
        self.catalogue: dict[str, InstitutionInfo] = {}  # without an entry, every institution is the first bank
        self.statuses: dict[str, PlaidStatus] = {}  # without an entry, Plaid reports no status
        self.asked_for_status: list[tuple[str, Region]] = []
        self.on_page: Callable[[], None] | None = None
        self.on_refresh: Callable[[], None] | None = None
        self._updates = itertools.count(1)

    def by_id(self, item_id: str) -> FakeItem:
        return next(item for item in self.items.values() if item.item_id == item_id)

    def item_at(self, token: str) -> FakeItem:
        return self.items[token]

    def new_item(self, name: str = "1", **kwargs: Any) -> FakeItem:
        item = FakeItem(item_id=f"item-{name}", **{"region": self.region} | kwargs)
        self.items[f"token-{name}"] = item
        self.public_tokens[f"public-{name}"] = f"token-{name}"
        return item

    def update_mode(self, name: str = "1") -> str:
        """Complete Link's update mode for an item, which issues a public token of the existing item."""
        public_token = f"public-update-{name}-{next(self._updates)}"
        self.public_tokens[public_token] = f"item-{name}"
        return public_token

    def fail(self, method: str, *errors: ProviderError) -> None:
        self.errors.setdefault(method, []).extend(errors)

    def _call(self, method: str, call: Callable[[], Any]) -> Any:
        def run() -> Any:
            if self.errors.get(method):
                raise self.errors[method].pop(0)
            return call()

        return self.calls.around(f"bank.{method}", run)

    def _item(self, token: PlaidToken) -> FakeItem:
        self._check_keys(token, self.items.get(token.reveal()), "INVALID_ACCESS_TOKEN")
        if token.reveal() in self.dead_tokens:
            raise problem(ErrorClass.TERMINAL, "INVALID_ACCESS_TOKEN")
        if token.reveal() not in self.items:
            raise problem(ErrorClass.TERMINAL, "ITEM_NOT_FOUND")
        return self.items[token.reveal()]

    def _check_keys(self, token: PlaidToken, item: FakeItem | None, refusal: str) -> None:
        """Refuses a token of the other key pair, as Plaid does, which knows it only in the team that made it."""
        if item is not None and item.region is not token.region:
            MISDIRECTED.append(f"{token.reveal()} was sent with the keys of {token.region}")
            raise problem(ErrorClass.TERMINAL, refusal)

    def create_link_token(self, request: LinkRequest) -> LinkToken:
        def call() -> LinkToken:
            if request.access_token is not None:
                self._item(request.access_token)
            self.link_requests.append(request)
            page = "https://hosted.example/link-fake" if request.hosted else None
            return LinkToken(link_token="link-fake", expiration="2026-03-01T16:00:00Z", hosted_link_url=page)

        return self._call("create_link_token", call)  # type: ignore[no-any-return]

    def exchange(self, public_token: PlaidToken) -> NewItem:
        def call() -> NewItem:
            token = self.public_tokens.get(public_token.reveal())
            if token is not None and token not in self.items:  # of update mode: the item's current token
                token = next((t for t, item in self.items.items() if item.item_id == token), None)
            if token is None:
                raise problem(ErrorClass.USER, "INVALID_PUBLIC_TOKEN")
            self._check_keys(public_token, self.items[token], "INVALID_PUBLIC_TOKEN")
            del self.public_tokens[public_token.reveal()]
            return NewItem(PlaidToken(token, public_token.region), item_id=self.items[token].item_id)

        return self._call("exchange", call)  # type: ignore[no-any-return]

    def _data_item(self, token: PlaidToken) -> FakeItem:
        item = self._item(token)
        if item.refuses_data is not None:
            raise item.refuses_data
        return item

    def accounts(self, access_token: PlaidToken) -> ItemFacts:
        return self._call("accounts", lambda: _facts(self._data_item(access_token), with_accounts=True))  # type: ignore[no-any-return]

    def item(self, access_token: PlaidToken) -> ItemFacts:
        return self._call("item", lambda: _facts(self._item(access_token), with_accounts=False))  # type: ignore[no-any-return]

    def changes(self, access_token: PlaidToken, *, cursor: str | None) -> Page:
        return self._call("changes", lambda: self._page(self._data_item(access_token), cursor))  # type: ignore[no-any-return]

    def check_transactions(self, access_token: PlaidToken) -> None:
        self._call("check_transactions", lambda: self._data_item(access_token))

    def _page(self, item: FakeItem, cursor: str | None) -> Page:
        if self.on_page is not None:
            self.on_page()
        if item.ready is History.NOT_READY:
            return Page([], [], [], [], None, has_more=False, history=History.NOT_READY)
        if item.accounts_on_pages == []:
            return Page([], [], [], [], None, has_more=False, history=item.ready)
        owner, start, at, epoch, end = (cursor or f"{item.item_id}|0|0|{item.epoch}|").split("|")
        if owner != item.item_id:
            raise problem(ErrorClass.CONFIGURATION, "INVALID_FIELD", CursorRejected)
        if self.mutate_at_page is not None:
            self.mutate_at_page(int(at))
        middle = bool(end)
        if middle and int(epoch) != item.epoch:
            raise problem(ErrorClass.TRANSIENT, "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", PagingInterrupted)
        changes = self._net(item, int(start), int(end) if middle else len(item.log))
        done = int(at) if middle else 0
        batch, rest = changes[done : done + self.page_rows], changes[done + self.page_rows :]
        stop = end or str(len(item.log))
        next_cursor = (
            f"{owner}|{start}|{done + len(batch)}|{item.epoch}|{stop}" if rest else f"{owner}|{stop}|0|{item.epoch}|"
        )
        return Page(
            added=[r for kind, _, r in batch if kind == "added" and isinstance(r, dict)],
            modified=[r for kind, _, r in batch if kind == "modified" and isinstance(r, dict)],
            removed=[i for kind, i, _ in batch if kind == "removed" and is_document_id(i)],
            set_aside=tuple(r for _, _, r in batch if isinstance(r, SetAsideRow)),
            removed_aside=tuple(i for kind, i, _ in batch if kind == "removed" and not is_document_id(i)),
            accounts=item.accounts if item.accounts_on_pages is None else item.accounts_on_pages,
            next_cursor=next_cursor,
            has_more=bool(rest),
            history=item.ready,
            size=100 * len(batch),
        )

    def _net(self, item: FakeItem, start: int, stop: int) -> list[tuple[str, str, Transaction | SetAsideRow | None]]:
        known = {i for kind, i, _ in item.log[:start] if kind == "added"}
        last: dict[str, tuple[str, str, Transaction | SetAsideRow | None]] = {}
        for kind, transaction_id, changed in item.log[start:stop]:
            last.pop(transaction_id, None)
            if changed is None:
                if transaction_id in known or self.names_vanished_rows:
                    last[transaction_id] = (kind, transaction_id, None)
            else:
                last[transaction_id] = ("modified" if transaction_id in known else "added", transaction_id, changed)
        return list(last.values())

    def _check_known(self, institution_id: str, country_codes: tuple[str, ...]) -> None:
        found = self.catalogue.get(institution_id)
        if self.catalogue and (found is None or not {*found.country_codes} & {*country_codes}):
            raise problem(ErrorClass.CONFIGURATION, "INVALID_INSTITUTION")

    def institution(self, institution_id: str, *, country_codes: tuple[str, ...], region: Region) -> InstitutionInfo:
        def call() -> InstitutionInfo:
            if not self.catalogue:
                return institution(institution_id, at=self.clock.at)
            self._check_known(institution_id, country_codes)
            return self.catalogue[institution_id].model_copy(update={"fetched_at": self.clock.at})

        return self._call("institution", call)  # type: ignore[no-any-return]

    def institution_status(
        self, institution_id: str, *, country_codes: tuple[str, ...], region: Region
    ) -> PlaidStatus | None:
        def call() -> PlaidStatus | None:
            self.asked_for_status.append((institution_id, region))
            self._check_known(institution_id, country_codes)
            return self.statuses.get(institution_id)

        return self._call("institution_status", call)  # type: ignore[no-any-return]

    def institutions(
        self, *, country_codes: tuple[str, ...], region: Region, offset: int, count: int
    ) -> InstitutionPage:
        def call() -> InstitutionPage:
            listed = [one for one in self.catalogue.values() if {*one.country_codes} & {*country_codes}]
            page = [one.model_copy(update={"fetched_at": self.clock.at}) for one in listed[offset : offset + count]]
            return InstitutionPage(page, size=len(page), total=len(listed))

        return self._call("institutions", call)  # type: ignore[no-any-return]

    def refresh(self, access_token: PlaidToken) -> None:
        def call() -> None:
            item = self._item(access_token)
            if item.refuses_live is not None:
                raise item.refuses_live
            if self.on_refresh is not None:
                self.on_refresh()

        self._call("refresh", call)

    def set_webhook(self, access_token: PlaidToken, url: str) -> None:
        self._call("set_webhook", lambda: self._item(access_token))

    def remove(self, access_token: PlaidToken) -> bool:
        def call() -> bool:
            if access_token.reveal() in self.dead_tokens:
                self._item(access_token)
            if access_token.reveal() in self.items:
                self._item(access_token)
            item = self.items.pop(access_token.reveal(), None)
            if item is not None:
                self.removed.append(item.item_id)
            return item is not None

        return self._call("remove", call)  # type: ignore[no-any-return]

    def invalidate(self, access_token: PlaidToken) -> PlaidToken:
        def call() -> PlaidToken:
            old, item = access_token.reveal(), self._item(access_token)
            new = f"{old}+"
            self.items[new] = self.items.pop(old)
            self.dead_tokens.add(old)
            assert item is self.items[new]
            return PlaidToken(new, access_token.region)

        return self._call("invalidate", call)  # type: ignore[no-any-return]


def problem(
    error_class: ErrorClass, error_code: str, raises: type[ProviderError] = ProviderError, **more: Any
) -> ProviderError:
    """An error of Plaid: of the kind to which its code is translated, or of any kind of the class for other codes."""
    known = {**BY_CODE, **BY_CODE_OF_A_SYNC}.get(error_code)
    kind = known.kind if known is not None and known.kind.error_class is error_class else OTHER[error_class]
    return raises("a problem", kind=kind, error_type="TEST", error_code=error_code, request_id="r1", **more)


def vault_problem(error_class: ErrorClass, error_code: str) -> VaultError:
    """An error of the vault."""
    return VaultError("a problem", kind=OTHER[error_class], error_code=error_code)


OTHER = {
    ErrorClass.TRANSIENT: ErrorKind.TRY_LATER,
    ErrorClass.USER: ErrorKind.LINK_AGAIN,
    ErrorClass.TERMINAL: ErrorKind.UNUSABLE,
    ErrorClass.CONFIGURATION: ErrorKind.CONFIGURATION,
}


def _facts(item: FakeItem, *, with_accounts: bool) -> ItemFacts:
    return ItemFacts(
        item_id=item.item_id,
        institution_id=item.institution_id,
        institution_name=item.institution_name,
        webhook_url=None,
        consent_expiration_time=item.consent_expiration_time,
        accounts=item.accounts if with_accounts else [],
        error=None if with_accounts else item.error,
        update_type=item.update_type,
        auth_method=item.auth_method,
        last_update=item.last_update,
        last_failed_update=item.last_failed_update,
        last_webhook=item.last_webhook,
        account_revoked_at=item.account_revoked_at,
    )


class FakeVault:
    """Seals by writing owner and connection beside the token. Its keys are remote, as in production."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.versions = 1  # of the key, as KMS counts them
        self.disabled: set[str] = set()  # versions that an operator has disabled

    def rotate_key(self) -> str:
        """Create a new version of the key, which seals from now on."""
        self.versions += 1
        return self.newest_key()

    def seal(self, token: PlaidToken, *, app_user_id: str, connection_id: str, generation: int = 1) -> SealedToken:
        return self.sealer(app_user_id=app_user_id, connection_id=connection_id, generation=generation)(token)

    def sealer(
        self, *, app_user_id: str, connection_id: str, generation: int = 1
    ) -> Callable[[PlaidToken], SealedToken]:
        def seal(token: PlaidToken) -> SealedToken:
            text = f"{app_user_id}/{connection_id}/{token.reveal()}"
            return SealedToken(ciphertext=text, key_id=key_id, generation=generation, region=token.region)

        key_id = self.newest_key()
        return self.calls.around("vault.sealer", lambda: seal)  # type: ignore[no-any-return]

    def open(self, sealed: SealedToken, *, app_user_id: str, connection_id: str) -> PlaidToken:
        def call() -> PlaidToken:
            if sealed.key_id in self.disabled:
                raise vault_problem(ErrorClass.CONFIGURATION, "KEY_DISABLED")
            owner, connection, token = sealed.ciphertext.split("/")
            assert (owner, connection) == (app_user_id, connection_id)
            return PlaidToken(token, sealed.region)

        return self.calls.around("vault.open", call)  # type: ignore[no-any-return]

    def newest_key(self) -> str:
        return f"k{self.versions}"


class FakeQueue:
    """Tasks that wait to be run by a test; a name is accepted once."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.tasks: list[tuple[str, str]] = []  # name, connection
        self.others: list[tuple[str, dict[str, Any]]] = []  # function, payload
        self.judgements: list[tuple[datetime | None, str]] = []  # when an institution is to be judged, and which
        self.balances: list[str] = []  # connections whose balances wait to be derived
        self.names: set[str] = set()

    def enqueue(self, connection_id: str, *, name: str, welcome: bool = False) -> None:
        def call() -> None:
            if name not in self.names:
                self.names.add(name)
                self.tasks.append((name, connection_id))

        self.calls.around("queue.enqueue", call)

    def add(self, function: str, payload: Mapping[str, Any], *, name: str, at: datetime | None = None) -> None:
        def call() -> None:
            if name not in self.names:
                self.names.add(name)
                if function == TaskFunction.JUDGE_INSTITUTION:
                    self.judgements.append((at, payload["institution_id"]))
                elif payload.get("only") == BALANCES:
                    self.balances.append(payload["connection_id"])
                else:
                    self.others.append((function, dict(payload)))

        self.calls.around("queue.add", call)


class FakeStore(FakeBalances):
    """Connections, syncs and intents in one object, because one commit may write all of them."""

    def __init__(self, calls: Calls | None = None, *, max_writes: int = 10_000) -> None:
        super().__init__()
        self.calls = calls or Calls()
        self.max_writes = max_writes
        self.refuses: set[str] = set()  # names of rows that the store refuses although they look valid
        self._versions = itertools.count(1)
        self.lock = threading.Lock()
        self.states: dict[str, Loaded] = {}
        self.connections: dict[str, BankConnection] = {}
        self.tokens: dict[str, SealedToken] = {}
        self.kept: dict[str, tuple[StoredAccessToken, Version]] = {}
        self.account_rows: dict[str, dict[str, Account]] = {}
        self.rows: dict[str, dict[str, dict[str, Any]]] = {}
        self.row_versions: dict[tuple[str, str], int] = {}
        self.intents: dict[str, tuple[Intent, Version]] = {}
        self.commits: list[tuple[SyncState, Written]] = []
        self.notifications: dict[str, Notification] = {}
        self.institution_guards: dict[tuple[str, str | None], Version] = {}
        self.holders: dict[str, tuple[ItemHolder, Version]] = {}  # by item
        self.handovers: dict[str, Handover] = {}
        self.audit: dict[str, list[ChainedEntry]] = {}  # by user
        self.audit_ends: dict[str, AuditHead] = {}  # where they were moved
        self.unsigned_until: dict[str, datetime] = {}
        self.signatures: dict[str, list[Checkpoint]] = {}
        self.tombstones: dict[str, Removal] = {}
        self.tombstone_versions: dict[str, Version] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.ended_runs: dict[str, dict[int, RunRecord]] = {}
        self.aside: dict[str, dict[str, SetAsideRow]] = {}  # by connection, by key
        self.moves: dict[str, tuple[HistoryMove, Version]] = {}  # by new connection
        self.archives: dict[str, dict[str, StoredArchive]] = {}  # by connection, by transaction
        self.products: dict[str, LoadedProduct] = {}  # by sync id
        self.product_views: dict[str, ProductProgress] = {}  # by sync id
        self.product_rows: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}  # by connection and kind, by row
        self.product_versions: dict[tuple[str, str, str], Version] = {}  # by connection, kind and row
        self.reads = 0

    # -- Connections -------------------------------------------------------------------------------------------------
    def _owner(self, connection_id: str) -> str:
        return self.connections[connection_id].app_user_id

    def find(self, connection_id: str) -> BankConnection | None:
        return self.calls.around("store.find", lambda: self.connections.get(connection_id))  # type: ignore[no-any-return]

    def of_item(self, item_id: str) -> list[BankConnection]:
        def call() -> list[BankConnection]:
            return [c for c in list(self.connections.values()) if c.item_id == item_id]

        return self.calls.around("store.of_item", call)  # type: ignore[no-any-return]

    def at_institution(self, institution_id: str) -> list[str]:
        return [i for i, c in self.connections.items() if c.institution_id == institution_id]

    def of_institution(self, institution_id: str) -> list[BankConnection]:
        return [c for c in self.connections.values() if c.institution_id == institution_id]

    def users_at(self, institution_id: str, *, most: int) -> int:
        return min(most, len({c.app_user_id for c in self.of_institution(institution_id)}))

    def page(self, *, after: str | None, limit: int) -> list[tuple[str, str]]:
        ids = sorted(i for i in self.connections if after is None or i > after)[:limit]
        return [(i, self.connections[i].app_user_id) for i in ids]

    def owned_by(self, app_user_id: str) -> list[BankConnection]:
        def call() -> list[BankConnection]:
            return [c for c in list(self.connections.values()) if c.app_user_id == app_user_id]

        return self.calls.around("store.owned_by", call)  # type: ignore[no-any-return]

    def accounts_of(self, connection_id: str) -> list[Account]:
        def call() -> list[Account]:
            return list(self.account_rows.get(connection_id, {}).values())

        return self.calls.around("store.accounts_of", call)  # type: ignore[no-any-return]

    def accounts_owned_by(self, app_user_id: str) -> list[OwnedAccount]:
        """An account's version is its content: rewriting it unchanged does not change the version."""

        def call() -> list[OwnedAccount]:
            mine = [c.connection_id for c in list(self.connections.values()) if c.app_user_id == app_user_id]
            return [OwnedAccount(i, one, one) for i in mine for one in list(self.account_rows.get(i, {}).values())]

        return self.calls.around("store.accounts_owned_by", call)  # type: ignore[no-any-return]

    def mark(self, marks: Iterable[Mark]) -> None:
        def call() -> None:
            with self.lock:
                self.compare_marks(marks)
                self.put_marks(marks)

        self.calls.around("store.mark", call)

    def compare_marks(self, marks: Iterable[Mark]) -> None:
        for mark in marks:
            if self.account_rows.get(mark.connection_id, {}).get(mark.account_id) != mark.expected:
                raise Conflict

    def put_marks(self, marks: Iterable[Mark]) -> None:
        for mark in marks:
            rows = self.account_rows[mark.connection_id]
            rows[mark.account_id] = {**rows[mark.account_id], "duplicate_of": mark.duplicate_of}

    def credentials(self, connection_id: str) -> SealedToken | None:
        return self.calls.around("store.credentials", lambda: self.tokens.get(connection_id))  # type: ignore[no-any-return]

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
        holder = ItemHolder(connection.item_id, connection.connection_id, connection.app_user_id)

        def call() -> None:
            intent, expected = settles
            self.compare_marks(marks)
            key = (connection.app_user_id, connection.institution_id)
            if connection.institution_id is not None and self.institution_guards.get(key) != guards.institution:
                raise Conflict
            if self._head(connection.app_user_id) != guards.user:
                raise Conflict
            if (
                self.intents.get(intent.intent_id, (None, None))[1] != expected
                or connection.connection_id in self.connections
            ):
                raise Conflict
            if self.holders.get(holder.item_id, (None, None))[1] != held:
                raise Conflict
            self.holders[holder.item_id] = (holder, next(self._versions))
            self.intents[intent.intent_id] = (intent, next(self._versions))
            self._append([audit])
            self.institution_guards[key] = next(self._versions)
            self.connections[connection.connection_id] = connection
            self.put_kept(StoredAccessToken.new(connection, token))
            self.account_rows[connection.connection_id] = {a["account_id"]: a for a in accounts}
            read = (connection.created_at, BalancesSource.CACHED)
            self.balances_read |= {(connection.connection_id, a["account_id"]): read for a in accounts}
            self.put_marks(marks)
            self.rows[connection.connection_id] = {}
            if move is not None:
                self.moves[move.connection_id] = (move, next(self._versions))
            self.states[connection.connection_id] = Loaded(state, next(self._versions))

        def alone() -> None:
            with self.lock:
                call()

        self.calls.around("store.create", alone)

    def drop_holder(self, holder: ItemHolder) -> None:
        if holder.item_id in self.holders and self.holders[holder.item_id][0].is_same(holder):
            del self.holders[holder.item_id]

    def guards(self, app_user_id: str, *, institution_id: str | None) -> Guards:
        def call() -> Guards:
            return Guards(self.institution_guards.get((app_user_id, institution_id)), self._head(app_user_id))

        return self.calls.around("store.guards", call)  # type: ignore[no-any-return]

    def _head(self, app_user_id: str) -> Version | None:
        """The version of the head of a user's audit log."""
        return len(self.audit.get(app_user_id, [])) or None

    def describe(self, connection_id: str, changes: dict[str, Any]) -> bool:
        def call() -> bool:
            if connection_id not in self.connections:
                return False
            merged = self.connections[connection_id].model_dump() | changes
            self.connections[connection_id] = BankConnection.model_validate(merged)
            return True

        return self.calls.around("store.describe", call)  # type: ignore[no-any-return]

    def was_told(self, app_user_id: str, notification_id: str) -> bool:
        return notification_id in self.notifications

    # -- Syncs -------------------------------------------------------------------------------------------------------
    def load(self, connection_id: str) -> Loaded | None:
        return self.calls.around("store.load", lambda: self.states.get(connection_id))  # type: ignore[no-any-return]

    def save(self, state: SyncState, *, expected: Version, writes: Sequence[Write] = ()) -> Version:
        return self.calls.around("store.save", lambda: self._save(state, expected, writes))

    def _save(self, state: SyncState, expected: Version, writes: Sequence[Write]) -> Version:
        current = self.states.get(state.connection_id)
        compare(self, state.connection_id, writes)
        if current is None or current.version != expected:
            raise Conflict
        for write in writes:
            put(write, self, state)
        self.commits.append((state, Written(writes)))
        if state != current.state:  # a write that does not change a document keeps its version
            self.states[state.connection_id] = Loaded(state, next(self._versions))
        return self.states[state.connection_id].version

    def next_version(self) -> int:
        return next(self._versions)

    def put_kept(self, kept: StoredAccessToken) -> Version:
        self.tokens[kept.connection_id] = kept.token
        self.kept[kept.connection_id] = (kept, next(self._versions))
        return self.kept[kept.connection_id][1]

    def kept_version(self, connection_id: str) -> Version | None:
        return self.kept[connection_id][1] if connection_id in self.tokens else None

    def put_tombstone(self, removal: Removal) -> Version:
        self.tombstones[removal.connection_id] = removal
        self.tombstone_versions[removal.connection_id] = next(self._versions)
        return self.tombstone_versions[removal.connection_id]

    def _append(self, entries: Iterable[AuditEntry]) -> None:
        for entry in entries:
            chain = self.audit.setdefault(entry.app_user_id, [])
            head = chain[-1].head() if chain else AuditHead()
            head = self.audit_ends.pop(entry.app_user_id, head)
            if chain and head.seq < chain[-1].seq:
                self.audit_ends[entry.app_user_id] = head
                raise Conflict
            chain.append(ChainedEntry.after(head, entry, function="test"))

    def runs(self, connection_id: str) -> list[RunRecord]:
        return [kept for _, kept in sorted(self.ended_runs.get(connection_id, {}).items())]

    # -- AuditLog ----------------------------------------------------------------------------------------------------
    def write_down(self, entry: AuditEntry) -> None:
        def append() -> None:
            try:
                self._append([entry])
            except Conflict:
                raise Unavailable("busy", code="store_busy") from None

        self.calls.around("audit.write_down", append)

    def unsigned(self, now: datetime, *, limit: int) -> list[str]:
        due = [u for u, chain in self.audit.items() if chain[-1].seq > self._signed(u) and self._first_new(u) <= now]
        return [u for u in due if self.unsigned_until.get(u, now) <= now][:limit]

    def postpone_signing(self, app_user_id: str, *, until: datetime) -> None:
        self.unsigned_until[app_user_id] = until

    def head(self, app_user_id: str) -> tuple[AuditHead, Version | None]:
        chain = self.audit.get(app_user_id)
        return (self.audit_ends.get(app_user_id, chain[-1].head()), len(chain)) if chain else (AuditHead(), None)

    def move_end(self, app_user_id: str, head: AuditHead, *, expected: Version | None) -> None:
        if self.head(app_user_id)[1] != expected:
            raise Conflict
        self.audit_ends[app_user_id] = head

    def add_checkpoint(self, checkpoint: Checkpoint, *, expected: Version) -> None:
        if len(self.audit[checkpoint.app_user_id]) != expected:
            raise Conflict
        self.signatures.setdefault(checkpoint.app_user_id, []).append(checkpoint)

    def entries(self, app_user_id: str) -> Iterator[tuple[int, ChainedEntry]]:
        return ((entry.seq, entry) for entry in self.audit.get(app_user_id, []))

    def checkpoints(self, app_user_id: str) -> list[Checkpoint]:
        return self.signatures.get(app_user_id, [])

    def ended(self, now: datetime, *, limit: int) -> list[str]:
        return [user for user, chain in self.audit.items() if self._drop_at(chain) <= now][:limit]

    def drop(self, app_user_id: str, *, now: datetime) -> None:
        if app_user_id not in self.audit or self._drop_at(self.audit[app_user_id]) > now:
            raise Conflict
        for kept in (self.audit, self.audit_ends, self.signatures, self.unsigned_until):
            kept.pop(app_user_id, None)

    def _drop_at(self, chain: list[ChainedEntry]) -> datetime:
        return chain[-1].at + timedelta(days=414)

    def _signed(self, app_user_id: str) -> int:
        return max((c.seq for c in self.checkpoints(app_user_id)), default=0)

    def _first_new(self, app_user_id: str) -> datetime:
        return self.audit[app_user_id][self._signed(app_user_id)].at + timedelta(hours=24)

    # -- Helpers of syncs --------------------------------------------------------------------------------------------
    def put_row(self, connection_id: str, transaction_id: str, fields: dict[str, Any]) -> None:
        self.rows[connection_id][transaction_id] = fields
        self.row_versions[connection_id, transaction_id] = next(self._versions)

    def write_note(self, connection_id: str, transaction_id: str, note: str) -> None:
        """Write directly to the document, as a user's app does."""
        fields = self.rows[connection_id][transaction_id]
        self.put_row(connection_id, transaction_id, {**fields, "user": {"note": note}})

    def delete_note(self, connection_id: str, transaction_id: str) -> None:
        """Delete what the user wrote, directly in the document, as a user's app does."""
        fields = self.rows[connection_id][transaction_id]
        self.put_row(connection_id, transaction_id, {name: v for name, v in fields.items() if name != "user"})

    def due(self, now: datetime, *, limit: int) -> list[Loaded]:
        waiting = [s for s in self.states.values() if s.state.due_at is not None and s.state.due_at <= now]
        return sorted(waiting, key=lambda s: s.state.due_at or now)[:limit]

    def marked(self, connection_id: str, runs: Iterable[int]) -> set[str]:
        wanted = set(runs)
        return {i for i, fields in self.rows.get(connection_id, {}).items() if fields.get("run") in wanted}

    def transaction_ids(self, connection_id: str) -> set[str]:
        return set(self.rows[connection_id])

    def rows_of(self, connection_id: str, account_id: str) -> set[str]:
        return {i for i, fields in self.rows[connection_id].items() if fields["account_id"] == account_id}

    def stored_rows(self, connection_id: str, transaction_ids: Iterable[str]) -> dict[str, StoredRow]:
        rows = self.rows[connection_id]
        return {
            i: StoredRow(self.row_versions[connection_id, i], rows[i].get("user"), label_of(rows[i]))
            for i in transaction_ids
            if i in rows
        }

    def ready(self, connection_id: str, app_user_id: str, rows: Sequence[Transaction]) -> Mapping[str, Any]:
        return {row["transaction_id"]: row for row in rows}

    def unchanged(self, connection_id: str, rows: Sequence[Transaction], *, dirty: Collection[int]) -> set[str]:
        stored = self.rows[connection_id]
        self.reads += len(rows)
        clean = {i: fields for i, fields in stored.items() if fields.get("run") not in dirty}
        return {
            r["transaction_id"]
            for r in rows
            if {k: v for k, v in clean.get(r["transaction_id"], {}).items() if k not in ("user", "run")} == r
        }

    def handover(self, connection_id: str) -> Handover | None:
        return self.handovers.get(connection_id)

    def set_aside(self, connection_id: str) -> list[SetAsideRow]:
        kept = self.aside.get(connection_id, {})
        return [kept[key] for key in sorted(kept)]


class FakeCredentials:
    """Access tokens, stored in the fake store."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store

    def load(self, connection_id: str) -> tuple[StoredAccessToken, Version] | None:
        def call() -> tuple[StoredAccessToken, Version] | None:
            return self.store.kept[connection_id] if connection_id in self.store.tokens else None

        return self.store.calls.around("credentials.load", call)  # type: ignore[no-any-return]

    def save(self, kept: StoredAccessToken, *, expected: Version, audit: Sequence[AuditEntry] = ()) -> Version:
        def call() -> Version:
            if self.store.kept_version(kept.connection_id) != expected:
                raise Conflict
            self.store._append(audit)
            return self.store.put_kept(kept)

        return self.store.calls.around("credentials.save", call)

    def bury(self, connection_id: str, token: SealedToken, *, now: datetime) -> None:
        def call() -> None:
            if connection_id not in self.store.tombstones:
                raise Conflict
            there = self.store.tombstones[connection_id]
            self.store.put_tombstone(there.with_token(token).model_copy(update={"due_at": now}))

        self.store.calls.around("credentials.bury", call)

    def due(self, now: datetime, *, limit: int) -> list[tuple[StoredAccessToken, Version]]:
        late = [k for k in self._all() if k[0].due_at is not None and k[0].due_at <= now]
        return sorted(late, key=lambda k: k[0].due_at or now)[:limit]

    def issued_before(self, moment: datetime) -> Iterator[StoredAccessToken]:
        return iter(sorted((k for k, _ in self._all() if k.issued_at < moment), key=lambda k: k.issued_at))

    def of_user(self, app_user_id: str) -> list[StoredAccessToken]:
        return [kept for kept, _ in self._all() if kept.app_user_id == app_user_id]

    def _all(self) -> list[tuple[StoredAccessToken, Version]]:
        return [k for i, k in self.store.kept.items() if i in self.store.tokens]


class FakeIntents:
    """Intents, stored in the fake store."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store

    def begin(self, intent: Intent) -> tuple[Intent, Version, bool]:
        def call() -> tuple[Intent, Version, bool]:
            if intent.intent_id in self.store.intents:
                stored, version = self.store.intents[intent.intent_id]
                return stored, version, stored.attempt == intent.attempt
            self._put(intent)
            return *self.store.intents[intent.intent_id], True

        return self._call("begin", call)  # type: ignore[no-any-return]

    def find(self, intent_id: str) -> tuple[Intent, Version] | None:
        return self._call("find", lambda: self.store.intents.get(intent_id))  # type: ignore[no-any-return]

    def update(
        self,
        intent: Intent,
        *,
        expected: Version,
        audit: AuditEntry | None = None,
        tells: Notification | None = None,
    ) -> Version:
        def call() -> Version:
            self._compare(intent.intent_id, expected)
            if audit is not None:
                self.store._append([audit])
            if tells is not None:
                self.store.notifications[tells.notification_id] = tells
            return self._put(intent)

        return self._call("update", call)

    def store_token(
        self, intent: Intent, *, expected: Version, holder: ItemHolder, held: Version | None = None
    ) -> tuple[Version, Version]:
        def call() -> tuple[Version, Version]:
            self._compare(intent.intent_id, expected)
            if self.store.holders.get(holder.item_id, (None, None))[1] != held:
                raise Conflict
            self.store.holders[holder.item_id] = (holder, next(self.store._versions))
            return self._put(intent), self.store.holders[holder.item_id][1]

        return self._call("update", call)  # type: ignore[no-any-return]

    def forget(self, intent_id: str, *, expected: Version) -> None:
        def call() -> None:
            self._compare(intent_id, expected)
            del self.store.intents[intent_id]

        self._call("forget", call)

    def due(self, now: datetime, *, limit: int) -> list[tuple[Intent, Version]]:
        def call() -> list[tuple[Intent, Version]]:
            waiting = [
                (intent.due_at, intent, version)
                for intent, version in self.store.intents.values()
                if intent.due_at is not None and intent.due_at <= now
            ]
            return [(intent, version) for _, intent, version in sorted(waiting, key=lambda one: one[0])][:limit]

        return self._call("due", call)  # type: ignore[no-any-return]

    def _call(self, method: str, call: Callable[[], Any]) -> Any:
        def alone() -> Any:
            with self.store.lock:
                return call()

        return self.store.calls.around(f"intents.{method}", alone)

    def _compare(self, intent_id: str, expected: Version) -> None:
        if self.store.intents.get(intent_id, (None, None))[1] != expected:
            raise Conflict

    def _put(self, intent: Intent) -> Version:
        self.store.intents[intent.intent_id] = (intent, next(self.store._versions))
        return self.store.intents[intent.intent_id][1]

    def of_user(self, app_user_id: str) -> list[tuple[Intent, Version]]:
        return [held for held in self.store.intents.values() if held[0].app_user_id == app_user_id]


class FakeItems:
    """Holders of items, stored in the fake store."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store

    def claim(self, holder: ItemHolder, *, now: datetime) -> tuple[ItemHolder, Version]:
        def call() -> tuple[ItemHolder, Version]:
            with self.store.lock:
                self.store.holders.setdefault(holder.item_id, (holder, next(self.store._versions)))
                return self.store.holders[holder.item_id]

        return self.store.calls.around("items.claim", call)  # type: ignore[no-any-return]

    def release(self, holder: ItemHolder) -> None:
        self.store.calls.around("items.release", lambda: self.store.drop_holder(holder))


class FakeInstitutions:
    """The cache of institutions."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.known: dict[str, InstitutionInfo] = {}
        self.claims: dict[str, tuple[datetime, Version]] = {}
        self._versions = itertools.count(1)
        self._lock = threading.Lock()

    def find(self, institution_id: str) -> InstitutionInfo | None:
        return self.calls.around("institutions.find", lambda: self.known.get(institution_id))  # type: ignore[no-any-return]

    def put(self, institution: InstitutionInfo) -> None:
        def call() -> None:
            self.known[institution.institution_id] = institution

        self.calls.around("institutions.put", call)

    def stale(self, before: datetime, *, now: datetime, limit: int) -> list[InstitutionInfo]:
        def call() -> list[InstitutionInfo]:
            found = [one for one in self.known.values() if one.fetched_at < before]
            return sorted(found, key=lambda one: (one.is_put_off(now), one.fetched_at))[:limit]

        return self.calls.around("institutions.stale", call)  # type: ignore[no-any-return]

    def put_off(self, institution_id: str, *, until: datetime) -> None:
        if institution_id in self.known:
            self.known[institution_id] = self.known[institution_id].model_copy(update={"next_try_at": until})

    def claim(self, institution_id: str, *, now: datetime, until: datetime) -> Version | None:
        def call() -> Version | None:
            with self._lock:
                if institution_id in self.claims and self.claims[institution_id][0] > now:
                    return None
                self.claims[institution_id] = (until, next(self._versions))
                return self.claims[institution_id][1]

        return self.calls.around("institutions.claim", call)  # type: ignore[no-any-return]

    def release(self, institution_id: str, *, expected: Version) -> None:
        def call() -> None:
            with self._lock:
                if self.claims.get(institution_id, (None, None))[1] == expected:
                    del self.claims[institution_id]

        self.calls.around("institutions.release", call)


class FakeProfiles:
    """Users' own settings; `profile` is that of every user who has none in `of_user`."""

    def __init__(self, profile: Profile = Profile()) -> None:  # noqa: B008
        self.profile = profile
        self.of_user: dict[str, Profile] = {}
        self.existing: set[str] = set()

    def find(self, app_user_id: str) -> Profile:
        return self.of_user.get(app_user_id, self.profile)

    def exists(self, app_user_id: str) -> bool:
        return app_user_id in self.existing


class FakeInbox:
    """Webhooks as received, stored in the fake store."""

    def __init__(self, store: FakeStore | None = None) -> None:
        self.store = store or FakeStore()

    @property
    def deliveries(self) -> dict[str, Delivery]:
        return self.store.deliveries

    def record(self, delivery: Delivery) -> bool:
        def call() -> bool:
            new = delivery.delivery_id not in self.deliveries
            self.deliveries.setdefault(delivery.delivery_id, delivery)
            return new

        return self.store.calls.around("inbox.record", call)  # type: ignore[no-any-return]

    def find(self, delivery_id: str) -> Delivery | None:
        return self.deliveries.get(delivery_id)

    def waiting(self, connection_id: str) -> list[Delivery]:
        return [d for d in self._in_order() if d.connection_id == connection_id and d.due_at is not None]

    def of_connection(self, connection_id: str) -> list[Delivery]:
        return [d for d in self._in_order() if d.connection_id == connection_id]

    def due(self, now: datetime, *, limit: int) -> list[tuple[Delivery, Version]]:
        found = sorted((d.due_at, d.delivery_id) for d in self.deliveries.values() if d.due_at and d.due_at <= now)
        return [(self.deliveries[name], self.deliveries[name]) for _, name in found[:limit]]

    def postpone(self, delivery: Delivery, *, expected: Version) -> None:
        if self.deliveries.get(delivery.delivery_id) != expected:
            raise Conflict
        self.deliveries[delivery.delivery_id] = delivery

    def since(self, moment: datetime) -> Iterator[Delivery]:
        return (d for d in self._in_order() if d.received_at >= moment)

    def settle(self, delivery_id: str) -> None:
        if delivery_id in self.deliveries:
            self.deliveries[delivery_id] = replace(self.deliveries[delivery_id], due_at=None, sweeps=0)

    def forget(self, delivery_id: str) -> None:
        self.deliveries.pop(delivery_id, None)

    def _in_order(self) -> list[Delivery]:
        return sorted(self.deliveries.values(), key=lambda d: d.received_at)


class FakeWebhookKeys:
    """The port `WebhookKeys`."""

    def __init__(self) -> None:
        self.kept: dict[str, Region] = {}
        self.reads = self.spent = 0
        self.buckets: dict[str, list[datetime]] = {}
        self.down = False

    def seen(self) -> dict[str, Region]:
        self.reads += 1
        self._answer()
        return dict(self.kept)

    def add(self, key_id: str, region: Region, *, now: datetime) -> None:
        self._answer()
        self.kept |= {key_id: region}

    def spend(self, bucket: str, *, per_minute: int, now: datetime) -> int | None:
        self.spent += 1
        self._answer()
        recent = [at for at in self.buckets.get(bucket, []) if now - at < timedelta(minutes=1)]
        if len(recent) >= per_minute:
            return max(1, math.ceil((recent[0] + timedelta(minutes=1) - now).total_seconds()))
        self.buckets[bucket] = [*recent, now]
        return None

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("the store did not answer", code="store_unavailable")


class FakePauses:
    """The pauses that operators set."""

    def __init__(self) -> None:
        self.kept: tuple[Pauses, int | None] = (Pauses(), None)

    def load(self) -> tuple[Pauses, Version | None]:
        return self.kept

    def save(self, pauses: Pauses, *, expected: Version | None) -> None:
        if expected != self.kept[1]:
            raise Conflict
        self.kept = (pauses, (self.kept[1] or 0) + 1)


class FakePushes:
    """Claims of messages, and what users' apps wrote about their devices."""

    def __init__(self) -> None:
        self.written: dict[str, Any] = {}  # by user, in the order of writing
        self.languages: dict[str, Any] = {}
        self.owners: dict[str, str] = {}  # by token
        self.claims: set[tuple[str, str]] = set()

    def write(self, app_user_id: str, tokens: Any) -> None:
        """Write a user's document as the user's app does."""
        self.written.pop(app_user_id, None)
        self.written[app_user_id] = tokens

    def devices(self, app_user_id: str) -> Devices:
        return Devices(self.written.get(app_user_id), self.languages.get(app_user_id))

    def holders(self, tokens: Sequence[str]) -> dict[str, TokenHolders]:
        lists = [(uid, written) for uid, written in self.written.items() if isinstance(written, list)]
        holders = {}
        for token in tokens:
            listed = {
                uid: datetime.fromtimestamp(at, UTC) for at, (uid, written) in enumerate(lists) if token in written
            }
            owner = self.owners.get(token)
            holders[token] = TokenHolders(owner if owner in listed else None, listed)
        return holders

    def hand_over(self, token: str, *, to: str, others: Collection[str], now: datetime) -> None:
        for other in others:
            self.drop_tokens(other, [token])
        self.owners[token] = to

    def claim(self, app_user_id: str, notification_id: str, *, now: datetime) -> bool:
        new = (app_user_id, notification_id) not in self.claims
        self.claims.add((app_user_id, notification_id))
        return new

    def drop_tokens(self, app_user_id: str, tokens: Sequence[str]) -> None:
        if app_user_id in self.written:
            self.written[app_user_id] = [token for token in self.written[app_user_id] if token not in tokens]


class FakeMessaging:
    """Devices that accept every message, except those with configured answers."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, PushMessage]] = []  # delivered messages, by token
        self.tries: list[tuple[str, ...]] = []
        self.answers: dict[str, list[Receipt]] = {}  # by token, one after the other; the last one repeats

    def send(self, message: PushMessage, *, tokens: Sequence[str]) -> list[Receipt]:
        self.tries.append(tuple(tokens))
        return [self._answer(message, token) for token in tokens]

    def _answer(self, message: PushMessage, token: str) -> Receipt:
        ordered = self.answers.get(token) or [Receipt(PushOutcome.SENT)]
        receipt = ordered.pop(0) if len(ordered) > 1 else ordered[0]
        if receipt.outcome is PushOutcome.SENT:
            self.sent.append((token, message))
        return receipt


class FakeLinks:
    """Issued link tokens, and Hosted Link's results."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.sessions: dict[str, LinkSession] = {}
        self.results: dict[str, LinkResult] = {}

    def remember(self, link_token: str, session: LinkSession, *, now: datetime) -> None:
        self.calls.around("links.remember", lambda: self.sessions.update({link_token: session}))

    def session(self, link_token: str) -> LinkSession | None:
        return self.sessions.get(link_token)

    def is_updating(self, app_user_id: str, *, now: datetime) -> bool:
        theirs = [one for one in self.sessions.values() if one.app_user_id == app_user_id]
        return any(one.updates and now < one.usable_until for one in theirs)

    def regions(self, app_user_id: str, *, usable_after: datetime) -> frozenset[Region]:
        theirs = [one for one in self.sessions.values() if one.app_user_id == app_user_id]
        return frozenset(one.region for one in theirs if usable_after < one.usable_until)

    def keep(self, result: LinkResult) -> bool:
        def call() -> bool:
            new = result.result_id not in self.results
            self.results.setdefault(result.result_id, result)
            return new

        return self.calls.around("links.keep", call)  # type: ignore[no-any-return]

    def result(self, result_id: str) -> LinkResult | None:
        return self.results.get(result_id)

    def settle(self, result_id: str, outcome: LinkOutcome, *, connection_id: str | None) -> None:
        def call() -> None:
            if result_id in self.results:
                settled = replace(self.results[result_id], public_token=None, outcome=outcome)
                self.results[result_id] = replace(settled, connection_id=connection_id)

        self.calls.around("links.settle", call)
