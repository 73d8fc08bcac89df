"""The real backend over the fakes: its functions with their guards, its container and its use cases.

Only the adapters are replaced, by name in the container, and every one of them is behind the boundary. A function is
called below the SDK's own wrapper, which needs a web server, so its guard runs.
"""

from __future__ import annotations

import functools
import importlib
import io
import json
import logging
import random
import secrets
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest import mock

from firebase_functions import https_fn
from flask import Request
from pydantic import SecretStr
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from shared.adapters.plaid.webhook_events import parse_webhook
from shared.adapters.plaid.webhook_signature import WebhookVerifier
from shared.domain.caller import Caller
from shared.domain.errors import Unauthenticated
from shared.domain.health import Health
from shared.domain.products.kinds import ProductKind
from shared.log import JsonFormatter
from shared.serving import container
from shared.serving.once import once
from shared.serving.refused_calls import RefusedCalls
from shared.settings import Settings
from shared.usecases.items.webhook_region import webhook_region
from tests.fake_budgets import FakeBudgets
from tests.fake_health import FakeBankContacts, FakeHealthRecords
from tests.fake_history_moves import FakeHistoryMoves
from tests.fake_outages import FakeOutageNotices, FakePublishedHealth
from tests.fake_product_syncs import FakeProductSyncs, StoredConsents
from tests.fake_removals import FakeConnectionData, FakeErasures, FakeOwners, FakeRemovals
from tests.fake_seals import FakeStoreSeals
from tests.fakes import (
    FakeCredentials,
    FakeInbox,
    FakeInstitutions,
    FakeIntents,
    FakeItems,
    FakeLinks,
    FakeMessaging,
    FakePauses,
    FakeProfiles,
    FakePushes,
    FakeStore,
    FakeVault,
    FakeWebhookKeys,
)
from tests.simulation import sizes
from tests.simulation.boundary import Boundary
from tests.simulation.google import Mail, Messages, Queues, Retries, Watched
from tests.simulation.loop import Executor, Loop, Process, Task
from tests.simulation.plaid_side import PlaidSide

WEBHOOK_URL = "https://backend.example/api/v1/bank/webhook"
TASK_FUNCTIONS = (
    "synctransactions",
    "handlewebhook",
    "checkitem",
    "checkitems",
    "judgeinstitution",
    "sendpush",
    "removeitem",
    "erasedata",
    "rotatetoken",
    "exchangelink",
    "movehistory",
    "syncproducts",
)
_SETTINGS = Settings.model_validate(
    {
        "project": "demo-bank",
        "plaid_client_id": "simulated-client",
        "plaid_secret": "simulated-secret",
        "webhook_url": WEBHOOK_URL,
        "rotate_tokens_after_days": 90,
    }
)


def settings_of(seed: int) -> Settings:
    """A world's settings: every other world syncs products, and every fourth has two pairs of Plaid's keys."""
    second = {"plaid_eu_client_id": "simulated-eu-client", "plaid_eu_secret": SecretStr("simulated-eu-secret")}
    products = {"sync_products": tuple(ProductKind) if seed % 2 else ()}
    return _SETTINGS.model_copy(update=products | (second if seed % 4 == 3 else {}))


def function(name: str) -> Any:
    """A deployed function, as the SDK sees it."""
    return getattr(importlib.import_module(f"functions.{name}"), name)


def returned(value: Any) -> Any:
    """What a factory of the container returns."""
    return value


class Clock:
    """The port `Clock`: virtual time, with the skew of the instance that reads it."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def now(self) -> Any:
        """The time on the current instance."""
        task = self._loop.task
        return self._loop.now() + task.process.skew if task is not None else self._loop.now()


class Users:
    """The port `Callers`: an ID token is the user's id."""

    def __init__(self) -> None:
        self.deleted: set[str] = set()

    def verify(self, id_token: str) -> Caller:
        """The user of a token."""
        if id_token in self.deleted:
            raise Unauthenticated("no such user", code="id_token_invalid")
        return Caller(id_token, email_verified=True)


class Unlimited:
    """The port `Limits`: rate limits have tests of their own."""

    def spend(self, app_user_id: str, action: str, *, per_minute: int, now: object) -> int | None:
        """Never refuses."""
        return None


class Healths:
    """The port `HealthFigures`."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    def count(self, now: object) -> Health:
        """Counts connections by status."""
        statuses = Counter(c.status for c in self._store.connections.values())
        return Health(statuses=statuses, stale=0, failing=0, overdue_syncs=0, overdue_webhooks=0, overdue_removals=0)


class Unsigned:
    """The port `Signer`."""

    def sign(self, checkpoint: Any) -> Any:
        """Accepts every checkpoint."""
        return checkpoint

    def is_signed(self, checkpoint: Any) -> bool:
        """Believes every checkpoint."""
        return True


LOOKED_UP = ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks")  # the last one: since Python 3.12


class Observer(logging.Handler):
    """Receives every log line of the backend."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(logging.INFO)
        self._backend = backend
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Passes a line on, unless it comes from a process that was killed."""
        task = self._backend.loop.task
        if task is not None and task.process.dead:
            return
        self._backend.logged(record, self.format)


class Backend:
    """One deployed backend."""

    def __init__(self, boundary: Boundary, plaid: PlaidSide, *, seed: int) -> None:
        self.boundary, self.loop, self.plaid = boundary, boundary.loop, plaid
        self.seed, self.settings = seed, settings_of(seed)
        self.random = random.Random(f"backend {seed}")
        self.store = FakeStore()
        self.store.connections = Watched(self._connection_created)
        self.store.notifications = Watched(self._notification_created)
        self.credentials, self.intents = FakeCredentials(self.store), FakeIntents(self.store)
        self.removals, self.erasures = FakeRemovals(self.store), FakeErasures(self.store)
        self.users, self.owners, self.pushes = Users(), FakeOwners(), FakePushes()
        self.messaging, self.institutions, self.links = FakeMessaging(), FakeInstitutions(), FakeLinks()
        self.profiles, self.paused, self.vault = FakeProfiles(), FakePauses(), FakeVault()
        self.records, self.published = FakeHealthRecords(), FakePublishedHealth()
        self.inbox = FakeInbox(self.store)
        self.queues = Queues(self.loop, self._deliver_task, {f: Retries.of(function(f)) for f in TASK_FUNCTIONS})
        self.mail = {"on_connection_created": Mail(), "on_notification_created": Mail()}
        self.skews: list[timedelta] = [timedelta()]
        self.webhook_skews: list[timedelta] = []
        self.processes: list[Process] = []  # those that may still run
        self.on_log: list[Callable[[str, str, dict[str, Any]], None]] = []
        self.is_closed = False  # an operator blocks all calls, and pauses the queues
        self._paused_tasks: list[Callable[[], None]] = []
        self.was_connected: dict[str, str] = {}  # by item: the connection that it had first
        self._numbers = 0
        self.clock = Clock(self.loop)
        plaid.deliver = self._deliver_webhook

    # -- The container -----------------------------------------------------------------------------------------------

    def adapters(self) -> dict[str, Any]:
        """What the container's factories return."""
        store, client = self.store, self.plaid.client(self.settings, self.clock)
        known = self.boundary.around("webhook_keys", FakeWebhookKeys())
        verifier = WebhookVerifier(
            fetch_key=client.webhook_key,
            stored=known,
            clock=self.clock,
            executors=self.executors,
            regions=self.settings.key_pairs.regions,
            region_of=partial(webhook_region, connections=self.boundary.around("store", store)),
        )
        ports: dict[str, tuple[str, Any]] = {
            "audit_log": ("audit", store),
            "bank_contacts": ("contacts", FakeBankContacts(store, self.institutions)),
            "budgets": ("budgets", FakeBudgets()),
            "callers": ("callers", self.users),
            "connection_data": ("purge", FakeConnectionData(store)),
            "connections": ("store", store),
            "credentials": ("credentials", self.credentials),
            "erasures": ("erasures", self.erasures),
            "health_figures": ("health", Healths(store)),
            "health_records": ("records", self.records),
            "history_moves": ("moves", FakeHistoryMoves(store)),
            "inbox": ("inbox", self.inbox),
            "institutions": ("institutions", self.institutions),
            "intents": ("intents", self.intents),
            "items": ("items", FakeItems(store)),
            "limits": ("limits", Unlimited()),
            "links": ("links", self.links),
            "messaging": ("messaging", self.messaging),
            "outage_notices": ("notices", FakeOutageNotices(store)),
            "owners": ("owners", self.owners),
            "paused": ("pauses", self.paused),
            "product_consents": ("product_consents", StoredConsents(store)),
            "product_syncs": ("products", FakeProductSyncs(store)),
            "profiles": ("profiles", self.profiles),
            "published_health": ("published", self.published),
            "pushes": ("pushes", self.pushes),
            "recently_paused": ("pauses", self.paused),
            "removals": ("removals", self.removals),
            "seals": ("seals", FakeStoreSeals(store)),
            "sync_queue": ("queue", self.queues),
            "syncs": ("syncs", store),
            "tasks": ("tasks", self.queues),
            "vault": ("vault", self.vault),
        }
        outside = {name: self.boundary.around(service, port) for name, (service, port) in ports.items()}
        return outside | {
            "clock": self.clock,
            "messaging": Messages(outside["messaging"]),
            "parse_webhook": parse_webhook,
            "plaid": client,
            "plaid_products": self.plaid.product_client(self.settings),
            "refused_calls": RefusedCalls(),
            "settings": self.settings,
            "signer": Unsigned(),
            "webhooks": verifier,
        }

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Puts this backend into the container, and virtual time and seeded chance into the process."""
        with _patched(self._process_patches()), mock.patch.multiple(container, **self._container()), self._observed():
            yield

    def _container(self) -> dict[str, Any]:
        values = self.adapters()
        made: dict[str, Any] = {name: functools.partial(returned, value) for name, value in values.items()}
        # What the container itself keeps for the life of a process must not outlive this world.
        kept = {name: make for name, make in vars(container).items() if hasattr(make, "__wrapped__")}
        own = {name: make for name, make in kept.items() if make.__module__ == container.__name__}
        return made | {name: once(make.__wrapped__) for name, make in own.items()}

    def _process_patches(self) -> list[tuple[Any, str, Any]]:
        loop, chance = self.loop, self.random
        virtual = SimpleNamespace(monotonic=loop.seconds, time=loop.seconds)
        names = ("shared.serving.guards", "shared.adapters.plaid.transport")
        modules = [importlib.import_module(name) for name in names]
        patches: list[tuple[Any, str, Any]] = [(module, "time", virtual) for module in modules]
        patches += sizes.of_world(self.seed)
        patches += [
            (container, "executors", lambda: self.executors),
            (container, "sleep", loop.sleep),
            (uuid, "uuid4", lambda: uuid.UUID(int=chance.getrandbits(128), version=4)),
            (secrets, "token_hex", lambda size=32: f"{chance.getrandbits(8 * size):0{2 * size}x}"),
            (random, "random", chance.random),
            # The lines' places in the code, threads and processes are not looked up: nothing here reads them.
            (logging, "_srcfile", None),
            *((logging, name, False) for name in LOOKED_UP if hasattr(logging, name)),
        ]
        return patches

    def executors(self, workers: int, name: str) -> Executor:
        """The port `Executors`."""
        return Executor(self.loop, workers)

    @contextmanager
    def _observed(self) -> Iterator[None]:
        root, before = logging.getLogger(), (logging.getLogger().handlers[:], logging.getLogger().level)
        root.handlers[:] = [Observer(self)]
        root.setLevel(logging.INFO)
        try:
            yield
        finally:
            root.handlers[:], level = before
            root.setLevel(level)

    def logged(self, record: logging.LogRecord, form: Callable[[logging.LogRecord], str]) -> None:
        """Tells the checks about a log line."""
        fields = getattr(record, "fields", {})
        text = f"{fields}"
        if record.levelno >= logging.WARNING:
            text = form(record)
            if self.loop.task is not None:
                self.boundary.note(f"log {record.levelname} {record.getMessage()}")
        for hear in self.on_log:
            hear(record.levelname, record.getMessage(), fields | {"_text": text})

    # -- Calls -------------------------------------------------------------------------------------------------------

    def process(self, name: str) -> Process:
        """A new instance of a function."""
        self._numbers += 1
        skews = (self.webhook_skews if name == "plaid_webhook" else []) or self.skews
        process = Process(f"{name}#{self._numbers}", skew=skews[self._numbers % len(skews)])
        self.processes = [one for one in self.processes if one.tasks and not one.dead] + [process]
        return process

    def restart(self) -> None:
        """Every instance ends at once."""
        for process in self.processes:
            self.boundary.kill(process)
        self.processes.clear()

    def calm(self) -> None:
        """Google's faults end."""
        for mail in (*self.mail.values(), *self.queues.mail.values()):
            mail.calm()
        self.skews, self.webhook_skews = [timedelta()], []

    def http(
        self,
        name: str,
        method: str,
        path: str,
        *,
        uid: str | None = None,
        body: Any = None,
        query: Any = None,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Task:
        """Starts a request to an HTTP function. The task's value is (status, body); None if it was killed."""
        endpoint = function(name).__wrapped__
        sent = {"Authorization": f"Bearer {uid}"} if uid else {}
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else b""

        def work() -> tuple[int, Any]:
            if self.is_closed:
                return 503, None
            builder = EnvironBuilder(
                path=path,
                method=method,
                query_string=query,
                headers=Headers(sent | (headers or {})),
                input_stream=io.BytesIO(data),
                content_length=len(data),
                content_type="application/json" if data else None,
            )
            answer = endpoint(Request(builder.get_environ()))
            return answer.status_code, json.loads(answer.get_data() or b"null")

        return self.loop.spawn(self.process(name), work)

    def _deliver_task(
        self, name: str, task: str, body: dict[str, Any], failures: int, ended: Callable[[bool], None]
    ) -> None:
        if self.is_closed:
            self._paused_tasks.append(lambda: self._deliver_task(name, task, body, failures, ended))
            return
        handler = function(name).__wrapped__
        headers = {"X-Cloudtasks-Taskname": task, "X-Cloudtasks-Taskretrycount": str(failures)}

        def work() -> bool:
            try:
                handler(SimpleNamespace(data=body, raw_request=SimpleNamespace(headers=headers)))
            except https_fn.HttpsError:
                return False
            return True

        run = self.loop.spawn(self.process(name), work)
        run.on_done.append(lambda: ended(run.value is True))

    def _deliver_webhook(self, delivery: Any, raw: bytes, token: str, ended: Callable[[int | str], None]) -> None:
        path, _, query = delivery.url.removeprefix("https://backend.example").partition("?")
        call = self.http("plaid_webhook", "POST", path, query=query, raw=raw, headers={"Plaid-Verification": token})
        call.on_done.append(lambda: ended(call.value[0] if call.value is not None else "ConnectError"))

    def close(self) -> None:
        """Blocks all calls and pauses the queues, as before a restore."""
        self.is_closed = True

    def open(self) -> None:
        """Accepts calls and resumes the queues."""
        self.is_closed = False
        waiting, self._paused_tasks = self._paused_tasks, []
        for deliver in waiting:
            deliver()

    def schedule(self, name: str) -> Task:
        """Fires a scheduled function."""
        handler, event = function(name).__wrapped__, SimpleNamespace(schedule_time=self.loop.now())
        return self.loop.spawn(self.process(name), lambda: handler(event))

    def user_deleted(self, uid: str) -> Task:
        """Fires the trigger on a deleted user document."""
        handler = function("on_user_deleted").__wrapped__
        event = SimpleNamespace(params={"uid": uid}, time=self.loop.now())
        return self.loop.spawn(self.process("on_user_deleted"), lambda: handler(event))

    def _connection_created(self, connection_id: str, connection: Any) -> None:
        self.was_connected.setdefault(connection.item_id, connection_id)
        self._trigger("on_connection_created", {"connection_id": connection_id}, None)

    def _notification_created(self, name: str, notification: Any) -> None:
        owner = self.store.connections.get(notification.connection_id)
        uid = owner.app_user_id if owner is not None else "nobody"
        document = notification.model_dump()
        self._trigger("on_notification_created", {"uid": uid, "id": name}, document)

    def _trigger(self, name: str, params: dict[str, str], document: dict[str, Any] | None) -> None:
        handler = function(name).__wrapped__
        data = SimpleNamespace(to_dict=lambda: document) if document is not None else None
        event = SimpleNamespace(params=params, data=data, time=self.loop.now())

        def start() -> None:
            self.loop.spawn(self.process(name), lambda: handler(event))

        for delay in self.mail[name].take():
            self.loop.after(0.3 + delay, start)


@contextmanager
def _patched(patches: list[tuple[Any, str, Any]]) -> Iterator[None]:
    before = [(place, name, getattr(place, name)) for place, name, _ in patches]
    for place, name, value in patches:
        setattr(place, name, value)
    try:
        yield
    finally:
        for place, name, value in before:
            setattr(place, name, value)
