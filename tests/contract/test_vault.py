"""The contract of the port `Vault`: the same tests over the local keyset and over Cloud KMS's REST API."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from urllib3.util.retry import Retry

from shared.adapters.google.kms import KmsKeys
from shared.adapters.vault.envelope import EnvelopeVault, vault_for
from shared.adapters.vault.keys import HINTS, LocalKeys, new_keyset
from shared.domain.connection import SealedToken
from shared.domain.errors import ErrorClass, VaultError
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import Region
from shared.settings import Settings
from tests.kms import KEY, TwinKms, session, twin_kms

TOKEN = PlaidToken("access-fake-ÅÄÖ", Region.US)
ALICE: dict[str, Any] = {"app_user_id": "alice", "connection_id": "c1"}


@dataclass
class Ground:
    """A vault, and the operator actions on its key."""

    vault: EnvelopeVault
    rotate: Callable[[], None]
    retire: Callable[[str], None]  # a key version


class LocalGround:
    def __init__(self) -> None:
        self.keyset = new_keyset()
        self.ground = Ground(EnvelopeVault(LocalKeys(self.keyset)), self._rotate, self._retire)

    def _rotate(self) -> None:
        self._use(new_keyset(after=self.keyset))

    def _retire(self, key_id: str) -> None:
        keyset = json.loads(self.keyset)
        for key in keyset["key"]:
            if str(key["keyId"]) == key_id:
                key["status"] = "DISABLED"
        self._use(json.dumps(keyset))

    def _use(self, keyset: str) -> None:
        self.keyset = keyset
        self.ground.vault._keys = LocalKeys(keyset)


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[TwinKms]:
    monkeypatch.setattr(Retry, "sleep", lambda self, response=None: None)
    with twin_kms() as twin:
        yield twin


def kms_vault(kms: TwinKms, *, token: str | None = None, key: str = KEY) -> EnvelopeVault:
    return EnvelopeVault(KmsKeys(key, session=session(token) if token else session(), url=kms.url))


@pytest.fixture(params=["local", "kms"])
def ground(request: pytest.FixtureRequest) -> Ground:
    if request.param == "local":
        return LocalGround().ground
    twin: TwinKms = request.getfixturevalue("kms")

    def retire(key_id: str) -> None:
        twin.retired[int(key_id.rpartition("/")[2])] = "DESTROYED"

    return Ground(kms_vault(twin), twin.rotate, retire)


def refusal(vault: EnvelopeVault, sealed: SealedToken, **place: str) -> str:
    """Why the vault refuses to open a token."""
    with pytest.raises(VaultError) as refused:
        vault.open(sealed, **{**ALICE, **place})
    assert (refused.value.error_class, refused.value.error_type) == (ErrorClass.CONFIGURATION, "VAULT")
    assert refused.value.code == "backend_misconfigured"
    assert TOKEN.reveal() not in str(refused.value)
    return refused.value.error_code


def test_what_was_sealed_opens_in_its_place(ground: Ground) -> None:
    sealed = ground.vault.seal(TOKEN, **ALICE)
    assert ground.vault.open(sealed, **ALICE) == TOKEN
    assert sealed.key_id == ground.vault.newest_key()
    assert SealedToken.model_validate(sealed.model_dump()) == sealed
    assert TOKEN.reveal() not in base64.b64decode(sealed.ciphertext).decode(errors="replace")


def test_each_token_has_a_data_key_of_its_own(ground: Ground) -> None:
    first, second = (ground.vault.seal(TOKEN, **ALICE) for _ in range(2))
    assert first.ciphertext[60:] != second.ciphertext[60:]
    assert ground.vault.open(first, **ALICE) == ground.vault.open(second, **ALICE)


def test_a_ciphertext_copied_to_another_connection_or_user_does_not_open(ground: Ground) -> None:
    sealed = ground.vault.seal(TOKEN, **ALICE)
    other = ground.vault.seal(PlaidToken("another", Region.US), app_user_id="alice", connection_id="c2")
    assert refusal(ground.vault, other) == "SEAL_MISPLACED"
    assert refusal(ground.vault, sealed, connection_id="c2") == "SEAL_MISPLACED"
    assert refusal(ground.vault, sealed, app_user_id="bob") == "SEAL_MISPLACED"
    assert refusal(ground.vault, sealed, app_user_id="alic", connection_id="ec1") == "SEAL_MISPLACED"


def test_a_ciphertext_that_was_cut_short_or_altered_does_not_open(ground: Ground) -> None:
    sealed = ground.vault.seal(TOKEN, **ALICE)
    raw = base64.b64decode(sealed.ciphertext)
    for damaged in (b"", raw[:1], raw[:20], raw[:40], raw[: len(raw) // 2], raw[:-1], raw + b"x"):
        text = base64.b64encode(damaged).decode()
        assert refusal(ground.vault, sealed.model_copy(update={"ciphertext": text})) == "SEAL_DAMAGED"
    for at in range(0, len(raw), 7):
        altered = bytes([*raw[:at], raw[at] ^ 1, *raw[at + 1 :]])
        text = base64.b64encode(altered).decode()
        assert refusal(ground.vault, sealed.model_copy(update={"ciphertext": text})) == "SEAL_DAMAGED"
    assert refusal(ground.vault, sealed.model_copy(update={"ciphertext": "not base64!"})) == "SEAL_DAMAGED"


def test_an_earlier_ciphertext_put_back_does_not_open(ground: Ground) -> None:
    first = ground.vault.seal(TOKEN, **ALICE)
    second = ground.vault.seal(PlaidToken("newer", Region.US), **ALICE, generation=2)
    replayed = second.model_copy(update={"ciphertext": first.ciphertext})
    assert refusal(ground.vault, replayed) == "SEAL_OUTDATED"


def test_a_forged_header_does_not_help(ground: Ground) -> None:
    """The checks that name a reason are only diagnostics: if all of them are bypassed, the encryption still refuses."""
    from shared.adapters.vault.envelope import _HEADER, _checksum, _digest

    sealed = ground.vault.seal(TOKEN, **ALICE)
    raw = base64.b64decode(sealed.ciphertext)[:-8]
    version, generation, digest, length = _HEADER.unpack_from(raw)
    for header, place, expected in (
        ((version, generation, _digest("bob", "c1"), length), {"app_user_id": "bob"}, 1),
        ((version, 2, digest, length), {}, 2),
    ):
        forged = _HEADER.pack(*header) + raw[_HEADER.size :]
        text = base64.b64encode(forged + _checksum(forged)).decode()
        stored = SealedToken(ciphertext=text, key_id=sealed.key_id, generation=expected)
        assert refusal(ground.vault, stored, **place) == "SEAL_BROKEN"


def test_a_newer_key_seals_and_the_older_one_still_opens(ground: Ground) -> None:
    before = ground.vault.seal(TOKEN, **ALICE)
    ground.rotate()
    after = ground.vault.seal(TOKEN, **ALICE)
    assert after.key_id == ground.vault.newest_key() != before.key_id
    assert ground.vault.open(before, **ALICE) == ground.vault.open(after, **ALICE) == TOKEN


def test_what_a_retired_key_has_sealed_does_not_open(ground: Ground) -> None:
    before = ground.vault.seal(TOKEN, **ALICE)
    ground.rotate()
    after = ground.vault.seal(TOKEN, **ALICE)
    ground.retire(before.key_id)
    assert refusal(ground.vault, before) == "KEY_RETIRED"
    assert ground.vault.open(after, **ALICE) == TOKEN


def test_what_another_key_has_sealed_does_not_open(ground: Ground) -> None:
    foreign = LocalGround().ground.vault.seal(TOKEN, **ALICE)
    assert refusal(ground.vault, foreign) == "KEY_UNKNOWN"


def test_reason_of_a_refusal_is_logged(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    sealed = ground.vault.seal(TOKEN, **ALICE)
    with caplog.at_level(logging.ERROR):
        refusal(ground.vault, sealed, connection_id="c2")
    (line,) = [record.fields for record in caplog.records if record.getMessage() == "vault.closed"]  # type: ignore[attr-defined]
    assert (line["error_code"], line["hint"]) == ("SEAL_MISPLACED", HINTS["SEAL_MISPLACED"])


def test_sealing_makes_no_network_call(kms: TwinKms) -> None:
    seal = kms_vault(kms).sealer(**ALICE)
    kms.faults += ["drop"] * 9
    asked = len(kms.calls)
    sealed = seal(TOKEN)
    assert len(kms.calls) == asked
    kms.faults.clear()
    assert kms_vault(kms).open(sealed, **ALICE) == TOKEN


@pytest.mark.parametrize("fault", [500, 503, 429, "drop", "damage"])
def test_short_kms_failure_is_retried(kms: TwinKms, fault: int | str) -> None:
    vault = kms_vault(kms)
    kms.faults.append(fault)
    sealed = vault.seal(TOKEN, **ALICE)
    kms.faults.append(fault)
    assert vault.open(sealed, **ALICE) == TOKEN


@pytest.mark.parametrize("fault", [500, 503, 429, "drop", "damage", "html"])
def test_kms_outage_blocks_sealing_and_opening_until_it_ends(kms: TwinKms, fault: int | str) -> None:
    vault = kms_vault(kms)
    sealed = vault.seal(TOKEN, **ALICE)
    for call in (lambda: vault.seal(TOKEN, **ALICE), lambda: vault.open(sealed, **ALICE), vault.newest_key):
        kms.faults = [fault] * 3
        with pytest.raises(VaultError) as down:
            call()
        assert (down.value.error_class, down.value.error_type) == (ErrorClass.TRANSIENT, "VAULT")
        assert down.value.retry_after_seconds
        assert kms.faults == [] or fault == "html"
    kms.faults = []
    assert vault.open(sealed, **ALICE) == TOKEN


def test_a_request_that_did_not_arrive_as_it_was_sent_is_sent_again(kms: TwinKms) -> None:
    kms.faults.append("not_arrived")
    kms_vault(kms).seal(TOKEN, **ALICE)
    assert kms.calls == ["encrypt", "encrypt"]


def test_caller_without_permission_for_the_key_is_refused(kms: TwinKms) -> None:
    sealed = kms_vault(kms).seal(TOKEN, **ALICE)
    for vault in (kms_vault(kms, token="another-account"), kms_vault(kms, key=f"{KEY}-x")):
        with pytest.raises(VaultError) as refused:
            vault.seal(TOKEN, **ALICE)
        assert refused.value.error_code == "NO_VAULT_KEY"
    assert refusal(kms_vault(kms, token="another-account"), sealed) == "NO_VAULT_KEY"
    assert refusal(kms_vault(kms, key=f"{KEY}-x"), sealed) == "KEY_UNKNOWN"


def test_a_disabled_newest_key_seals_nothing(kms: TwinKms) -> None:
    kms.retired[1] = "DISABLED"
    with pytest.raises(VaultError) as refused:
        kms_vault(kms).seal(TOKEN, **ALICE)
    assert refused.value.error_code == "KEY_RETIRED"


LOCAL = Settings.model_validate({"project": "demo-bank", "vault_keyset": new_keyset()})


@pytest.mark.parametrize(
    ("settings", "error_code"),
    [
        ({"project": "demo-bank"}, "NO_VAULT_KEY"),
        ({"project": "bank-prod"}, "NO_VAULT_KEY"),
        ({"project": "bank-prod", "vault_keyset": new_keyset()}, "LOCAL_KEY_REFUSED"),
        ({"project": "demo-bank", "vault_keyset": "{}"}, "VAULT_KEY_UNREADABLE"),
        ({"project": "demo-bank", "vault_keyset": "nothing"}, "VAULT_KEY_UNREADABLE"),
    ],
)
def test_vault_requires_a_usable_key(settings: dict[str, str], error_code: str) -> None:
    with pytest.raises(VaultError) as refused:
        vault_for(Settings.model_validate(settings))
    assert refused.value.error_code == error_code


def test_the_local_keyset_serves_projects_that_do_not_exist() -> None:
    assert vault_for(LOCAL).open(vault_for(LOCAL).seal(TOKEN, **ALICE), **ALICE) == TOKEN


def test_a_real_project_without_credentials_has_no_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    def none(**_: object) -> None:
        raise DefaultCredentialsError

    monkeypatch.setattr(google.auth, "default", none)
    with pytest.raises(VaultError) as refused:
        vault_for(Settings.model_validate({"project": "bank-prod", "vault_key": KEY}))
    assert refused.value.error_code == "NO_VAULT_KEY"


def test_key_of_a_real_project_is_used_at_cloud_kms_with_the_service_account(
    monkeypatch: pytest.MonkeyPatch, kms: TwinKms
) -> None:
    import google.auth
    from google.oauth2.credentials import Credentials

    from shared.adapters.google import kms as adapter

    asked: list[object] = []

    def default(*, scopes: object) -> tuple[Credentials, str]:
        asked.append(scopes)
        return Credentials(token="a-service-account"), "bank-prod"  # type: ignore[no-untyped-call]

    monkeypatch.setattr(google.auth, "default", default)
    monkeypatch.setattr(adapter.KmsKeys.__init__, "__kwdefaults__", {"url": kms.url})
    vault = vault_for(Settings.model_validate({"project": "bank-prod", "vault_key": KEY}))
    assert vault.open(vault.seal(TOKEN, **ALICE), **ALICE) == TOKEN
    assert asked == [adapter.SCOPES]


@pytest.mark.parametrize("key", ["tokens", f"{KEY}/cryptoKeyVersions/1", f"/{KEY}", "projects//locations/l"])
def test_incomplete_key_name_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="vault_key"):
        Settings.model_validate({"project": "bank-prod", "vault_key": key})


def test_local_kms_refuses_a_wrong_checksum(kms: TwinKms) -> None:
    damaged = {"plaintext": "YQ==", "plaintextCrc32c": "1"}
    assert session().post(f"{kms.url}/v1/{KEY}:encrypt", json=damaged, timeout=5).status_code == 400
