"""The audit logs that the last tests left behind can be signed and are complete; damage is reported."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from emulators.environment import keyset
from shared.adapters.firestore.audit import ENTRIES, HEADS
from shared.adapters.vault.audit_signer import TinkSigner
from shared.usecases.audit.check_audit import CheckAudit
from shared.usecases.audit.sign_audit import SignAudit
from tests.e2e.bank import Bank
from tests.e2e.left_behind import RETENTION, audit_of, damaged_audit_logs
from tests.fakes import FakeClock

pytestmark = pytest.mark.usefixtures("used_stack")


def test_every_users_log_is_complete_can_be_signed_and_reports_damage(bank: Bank) -> None:
    audit, clock, signer = audit_of(bank), FakeClock(datetime.now(UTC) + timedelta(days=2)), TinkSigner(keyset("audit"))
    users = audit.unsigned(clock.now(), limit=10_000)
    assert users
    assert damaged_audit_logs(bank) == {}
    assert SignAudit(audit=audit, signer=signer, clock=clock)() == len(users)

    def damages(user: str) -> list[str]:
        _, found = CheckAudit(audit=audit, signer=signer, clock=clock, retention=RETENTION)(user)
        return [str(damage) for damage in found]

    longest = max(users, key=lambda user: audit.head(user)[0].seq)
    assert damages(longest) == []
    entries = [f"{HEADS}/{longest}/{ENTRIES}/{seq:010d}" for seq in range(1, audit.head(longest)[0].seq + 1)]
    path = entries[0]
    bank.backend.update(path, {"connection_id": "another"}).raise_for_status()
    assert damages(longest) == ["entry 1: was changed"]
    bank.backend.delete(path).raise_for_status()
    assert damages(longest) == ["entry 1: is missing"]
    bank.backend.seed({}, gone=(f"{HEADS}/{longest}", *entries))  # later checks of the same stack must find no damage
