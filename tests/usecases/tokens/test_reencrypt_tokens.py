"""Tokens are re-encrypted with the newest key, even when steps are interrupted; with real encryption."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from shared.adapters.vault.envelope import EnvelopeVault
from shared.adapters.vault.keys import LocalKeys, new_keyset
from shared.domain.connection import SealedToken
from shared.domain.errors import ErrorClass, VaultError
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import Region
from shared.ports import StoredSeal
from shared.usecases.tokens.reencrypt_tokens import Reencryption, ReencryptionResult
from tests.fake_seals import FakeSeals
from tests.fakes import vault_problem

OLD = new_keyset()
BOTH = new_keyset(after=OLD)
PLACES = ("bank_credentials", "bank_exchange_intents", "bank_removals")


class Killed(BaseException):
    """The process dies."""


class Fragile:
    """Wraps an object and sometimes dies before or after one of its calls."""

    def __init__(self, what: Any, dies: Callable[[], bool]) -> None:
        self._what, self._dies = what, dies

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            self._die()
            answer = getattr(self._what, name)(*args, **more)
            self._die()
            return answer

        return call

    def _die(self) -> None:
        if self._dies():
            raise Killed


def vault(keyset: str) -> EnvelopeVault:
    return EnvelopeVault(LocalKeys(keyset))


def place_of(number: int) -> dict[str, Any]:
    return {"app_user_id": f"user-{number % 7}", "connection_id": f"c{number}"}


def sealed_with_the_old_key(count: int) -> FakeSeals:
    seals, old = FakeSeals(), vault(OLD)
    for number in range(count):
        place = place_of(number)
        sealed = old.seal(PlaidToken(f"token {number}", Region.US), **place)
        seals.put(f"{PLACES[number % 3]}/c{number}", sealed, **place)
    return seals


def opened(seals: FakeSeals, keyset: str) -> dict[str, str]:
    """All tokens, by connection."""
    held = vault(keyset)
    return {
        s.connection_id: held.open(s.sealed, app_user_id=s.app_user_id, connection_id=s.connection_id).reveal()
        for s in seals.places.values()
    }


def without_the_old_key() -> str:
    keyset = json.loads(BOTH)
    return json.dumps(keyset | {"key": [key for key in keyset["key"] if key["keyId"] == keyset["primaryKeyId"]]})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_thousand_tokens_with_random_interruptions_end_on_the_new_key(seed: int) -> None:
    seals, rng = sealed_with_the_old_key(1000), random.Random(seed)
    before = opened(seals, OLD)
    kills = 0
    while True:
        fragile = Fragile(seals, lambda: rng.random() < 0.004), Fragile(vault(BOTH), lambda: rng.random() < 0.002)
        try:
            came = Reencryption(seals=fragile[0], vault=fragile[1])(limit=rng.choice([None, 90, 300]))
        except Killed:
            kills += 1
            continue
        if came.done:
            break
    assert kills > 3
    assert {s.sealed.key_id for s in seals.places.values()} == {vault(BOTH).newest_key()}
    assert opened(seals, without_the_old_key()) == before


def test_step_is_bounded_and_the_next_one_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    seals = sealed_with_the_old_key(10)
    again = Reencryption(seals=seals, vault=vault(BOTH))
    newest = vault(BOTH).newest_key()
    assert again(limit=4) == ReencryptionResult(newest, moved=4, unopened=0, busy=0, done=False)
    assert again(limit=7) == ReencryptionResult(newest, moved=6, unopened=0, busy=0, done=True)
    assert again() == ReencryptionResult(newest, moved=0, unopened=0, busy=0, done=True)


def test_a_token_that_does_not_open_is_reported_and_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    seals = sealed_with_the_old_key(250)
    for place in ("bank_credentials/c0", "bank_removals/c2"):
        stored = seals.places[place]
        seals.put(place, SealedToken(ciphertext="", key_id="x"), **place_of(int(stored.connection_id[1:])))
    came = Reencryption(seals=seals, vault=vault(BOTH))(limit=None)
    assert (came.moved, came.unopened, came.done) == (248, 2, True)
    left = {record.fields["place"] for record in caplog.records if record.getMessage() == "reencryption.unopened"}  # type: ignore[attr-defined]
    assert left == {"bank_credentials/c0", "bank_removals/c2"}


def test_token_rotated_meanwhile_is_not_overwritten() -> None:
    seals = sealed_with_the_old_key(3)
    newer = vault(BOTH).seal(PlaidToken("rotated", Region.US), **place_of(0), generation=2)

    class Meanwhile(FakeSeals):
        def replace(self, stored: StoredSeal, sealed: SealedToken) -> None:
            if stored.connection_id == "c0":
                self.put(stored.place, newer, **place_of(0))
            super().replace(stored, sealed)

    meeting = Meanwhile()
    meeting.places, meeting._versions = seals.places, seals._versions
    came = Reencryption(seals=meeting, vault=vault(BOTH))()
    assert (came.moved, came.busy) == (2, 1)
    assert opened(seals, BOTH)["c0"] == "rotated"


def test_earlier_ciphertext_does_not_open_after_it_was_replaced() -> None:
    seals = sealed_with_the_old_key(1)
    before = seals.places["bank_credentials/c0"].sealed
    Reencryption(seals=seals, vault=vault(BOTH))()
    after = seals.places["bank_credentials/c0"].sealed
    assert after.generation == before.generation + 1
    with pytest.raises(VaultError) as refused:
        vault(BOTH).open(after.model_copy(update={"ciphertext": before.ciphertext}), **place_of(0))
    assert refused.value.error_code == "SEAL_OUTDATED"


def test_key_service_outage_stops_the_step_and_reports_no_token() -> None:
    seals = sealed_with_the_old_key(2)

    class Down(EnvelopeVault):
        def open(self, *_args: Any, **_more: Any) -> PlaidToken:
            raise vault_problem(ErrorClass.TRANSIENT, "UNAVAILABLE")

    with pytest.raises(VaultError):
        Reencryption(seals=seals, vault=Down(LocalKeys(BOTH)))()
    assert len(opened(seals, OLD)) == 2
