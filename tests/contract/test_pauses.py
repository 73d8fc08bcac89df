"""The contract of the port `PausedSyncs`: the same tests over the fake and over Firestore."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.adapters.firestore import pauses as firestore_pauses
from shared.adapters.firestore.pauses import FirestorePauses
from shared.domain.errors import Conflict
from shared.domain.pause import Pause, Pauses
from shared.ports import PausedSyncs
from tests.fakes import FakePauses

PAUSE = Pause(since=datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC), by="op", reason="nonsense")


@pytest.fixture(params=["fake", "firestore"])
def paused(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> PausedSyncs:
    if request.param == "fake":
        return FakePauses()
    client: Any = request.getfixturevalue("firestore_client")
    monkeypatch.setattr(firestore_pauses, "PAUSES", f"bank_pauses/{request.node.name[:20]}")  # not the stack's own
    client.document(firestore_pauses.PAUSES).delete()
    return FirestorePauses(client)


def test_pauses_are_read_as_written_and_replaced_only_if_unchanged(paused: PausedSyncs) -> None:
    nothing, version = paused.load()
    assert (nothing, version) == (Pauses(), None)
    kept = Pauses(everything=PAUSE, institutions={"ins_1": PAUSE, "odd.name/with `signs`": PAUSE})
    paused.save(kept, expected=None)
    with pytest.raises(Conflict):
        paused.save(nothing, expected=None)
    found, version = paused.load()
    assert found == kept
    paused.save(found.resumed("ins_1"), expected=version)
    with pytest.raises(Conflict):
        paused.save(nothing, expected=version)
    assert set(paused.load()[0].institutions) == {"odd.name/with `signs`"}
