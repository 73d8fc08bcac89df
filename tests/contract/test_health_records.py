"""The contracts of `HealthRecords` and `BankContacts`: the same tests over the fakes and over Firestore."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.firestore import health_records as firestore_records
from shared.adapters.firestore.bank_contacts import FirestoreBankContacts
from shared.adapters.firestore.health_records import FirestoreHealthRecords
from shared.domain.bank_contact import ContactSource
from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import Conflict
from shared.domain.institution_health.evidence import (
    Baseline,
    HealthState,
    OutageKind,
    PlaidStatus,
    RefreshInterval,
    Verdict,
)
from shared.domain.institution_health.record import HealthRecord, Override, Watchlist
from shared.domain.institution_health.recovery import Probes, Recovery
from shared.domain.sync_state import SyncState
from shared.ports import BankContacts, Contact, HealthRecords
from tests.fake_health import FakeBankContacts, FakeHealthRecords
from tests.fakes import FakeStore

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)
FULL = HealthRecord(
    institution_id="ins_1",
    connections=30,
    verdict=Verdict(HealthState.DOWN, OutageKind.BOTH, NOW, 0.9, 10, 9, 8, 1e-9, "many_failures", None, NOW, NOW),
    recovery=Recovery(HealthState.RECOVERING, NOW, NOW, NOW + HOUR, 2, 1, timedelta(minutes=10), NOW),
    probes=Probes(2, 1),
    planned_at=NOW,
    plaid=PlaidStatus(NOW, 0.5, 0.1, 0.4, RefreshInterval.DELAYED, 0.9),
    baseline=Baseline(1.5, 40.0),
    baseline_at=NOW,
    override=Override(state=HealthState.DOWN, since=NOW, until=NOW + HOUR, by="op"),
    announce_at=NOW,
    ended=NOW,
    settled=False,
)


@pytest.fixture(params=["fake", "firestore"])
def records(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> HealthRecords:
    if request.param == "fake":
        return FakeHealthRecords()
    client: Any = request.getfixturevalue("checked_client")
    one = uuid.uuid4().hex
    monkeypatch.setattr(firestore_records, "RECORDS", f"bank_institution_evidence_{one}")
    monkeypatch.setattr(firestore_records, "WATCHLIST", f"bank_institution_watch/{one}")
    return FirestoreHealthRecords(client)


def test_a_record_is_read_as_written_and_replaced_only_if_unchanged(records: HealthRecords) -> None:
    assert records.watchlist() == (Watchlist(), None)
    assert records.load("ins_1") is None
    watched = Watchlist().with_record(FULL, now=NOW, shared_at=NOW)
    version = records.save(FULL, expected=None, watchlist=(watched, None))
    assert records.load("ins_1") == (FULL, version)
    found, listed = records.watchlist()
    assert found == Watchlist(institutions=("ins_1",), unsettled=("ins_1",), paused=("ins_1",), shared_at=NOW)
    later = FULL.model_copy(update={"settled": True})
    with pytest.raises(Conflict):
        records.save(later, expected=None, watchlist=(watched, listed))
    with pytest.raises(Conflict):
        records.save(later, expected=version, watchlist=(watched, None))
    assert records.load("ins_1") == (FULL, version), "nothing of a refused commit is written"
    records.save(later, expected=version, watchlist=(watched.without("ins_1"), listed))
    with pytest.raises(Conflict):
        records.save(FULL, expected=version, watchlist=(watched, records.watchlist()[1]))
    records.forget("ins_1")
    records.forget("ins_1")
    assert records.load("ins_1") is None


def test_the_watchlist_alone_is_replaced_only_if_unchanged(records: HealthRecords) -> None:
    records.save_watchlist(Watchlist(institutions=("ins_1",)), expected=None)
    with pytest.raises(Conflict):
        records.save_watchlist(Watchlist(), expected=None)
    _, version = records.watchlist()
    records.save_watchlist(Watchlist(institutions=("ins_2",)), expected=version)
    assert records.watchlist()[0].institutions == ("ins_2",)
    with pytest.raises(Conflict):
        records.save_watchlist(Watchlist(), expected=version)


class Ground:
    """Connections to banks that only this test has."""

    def __init__(self, contacts: BankContacts, put: Any) -> None:
        self.contacts, self._put = contacts, put
        self.bank = f"ins_{uuid.uuid4().hex}"

    def connection(self, name: str, *, bank: str | None = None, **state: Any) -> str:
        connection_id = f"{name}-{self.bank}"
        source = bank or self.bank
        lost = state.pop("login_lost_at", None)
        connection = BankConnection(
            connection_id=connection_id,
            app_user_id=f"user-{name}",
            institution_id=source,
            item_id=f"item-{connection_id}",
            status=ItemStatus.BAD if lost else ItemStatus.GOOD,
            created_at=NOW,
            updated_at=lost or NOW,
        )
        made = SyncState.new(connection_id=connection_id, app_user_id=f"user-{name}", now=NOW, source=source)
        self._put(connection, made.model_copy(update=state))
        return connection_id


@pytest.fixture(params=["fake", "firestore"])
def ground(request: pytest.FixtureRequest) -> Ground:
    if request.param == "fake":
        from shared.ports import Loaded

        store = FakeStore()

        def keep(connection: BankConnection, state: SyncState) -> None:
            store.connections[connection.connection_id] = connection
            store.states[connection.connection_id] = Loaded(state=state, version=1)

        return Ground(FakeBankContacts(store), keep)
    client: Any = request.getfixturevalue("checked_client")

    def put(connection: BankConnection, state: SyncState) -> None:
        client.document(f"bank_connections/{connection.connection_id}").set(connection.model_dump(mode="python"))
        client.document(f"bank_sync_state/{connection.connection_id}").set(state.model_dump(mode="python"))

    return Ground(FirestoreBankContacts(client), put)


def contacted(
    at: datetime, *, failed: bool, source: ContactSource = ContactSource.LIVE, known_at: datetime | None = None
) -> dict[str, Any]:
    return {"bank_at": at, "bank_failed": failed, "bank_source": source, "bank_known_at": known_at or at}


def test_the_newest_contacts_of_a_bank_are_found_newest_first(ground: Ground) -> None:
    newest = ground.connection("a", **contacted(NOW, failed=True))
    checked = contacted(NOW - HOUR, failed=False, source=ContactSource.ITEM, known_at=NOW - HOUR / 2)
    older = ground.connection("b", **checked)
    ground.connection("c", **contacted(NOW - 7 * HOUR, failed=True))
    ground.connection("d")
    ground.connection("e", bank="ins_elsewhere", **contacted(NOW, failed=True))
    expected = [
        Contact(newest, "user-a", NOW, True, ContactSource.LIVE, NOW),
        Contact(older, "user-b", NOW - HOUR, False, ContactSource.ITEM, NOW - HOUR / 2),
    ]
    assert ground.contacts.latest(ground.bank, since=NOW - 6 * HOUR, limit=10) == expected
    assert ground.contacts.latest(ground.bank, since=NOW - 6 * HOUR, limit=1) == expected[:1]


def test_banks_with_a_recent_failure_are_found(ground: Ground) -> None:
    far = NOW + timedelta(days=365)  # other tests' failures are older
    assert ground.contacts.failing_since(far, limit=10) == set()
    ground.connection("a", **contacted(far + HOUR, failed=True))
    ground.connection("b", bank="ins_working", **contacted(far + HOUR, failed=False))
    assert ground.contacts.failing_since(far, limit=10) == {ground.bank}
    assert ground.contacts.failing_since(far + HOUR, limit=10) == set()


def test_a_failure_is_recent_from_when_it_became_known(ground: Ground) -> None:
    far = NOW + timedelta(days=366)
    hours_old = contacted(far - 5 * HOUR, failed=True, source=ContactSource.CHECK, known_at=far + HOUR)
    ground.connection("a", **hours_old)
    assert ground.contacts.failing_since(far, limit=10) == {ground.bank}


def test_lost_logins_are_found(ground: Ground) -> None:
    lost = ground.connection("a", login_lost_at=NOW)
    ground.connection("b", login_lost_at=NOW - 2 * HOUR)
    ground.connection("c")
    found = ground.contacts.logins_lost(ground.bank, since=NOW - HOUR, limit=10)
    assert [(one.connection_id, one.app_user_id, one.at) for one in found] == [(lost, "user-a", NOW)]


def test_deferred_syncs_are_counted_and_found_with_the_oldest_data_first(ground: Ground) -> None:
    young = ground.connection("a", deferred_from=NOW - HOUR)
    old = ground.connection("b", deferred_from=NOW - 2 * HOUR)
    ground.connection("c")
    assert ground.contacts.count_deferred(ground.bank) == 2
    assert ground.contacts.deferred(ground.bank, limit=10) == [old, young]
    assert ground.contacts.deferred(ground.bank, limit=1) == [old]


def test_connections_are_counted_and_chosen_from_anywhere_in_their_order(ground: Ground) -> None:
    names = [ground.connection(name) for name in ("a", "b", "c")]
    assert ground.contacts.count_at(ground.bank) == 3
    assert ground.contacts.count_all() >= 3
    assert ground.contacts.some_at(ground.bank, start="a", limit=2) == names[:2]
    assert ground.contacts.some_at(ground.bank, start="b", limit=5) == [names[1], names[2], names[0]]
    assert ground.contacts.some_at(ground.bank, start="z", limit=2) == names[:2]


def test_an_unknown_bank_has_no_connections(ground: Ground) -> None:
    assert ground.contacts.count_at("ins_unknown") == 0
    assert ground.contacts.some_at("ins_unknown", start="0", limit=5) == []
    assert ground.contacts.latest("ins_unknown", since=NOW - HOUR, limit=5) == []
