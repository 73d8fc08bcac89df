"""The latest outcome of a call that reached a connection's bank, and since when the backend knows it."""

from datetime import UTC, datetime, timedelta

from shared.domain.bank_contact import BankContact, ContactSource

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_live_call_is_known_at_once_and_an_update_of_plaid_when_it_is_read() -> None:
    live = BankContact().contacted(at=NOW, failed=True, source=ContactSource.LIVE)
    assert (live.bank_at, live.bank_known_at) == (NOW, NOW)
    checked = BankContact().item_read(worked_at=None, failed_at=NOW - HOUR, now=NOW)
    assert (checked.bank_at, checked.bank_known_at, checked.bank_source) == (NOW - HOUR, NOW, ContactSource.CHECK)
    assert checked.item_read(worked_at=None, failed_at=NOW - HOUR, now=NOW + HOUR) == checked, "it is not news again"


def test_a_probe_that_finds_the_same_update_confirms_it() -> None:
    checked = BankContact().item_read(worked_at=None, failed_at=NOW - HOUR, now=NOW)
    for later in (NOW + HOUR, NOW + 2 * HOUR):
        checked = checked.contacted(at=NOW - HOUR, failed=True, source=ContactSource.ITEM, known_at=later)
        assert (checked.bank_at, checked.bank_source) == (NOW - HOUR, ContactSource.ITEM)
        assert checked.bank_known_at == later


def test_an_update_of_plaid_changes_no_newer_live_call() -> None:
    live = BankContact().contacted(at=NOW, failed=False, source=ContactSource.LIVE)
    for at in (NOW - HOUR, NOW):
        assert live.contacted(at=at, failed=True, source=ContactSource.ITEM, known_at=NOW + HOUR) == live
