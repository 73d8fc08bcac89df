"""Banks with outages, and the use cases that detect them and recover from them."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from shared.domain.bank_contact import ContactSource
from shared.domain.errors import ErrorClass
from shared.domain.institution import InstitutionInfo
from shared.domain.institution_health.detector import judge
from shared.domain.institution_health.evidence import HealthState, PlaidStatus, RefreshInterval
from shared.domain.institution_health.record import HealthRecord
from shared.usecases.institution_health.ask_plaid_status import AskPlaidStatus
from shared.usecases.institution_health.carry_out_plan import PlanExecution
from shared.usecases.institution_health.current_outages import PausedOutages
from shared.usecases.institution_health.gather_evidence import EvidenceGatherer
from shared.usecases.institution_health.judge_institution import JudgeInstitution
from shared.usecases.institution_health.override_health import OverrideHealth
from shared.usecases.institution_health.probe_connections import ConnectionProbes
from shared.usecases.institution_health.watch_institutions import WatchInstitutions
from shared.usecases.tokens.call_with_token import AccessTokens
from tests.fake_health import FakeBankContacts, FakeHealthRecords
from tests.fakes import FakeItem, problem
from tests.usecases.conftest import World
from tests.usecases.institution_health.ground import BANK, Ground

TICK = timedelta(minutes=15)
DOWN = problem(ErrorClass.TRANSIENT, "INSTITUTION_DOWN")
OTHERS = ("ins_2", "ins_3", "ins_4", "ins_5")
STOPPED = {"success": 0.05, "error_plaid": 0.0, "error_institution": 0.95, "refresh_interval": RefreshInterval.STOPPED}


class Engine(Ground):
    """The whole engine over the fakes."""

    def __init__(self, world: World, *, size: int = 30, others: tuple[str, ...] = OTHERS, each: int = 3) -> None:
        super().__init__(world)
        self.records = FakeHealthRecords(world.calls)
        self.contacts = FakeBankContacts(world.store, self.institutions)
        self.current = PausedOutages(paused=world.paused, clock=world.clock)
        self.outages = self.current  # type: ignore[assignment]
        self.names: list[str] = []
        for number in range(size):
            self._connect(f"b{number:03}", BANK)
        for number, other in enumerate(others):
            self.institutions.put(InstitutionInfo(institution_id=other, name=other, fetched_at=world.clock.at))
            for one in range(each):
                self._connect(f"o{number}{one}", other)
        world.queue.tasks.clear()
        world.clock.move(timedelta(hours=1))
        self.updates_work()
        self.tick()

    def _connect(self, name: str, institution_id: str) -> None:
        name = hashlib.sha256(name.encode()).hexdigest()[:8]
        self.names.append(name)
        item = self.world.connected(name, owner=f"user-{name}", institution_id=institution_id)
        now, store = self.world.clock.at, self.world.store
        loaded = store.states[name]
        state = loaded.state.claim(now=now, owner="first").complete(
            now=now, cursor=f"{item.item_id}|0|0|0|", history_complete=True
        )
        state = state.contacted(at=now, failed=False, source=ContactSource.LIVE)
        store.save(state.model_copy(update={"is_set_up": True}), expected=loaded.version)
        self.synced_at(name, now)

    def synced_at(self, name: str, at: datetime) -> None:
        """The data of a connection is from then."""
        connections = self.world.store.connections
        connections[name] = connections[name].model_copy(update={"last_sync": at})

    # -- Banks -------------------------------------------------------------------------------------------------------

    def items(self, institution_id: str = BANK) -> list[FakeItem]:
        return [item for item in self.world.plaid.items.values() if item.institution_id == institution_id]

    def updates_work(self, *institutions: str) -> None:
        """Plaid updates the items without an outage."""
        for item in self.world.plaid.items.values():
            if item.refuses_live is None and (not institutions or item.institution_id in institutions):
                item.last_update = self.world.clock.at

    def goes_down_at_bank(
        self, institution_id: str = BANK, *, reported: bool = True, plaid_is_ahead: timedelta = timedelta(0)
    ) -> None:
        """The bank stops to answer: updates and live calls fail."""
        for item in self.items(institution_id):
            item.refuses_live, item.last_failed_update = DOWN, self.world.clock.at + plaid_is_ahead
        if reported:
            self.world.plaid.statuses[institution_id] = PlaidStatus(self.world.clock.at, **STOPPED)  # type: ignore[arg-type]

    def comes_back(self, institution_id: str = BANK) -> None:
        """The bank works again, and Plaid updates its items."""
        for item in self.items(institution_id):
            item.refuses_live, item.last_update = None, self.world.clock.at
        self.world.plaid.statuses.pop(institution_id, None)

    # -- The backend -------------------------------------------------------------------------------------------------

    @property
    def ask_status(self) -> AskPlaidStatus:
        world = self.world
        return AskPlaidStatus(
            country_codes=("US",),
            key_pairs=world.key_pairs,
            institutions=self.institutions,
            plaid=world.plaid,
        )

    @property
    def watch(self) -> WatchInstitutions:
        world = self.world
        return WatchInstitutions(
            records=self.records,
            contacts=self.contacts,
            ask_status=self.ask_status,
            tasks=world.queue,
            clock=world.clock,
            executors=world.executors,
        )

    @property
    def judge(self) -> JudgeInstitution:
        world = self.world
        probes = ConnectionProbes(
            contacts=self.contacts,
            records=self.records,
            syncs=world.store,
            plaid=world.plaid,
            access_tokens=AccessTokens(credentials=world.credentials, vault=world.vault),
            clock=world.clock,
        )
        return JudgeInstitution(
            detector=judge,
            records=self.records,
            contacts=self.contacts,
            gather=EvidenceGatherer(contacts=self.contacts, ask_status=self.ask_status),
            probes=probes,
            execution=PlanExecution(
                pauses=world.pauses,
                publish=self.publish_health,
                notify=self.notify,
                probes=probes,
                contacts=self.contacts,
                syncs=world.store,
                queue=world.queue,
                clock=world.clock,
            ),
            withdraw=self.published.withdraw,
            tasks=world.queue,
            clock=world.clock,
        )

    @property
    def override(self) -> OverrideHealth:
        world = self.world
        return OverrideHealth(records=self.records, tasks=world.queue, clock=world.clock)

    def tick(self) -> None:
        """A scheduler run, with all tasks that it enqueues; meanwhile Plaid updates the items whose bank works."""
        self.updates_work()
        for item in self.world.plaid.items.values():
            if item.refuses_live is not None and item.last_failed_update is not None:
                item.last_failed_update = max(item.last_failed_update, self.world.clock.at - timedelta(minutes=30))
        self.world.tick()
        self.watch()
        self.judge_enqueued()
        self.sync_enqueued()

    def judge_enqueued(self) -> None:
        queue, now = self.world.queue, self.world.clock.at
        due = {institution_id: None for at, institution_id in queue.judgements if at is None or at <= now}
        queue.judgements = [(at, one) for at, one in queue.judgements if at is not None and at > now]
        for institution_id in due:
            self.judge(institution_id)

    def sync_enqueued(self) -> None:
        queue = self.world.queue
        while queue.tasks:
            name, connection_id = queue.tasks.pop(0)
            self.world.sync(connection_id, task=name)

    def live(self, time: timedelta) -> None:
        """Scheduler runs, and the judgements in between."""
        until = self.world.clock.at + time
        while self.world.clock.at < until:
            for _ in range(3):
                self.world.clock.move(timedelta(minutes=5))
                self.judge_enqueued()
                self.sync_enqueued()
            self.tick()

    def refreshes(self, *names: str) -> None:
        """Users press Refresh."""
        for name in names:
            self.sync_requests.by_user(name, app_user_id=f"user-{name}", count=lambda: None)
        self.sync_enqueued()

    # -- What is stored ----------------------------------------------------------------------------------------------

    def record(self, institution_id: str = BANK) -> HealthRecord:
        found = self.records.kept.get(institution_id)
        return found[0] if found is not None else HealthRecord(institution_id=institution_id)

    def state(self, institution_id: str = BANK) -> HealthState:
        return self.record(institution_id).state

    def paused_until(self, institution_id: str = BANK) -> datetime | None:
        pause = self.world.paused.load()[0].outage_at(institution_id, now=self.world.clock.at)
        return pause.until if pause is not None else None
