"""A user with much data erases it during a Plaid outage: the store is empty at once, items are removed later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from emulators.client import User
from tests.e2e.bank import Bank, wait_until
from tests.e2e.traces import audit_of, traces_of
from tests.firestore_rest import Json
from tests.soak.ground import LONG_AGO, SOAK

pytestmark = pytest.mark.timeout(1800 if SOAK else 300)

CONNECTIONS, ROWS = (5, 4_000) if SOAK else (2, 300)
DOWN_FOR = timedelta(minutes=10)
PATIENCE = 600.0


@pytest.fixture
def down(bank: Bank) -> Iterator[Callable[[], None]]:
    """Plaid removes no item until the returned function is called."""
    fault = {"kind": "error", "error_code": "INTERNAL_SERVER_ERROR", "endpoint": "/item/remove"}
    bank.control("POST", "faults", **fault, times=None)

    def up() -> None:
        bank.http.delete(f"{bank.stack.plaid.base_url}/_sim/faults").raise_for_status()

    yield up
    up()


def connect(bank: Bank, user: User, seed: int) -> str:
    login = json.dumps({"transactions": ROWS, "seed": seed})
    return str(bank.connect(user, username="user_generated", password=login)["connection_id"])


def test_everything_of_a_user_goes_and_plaid_being_down_holds_up_the_items_alone(
    bank: Bank, user: User, down: Callable[[], None], tell: Callable[[str], None]
) -> None:
    made = [connect(bank, user, seed) for seed in range(CONNECTIONS)]
    for connection_id in made:
        bank.wait_until_synced(user, connection_id, within=PATIENCE)
    items = [item["item_id"] for item in bank.items(user)]
    before = traces_of(bank, user, made)
    assert sum("/bank_transactions/" in path for path in before) == CONNECTIONS * ROWS

    def at_plaid() -> list[str]:
        return [bank.control("GET", f"items/{item}")["state"] for item in items]

    def tombstones() -> list[Json]:
        return [one for i in made if (one := bank.admin.get(f"bank_removals/{i}")) is not None]

    def asked_again(before: dict[str, int]) -> bool:
        return all(one["attempts"] > before[one["connection_id"]] for one in tombstones())

    def left() -> list[str]:
        return sorted(
            path for path in traces_of(bank, user, made) if not path.startswith(("bank_pushes/", "bank_limits/"))
        )

    assert bank.rest("DELETE", "data", user).status_code == 202
    removing = [*(f"bank_removals/{i}" for i in made), *(f"bank_items/{i}" for i in items)]
    wanting = sorted([f"bank_erasures/{user.uid}", *removing])
    wait_until("the stored data is removed", lambda: left() == wanting, within=PATIENCE)

    # The backend's own delays pass faster: each wait is cut short, until the next one would be long enough.
    put_off = timedelta()
    while put_off < DOWN_FOR:
        tried = {one["connection_id"]: one["attempts"] for one in tombstones()}
        assert set(tried) == set(made), "a removal was forgotten while Plaid was down"
        for connection_id in made:
            bank.backend.update(f"bank_removals/{connection_id}", {"due_at": LONG_AGO}).raise_for_status()
        bank.run_schedule()
        wait_until("Plaid refused another attempt", partial(asked_again, tried), within=120)
        put_off = min(one["due_at"] for one in tombstones()) - datetime.now(UTC)
    assert at_plaid() == ["healthy"] * CONNECTIONS

    def gone() -> bool:
        """Whether nothing is left. An attempt that ran when Plaid came back may have put its removal off again."""
        for one in tombstones():
            if one["due_at"] > datetime.now(UTC):
                moved = bank.backend.update(f"bank_removals/{one['connection_id']}", {"due_at": LONG_AGO})
                assert moved.status_code in (200, 404)  # 404: it has completed meanwhile
                bank.run_schedule()
        return left() == []

    down()
    wait_until("every document is removed", gone, within=120, shown=left)
    assert at_plaid() == ["removed"] * CONNECTIONS
    trail = [entry["action"] for entry in audit_of(bank, user)]
    assert trail.count("removal_done") == CONNECTIONS
    assert trail[-1] == "erasure_done"
    tell(f"{CONNECTIONS} connections with {CONNECTIONS * ROWS} rows: gone here while Plaid was down, then there, too")
