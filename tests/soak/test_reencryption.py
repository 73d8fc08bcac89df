"""A thousand sealed tokens in the real store are re-encrypted by processes that are killed at random moments.

They are in a separate database, because the stack's other data are sealed with its own key.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from emulators.setup import ROOT
from emulators.stack import Stack
from shared.adapters.vault.envelope import EnvelopeVault
from shared.adapters.vault.keys import LocalKeys, new_keyset
from shared.domain.connection import SealedToken
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import Region
from tests.soak.ground import SOAK

pytestmark = pytest.mark.timeout(900 if SOAK else 120)

TOKENS, KILLS = (1000, 12) if SOAK else (60, 2)
DATABASE = "reencryption"
PLACES = ("bank_credentials", "bank_exchange_intents", "bank_removals")
PROCESS = f"""
import os
from google.cloud import firestore
from shared.adapters.firestore.sealed_tokens import FirestoreSeals
from shared.adapters.vault.envelope import EnvelopeVault
from shared.adapters.vault.keys import LocalKeys
from shared.usecases.tokens.reencrypt_tokens import Reencryption
client = firestore.Client(project="demo-bank", database="{DATABASE}")
vault = EnvelopeVault(LocalKeys(os.environ["KEYSET"]))
print("begins", flush=True)
came = Reencryption(seals=FirestoreSeals(client), vault=vault)(limit=None)
print("done" if came.done and not came.busy and not came.unopened else came, flush=True)
"""


@pytest.fixture
def store(stack: Stack) -> Iterator[Any]:
    from google.cloud import firestore

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{stack.ports.firestore}")
        client = firestore.Client(project="demo-bank", database=DATABASE)
    yield client
    client.close()  # type: ignore[no-untyped-call]


def place_of(number: int) -> dict[str, Any]:
    return {"app_user_id": f"user-{number % 50}", "connection_id": f"c{number}"}


def fill(store: Any, vault: EnvelopeVault) -> None:
    for start in range(0, TOKENS, 400):
        batch = store.batch()
        for number in range(start, min(start + 400, TOKENS)):
            sealed = vault.seal(PlaidToken(f"token {number}", Region.US), **place_of(number)).model_dump()
            collection = PLACES[number % 3]
            fields = sealed if collection == "bank_credentials" else {"access_token": sealed}
            batch.set(store.document(collection, f"c{number}"), place_of(number) | fields)
        batch.commit()


def sealed_in(store: Any) -> dict[int, SealedToken]:
    found: dict[int, SealedToken] = {}
    for collection in PLACES:
        for snapshot in store.collection(collection).stream():
            fields = snapshot.to_dict()
            found[int(snapshot.id[1:])] = SealedToken.model_validate(fields.get("access_token", fields))
    return found


def test_tokens_end_on_the_new_key_although_processes_are_killed(
    store: Any, stack: Stack, rng: Random, tell: Callable[[str], None]
) -> None:
    old = new_keyset()
    both = new_keyset(after=old)
    fill(store, EnvelopeVault(LocalKeys(old)))
    newest = EnvelopeVault(LocalKeys(both)).newest_key()
    environment = os.environ | {
        "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{stack.ports.firestore}",
        "KEYSET": both,
        "NO_PROXY": "127.0.0.1",
    }
    left: list[int] = []
    for turn in range(KILLS + 1):
        with subprocess.Popen(
            [sys.executable, "-c", PROCESS], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begins\n"
            if turn < KILLS:
                time.sleep(rng.uniform(0.05, 0.6))
                process.kill()
            said = process.stdout.read()
        left.append(sum(sealed.key_id != newest for sealed in sealed_in(store).values()))
    assert said == "done\n"
    assert left[-1] == 0
    only_new = json.loads(both)
    only_new["key"] = [key for key in only_new["key"] if key["keyId"] == only_new["primaryKeyId"]]
    vault = EnvelopeVault(LocalKeys(json.dumps(only_new)))
    opened = {number: vault.open(sealed, **place_of(number)).reveal() for number, sealed in sealed_in(store).items()}
    assert opened == {number: f"token {number}" for number in range(TOKENS)}
    tell(f"{TOKENS} tokens, {KILLS} kills; left after each process: {left}")
