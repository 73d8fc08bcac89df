"""Cloud KMS over REST: wraps data keys with a key that never leaves it.

https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/encrypt, …/decrypt, and
https://cloud.google.com/kms/docs/data-integrity-guidelines for the checksums. The client library would add a
dependency and 60 to 120 ms to a cold start; two calls over google-auth, which is already loaded, avoid both
(docs/decisions/). `encrypt` uses the key's primary version and names it; `decrypt` finds the version in the ciphertext,
and requires the same associated data. Both are idempotent.
"""

import base64
from typing import TYPE_CHECKING, Any

import google_crc32c
import requests
from google.auth.exceptions import GoogleAuthError, TransportError
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from shared.adapters.vault.keys import vault_error
from shared.domain.errors import ErrorKind, VaultError
from shared.log import log

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession

KMS = "https://cloudkms.googleapis.com"
SCOPES = ("https://www.googleapis.com/auth/cloudkms",)
TIMEOUT_SECONDS = 5.0
TRIES = 3
TRANSIENT = (408, 429, 500, 502, 503, 504)


class KmsKeys:
    """Implements `Keys` of shared/adapters/vault/keys.py with one CryptoKey.

    Args:
        key: `projects/…/locations/…/keyRings/…/cryptoKeys/…`.
        session: Sends requests with the caller's credentials.
        url: The address of KMS.
    """

    def __init__(self, key: str, *, session: "requests.Session | AuthorizedSession", url: str = KMS) -> None:
        self._key = key
        self._url = url
        self._session = session
        # Both calls are idempotent, so they may be retried.
        retry = Retry(
            total=TRIES - 1,
            allowed_methods=["POST"],
            status_forcelist=TRANSIENT,
            backoff_factor=0.2,
            raise_on_status=False,
            respect_retry_after_header=False,
        )
        session.mount(url, HTTPAdapter(max_retries=retry))

    def wrap(self, data_key: bytes, context: bytes) -> tuple[bytes, str]:
        """Wraps a data key, in one call."""
        for _ in range(TRIES):
            answer = self._ask("encrypt", plaintext=data_key, additionalAuthenticatedData=context)
            wrapped, name = _checked_bytes(answer, "ciphertext"), str(answer.get("name", ""))
            arrived = answer.get("verifiedPlaintextCrc32c") and answer.get("verifiedAdditionalAuthenticatedDataCrc32c")
            if wrapped and arrived and self._is_ours(name):
                return wrapped, name
        raise _outage_error("KMS_ANSWER_DAMAGED")

    def unwrap(self, wrapped: bytes, context: bytes, *, key_id: str) -> bytes:
        """Unwraps a data key, in one call; none if another key wrapped it."""
        if not self._is_ours(key_id):
            raise vault_error("KEY_UNKNOWN", key_id=key_id)
        for _ in range(TRIES):
            answer = self._ask("decrypt", ciphertext=wrapped, additionalAuthenticatedData=context)
            if data_key := _checked_bytes(answer, "plaintext"):
                return data_key
        raise _outage_error("KMS_ANSWER_DAMAGED")

    def newest(self) -> str:
        """The newest key version, from the response to an encryption, so that no other permission is needed."""
        return self.wrap(b"which version?", b"bank-access-token:newest")[1]

    def _is_ours(self, version: str) -> bool:
        return version.startswith(f"{self._key}/cryptoKeyVersions/")

    def _ask(self, method: str, **given: bytes) -> dict[str, Any]:
        body: dict[str, str] = {}
        for name, value in given.items():
            body |= {name: base64.b64encode(value).decode(), f"{name}Crc32c": str(google_crc32c.value(value))}
        try:
            answer = self._session.post(f"{self._url}/v1/{self._key}:{method}", json=body, timeout=TIMEOUT_SECONDS)
            content = answer.json()
        except GoogleAuthError as error:
            if error.retryable or isinstance(error, TransportError):
                raise _outage_error("KMS_NO_CREDENTIALS_NOW") from None
            raise vault_error("NO_VAULT_KEY", key_id=self._key) from None
        except (OSError, ValueError):  # requests' errors are OSErrors
            raise _outage_error("KMS_NO_ANSWER") from None
        if answer.status_code == requests.codes.ok and isinstance(content, dict):
            return content
        raise self._error_from_answer(answer.status_code, content)

    def _error_from_answer(self, http: int, content: Any) -> VaultError:
        error = content.get("error") if isinstance(content, dict) else None
        status = str(error.get("status")) if isinstance(error, dict) else ""
        if http in TRANSIENT:
            return _outage_error(status or f"KMS_{http}")
        if status == "FAILED_PRECONDITION":
            return vault_error("KEY_RETIRED", key_id=self._key, kms_status=status)
        if status == "INVALID_ARGUMENT":
            return vault_error("SEAL_BROKEN", key_id=self._key, kms_status=status)
        return vault_error("NO_VAULT_KEY", key_id=self._key, kms_status=status or http)


def kms_keys(key: str) -> KmsKeys:
    """The keys of a CryptoKey, with the credentials of the function's service account.

    Raises:
        VaultError: The service account has no credentials.
    """
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    try:
        credentials, _ = google.auth.default(scopes=SCOPES)
    except GoogleAuthError:
        raise vault_error("NO_VAULT_KEY", key_id=key) from None
    return KmsKeys(key, session=AuthorizedSession(credentials))  # type: ignore[no-untyped-call]


def _checked_bytes(answer: dict[str, Any], name: str) -> bytes | None:
    """The bytes in a field of a response; None if their checksum does not match."""
    try:
        value = base64.b64decode(answer[name], validate=True)
        return value if int(answer[f"{name}Crc32c"]) == google_crc32c.value(value) else None
    except (KeyError, TypeError, ValueError):
        return None


def _outage_error(error_code: str) -> VaultError:
    log.warning("vault.unavailable", error_code=error_code)
    return VaultError(
        "the key service is unavailable right now; try again later",
        kind=ErrorKind.TRY_LATER,
        error_code=error_code,
        retry_after_seconds=5,
    )
