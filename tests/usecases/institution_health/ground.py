"""A bank with several users, and the use cases that tell them about its health."""

from __future__ import annotations

from datetime import timedelta

from shared.domain.institution import InstitutionInfo
from shared.domain.institution_health.evidence import HealthState, OutageKind, Verdict
from shared.domain.institution_health.outage import Outage
from shared.domain.notification import Notification
from shared.usecases.institution_health.notify_outage import NotifyOutage
from shared.usecases.institution_health.publish_health import PublishHealth
from shared.usecases.sync.request_sync import SyncRequests
from tests.fake_outages import FakeOutageNotices, FakeOutages, FakePublishedHealth
from tests.fakes import FakeInstitutions
from tests.usecases.conftest import World

BANK = "ins_1"
HOUR = timedelta(hours=1)


class Ground:
    """The world with an institution of which tests say how it is."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.published = FakePublishedHealth()
        self.outages = FakeOutages()
        self.notices = FakeOutageNotices(world.store)
        self.institutions = FakeInstitutions()
        self.institutions.put(InstitutionInfo(institution_id=BANK, name="Chase", fetched_at=world.clock.at))
        self.publish_health = PublishHealth(connections=world.store, published=self.published, clock=world.clock)

    @property
    def notify(self) -> NotifyOutage:
        return NotifyOutage(
            connections=self.world.store,
            outages=self.outages,
            notices=self.notices,
            institutions=self.institutions,
            profiles=self.world.profiles,
            clock=self.world.clock,
        )

    @property
    def sync_requests(self) -> SyncRequests:
        world = self.world
        return SyncRequests(
            connections=world.store,
            syncs=world.store,
            queue=world.queue,
            clock=world.clock,
            manual_spacing=timedelta(0),
            outage_of=self.notify.on_refresh,
        )

    def users(self, *names: str) -> None:
        """Users with a synced connection each."""
        for name in names:
            self.world.connected(f"of-{name}", owner=name)
        self.world.settle()

    def verdict(self, state: HealthState, kind: OutageKind | None = OutageKind.BOTH) -> Verdict:
        return Verdict(state, kind, self.world.clock.at, share_failing=0.8, seen=20, failing=16, users_failing=16)

    def goes_down(self) -> Outage:
        now = self.world.clock.at
        self.outages.now[BANK] = Outage(BANK, since=now, next_check_at=now + timedelta(minutes=5))
        return self.outages.now[BANK]

    def notifications(self, kind: str) -> dict[str, Notification]:
        """The notifications of a kind, by user."""
        found = self.world.store.notifications
        return {name.partition("/")[0]: one for name, one in found.items() if one.kind == kind}
