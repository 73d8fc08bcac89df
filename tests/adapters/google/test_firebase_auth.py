"""Who counts as the caller, tested with Firebase's real SDK and certificates from a local server.

The Auth emulator accepts expired and unsigned tokens, so it cannot test this.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import google.auth
import pytest
from firebase_admin import _token_gen, _user_mgt, app_check
from google.oauth2.credentials import Credentials

from shared.adapters.google.firebase_auth import FirebaseCallers
from shared.domain.errors import BankError, Unauthenticated, Unavailable
from tests.firebase import (
    APP,
    NUMBER,
    PROJECT,
    TwinFirebase,
    app_token,
    callers_of,
    certificate,
    id_token,
    twin_firebase,
)

NOW = int(time.time())


def by_now(value: object) -> str:
    """A case's name, equal in every process: times are relative to now."""
    return re.sub(r"\b\d{10}\b", lambda at: f"now{int(at[0]) - NOW:+d}", str(value))


@pytest.fixture
def firebase(monkeypatch: pytest.MonkeyPatch) -> Iterator[TwinFirebase]:
    monkeypatch.delenv("FIREBASE_AUTH_EMULATOR_HOST", raising=False)
    credentials = Credentials(token="a-service-account")  # type: ignore[no-untyped-call]
    monkeypatch.setattr(google.auth, "default", lambda **_: (credentials, PROJECT))
    with twin_firebase() as twin:
        monkeypatch.setattr(_token_gen, "ID_TOKEN_CERT_URI", f"{twin.url}/certs")
        monkeypatch.setattr(_user_mgt.UserManager, "ID_TOOLKIT_URL", f"{twin.url}/v1")
        monkeypatch.setattr(app_check._AppCheckService, "_JWKS_URL", f"{twin.url}/jwks")
        yield twin


@pytest.fixture
def callers(firebase: TwinFirebase) -> Iterator[FirebaseCallers]:
    with callers_of(PROJECT) as made:
        yield made


def refusal(callers: FirebaseCallers, token: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        callers.verify(token)
    assert token not in str(refused.value) or len(token) < 10
    return refused.value.code


def unsigned(header: Any, payload: Any, signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def hmac_signed(claims: dict[str, Any]) -> str:
    signing = unsigned({"alg": "HS256", "typ": "JWT", "kid": "k1"}, claims).rpartition(".")[0]
    digest = hmac.digest(certificate("k1").encode(), signing.encode(), "sha256")
    return f"{signing}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def test_a_token_that_firebase_signed_names_its_user(callers: FirebaseCallers) -> None:
    assert callers.verify(id_token()).uid == "alice"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": "another"}, "id_token_invalid"),
        ({"iss": "https://securetoken.google.com/another"}, "id_token_invalid"),
        ({"iss": "https://accounts.google.com"}, "id_token_invalid"),
        ({"iss": None}, "id_token_invalid"),
        ({"sub": ""}, "id_token_invalid"),
        ({"sub": None}, "id_token_invalid"),
        ({"sub": 7}, "id_token_invalid"),
        ({"sub": "x" * 129}, "id_token_invalid"),
        ({"sub": "unknown"}, "id_token_invalid"),
        ({"exp": NOW - 1, "iat": NOW - 3601}, "id_token_expired"),
        ({"exp": NOW - 90_000, "iat": NOW - 93_600}, "id_token_expired"),
        ({"iat": NOW + 3600, "exp": NOW + 7200}, "id_token_invalid"),
        ({"exp": None}, "id_token_invalid"),
        ({"exp": "soon"}, "id_token_invalid"),
        ({"iat": None}, "id_token_invalid"),
        ({"kid": "k2"}, "id_token_invalid"),
        ({"signed_by": "k2"}, "id_token_invalid"),
    ],
    ids=by_now,
)
def test_token_with_wrong_audience_time_or_signature_is_refused(
    callers: FirebaseCallers, claims: dict[str, Any], code: str
) -> None:
    assert refusal(callers, id_token(**claims)) == code


def _oddities() -> dict[str, str]:
    claims = json.loads(base64.urlsafe_b64decode(id_token().split(".")[1] + "=="))
    good = id_token()
    header, payload, signature = good.split(".")
    return {
        "nothing": "",
        "a word": "x",
        "dots": "..",
        "a signature that was cut": f"{header}.{payload}.{signature[:-8]}",
        "a signature of another payload": f"{header}.{id_token(sub='bob').split('.')[1]}.{signature}",
        "no signature": f"{header}.{payload}.",
        "alg none": unsigned({"alg": "none", "typ": "JWT", "kid": "k1"}, claims),
        "without a kid": unsigned({"alg": "RS256", "typ": "JWT"}, claims, b"x"),
        "HS256 with the certificate, which is public, as its secret": hmac_signed(claims),
        "a legacy token": unsigned({"alg": "HS256"}, {"v": 0, "d": 5}),
        "a list for claims": unsigned({"alg": "RS256", "kid": "k1"}, [1], b"x"),
        "a text for a header": unsigned("RS256", claims, b"x"),
        "a kid that is an object": unsigned({"alg": "RS256", "kid": {"a": 1}}, claims, b"x"),
        "an audience that is a list": unsigned({"alg": "RS256", "kid": "k1"}, claims | {"aud": [PROJECT]}, b"x"),
        "letters that are not ASCII": "ÅÄÖ.ÅÄÖ.ÅÄÖ",
        "an App Check token": app_token(),
    }


@pytest.mark.parametrize("name", _oddities())
def test_text_that_is_no_id_token_is_refused(callers: FirebaseCallers, name: str) -> None:
    assert refusal(callers, _oddities()[name]) == "id_token_invalid"


def test_a_user_who_signed_out_everywhere_is_refused_until_they_sign_in_again(
    callers: FirebaseCallers, firebase: TwinFirebase
) -> None:
    firebase.users["alice"]["validSince"] = str(NOW - 10)
    assert refusal(callers, id_token(iat=NOW - 60)) == "id_token_revoked"
    assert callers.verify(id_token(iat=NOW - 5)).uid == "alice"


def test_a_disabled_user_is_refused(callers: FirebaseCallers, firebase: TwinFirebase) -> None:
    firebase.users["alice"]["disabled"] = True
    assert refusal(callers, id_token()) == "user_disabled"


@pytest.mark.parametrize("uid", ["a/b", ".", "..", "__x__", "____", "a\0b", "\ufffd"])
def test_user_id_that_is_no_document_name_is_refused(
    callers: FirebaseCallers, firebase: TwinFirebase, uid: str
) -> None:
    firebase.users[uid] = firebase.users["alice"]
    assert refusal(callers, id_token(sub=uid)) == "uid_unusable"


@pytest.mark.parametrize("ahead", [1, 4])
def test_token_issued_by_a_clock_slightly_ahead_is_accepted(callers: FirebaseCallers, ahead: int) -> None:
    now = int(time.time())
    assert callers.verify(id_token(iat=now + ahead, auth_time=now + ahead)).uid == "alice"
    assert callers.verify_app(app_token(iat=now + ahead)) == APP


def test_a_token_from_further_in_the_future_is_refused(callers: FirebaseCallers) -> None:
    now = int(time.time())
    assert refusal(callers, id_token(iat=now + 30, auth_time=now + 30)) == "id_token_invalid"
    with pytest.raises(Unauthenticated):
        callers.verify_app(app_token(iat=now + 30))


@pytest.mark.parametrize("ago", [0, 1, 3])
def test_the_tolerance_does_not_lengthen_a_token_s_life(callers: FirebaseCallers, ago: int) -> None:
    now = int(time.time())
    assert refusal(callers, id_token(exp=now - ago)) == "id_token_expired"
    with pytest.raises(Unauthenticated):
        callers.verify_app(app_token(exp=now - ago))


def test_certificates_are_fetched_once_and_the_user_is_asked_for_at_each_call(
    callers: FirebaseCallers, firebase: TwinFirebase
) -> None:
    for _ in range(5):
        callers.verify(id_token())
    assert (firebase.asked.count("/certs"), len(firebase.asked)) == (1, 6)


def test_firebase_outage_refuses_callers_without_asking_them_to_sign_in_again(
    callers: FirebaseCallers, firebase: TwinFirebase
) -> None:
    firebase.down = True
    with pytest.raises(Unavailable) as down:
        callers.verify(id_token())
    assert down.value.code == "auth_unavailable"
    firebase.down = False
    assert callers.verify(id_token()).uid == "alice"


def test_missing_service_credentials_refuse_every_caller(
    callers: FirebaseCallers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(**_: object) -> None:
        raise google.auth.exceptions.DefaultCredentialsError

    monkeypatch.setattr(google.auth, "default", none)
    for verify, token in ((callers.verify, id_token()), (callers.verify_app, app_token())):
        with pytest.raises(BankError) as refused:
            verify(token)
        assert refused.value.status == "UNAVAILABLE"


# -- App Check --


def test_an_app_that_firebase_attests_is_named(callers: FirebaseCallers) -> None:
    assert callers.verify_app(app_token()) == APP


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [f"projects/{NUMBER}", "projects/another"]},
        {"aud": f"projects/{PROJECT}"},
        {"iss": "https://securetoken.google.com/x"},
        {"iss": None},
        {"sub": None},
        {"exp": NOW - 1},
        {"exp": None},
        {"kid": "k2"},
        {"signed_by": "k2"},
        {"header": {"typ": "JOSE"}},
    ],
    ids=by_now,
)
def test_app_token_with_wrong_audience_or_signature_is_refused(
    callers: FirebaseCallers, claims: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated) as refused:
        callers.verify_app(app_token(**claims))
    assert refused.value.code == "app_check_invalid"


@pytest.mark.parametrize("name", _oddities())
def test_text_that_is_no_app_token_is_refused(callers: FirebaseCallers, name: str) -> None:
    token = id_token() if name == "an App Check token" else _oddities()[name]
    with pytest.raises(Unauthenticated) as refused:
        callers.verify_app(token)
    assert refused.value.code == "app_check_invalid"


def test_keys_of_app_check_are_fetched_once_for_many_calls(callers: FirebaseCallers, firebase: TwinFirebase) -> None:
    for _ in range(5):
        callers.verify_app(app_token())
    assert firebase.asked.count("/jwks") == 1


def test_unavailable_app_check_keys_are_reported_as_an_outage(callers: FirebaseCallers, firebase: TwinFirebase) -> None:
    firebase.down = True
    with pytest.raises(Unavailable) as down:
        callers.verify_app(app_token())
    assert down.value.code == "app_check_unavailable"


def test_claims_name_the_sign_in_method(callers: FirebaseCallers) -> None:
    anonymous = callers.verify(id_token(firebase={"sign_in_provider": "anonymous"}))
    unverified = callers.verify(id_token(email="a@example.com", email_verified=False))
    assert (anonymous.is_anonymous, anonymous.email_verified) == (True, None)
    assert (unverified.is_anonymous, unverified.email_verified) == (False, False)
