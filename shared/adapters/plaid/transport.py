"""Calls Plaid with the transport of its client library, but without the library's models.

The typed responses cost 4 to 6 ms per transaction and fail when Plaid adds a null; the transport does not. So each call
reads the raw response (`_preload_content=False`), and numbers are parsed as Decimal from Plaid's text. `plaid.api` only
adds paths to the same transport, but would load 700 modules of models.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import plaid
import urllib3

from shared.adapters.plaid import exact_json
from shared.adapters.plaid.errors import from_answer, unreachable_error, without_keys
from shared.domain.errors import ProviderError
from shared.domain.region import Region
from shared.log import log
from shared.settings import Settings

CONNECT_SECONDS = 3.05
READ_SECONDS = 30.0
HOSTS = {"sandbox": plaid.Environment.Sandbox, "production": plaid.Environment.Production}

_HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}
_AUTH_SETTINGS = ["clientId", "plaidVersion", "secret"]
_REQUEST_ID = re.compile(rb'"request_id"\s*:\s*"([0-9A-Za-z_-]{1,64})"')

# Only failed connects are safe to retry: a sent request may have had its effect.
_RETRIES = urllib3.Retry(total=2, connect=2, read=0, status=0, other=0, redirect=0, backoff_factor=0.2)


class PlaidTransport:
    """Sends requests to Plaid; the clients add its endpoints."""

    def __init__(self, *, settings: Settings) -> None:
        host = settings.plaid_base_url or HOSTS[settings.plaid_env]
        self._clients = {
            region: _client(host, client_id=client_id, secret=secret.get_secret_value())
            for region, (client_id, secret) in settings.plaid_keys.items()
        }

    def _call(
        self, path: str, body: dict[str, Any], *, region: Region, read_seconds: float = READ_SECONDS
    ) -> dict[str, Any]:
        return _CompleteAnswer(parse_object(self._send(path, body, region=region, read_seconds=read_seconds)))

    def _send(self, path: str, body: dict[str, Any], *, region: Region, read_seconds: float) -> bytes:
        """Sends a request with the keys of a region, never with those of another one.

        Raises:
            ProviderError: Plaid refused or did not respond, or the region has no keys (any more).
        """
        client = self._clients.get(region)
        if client is None:
            raise without_keys(region)
        started = time.monotonic()
        failed: ProviderError | None = None
        raw = b""
        try:
            response = client.call_api(
                path,
                "POST",
                header_params=dict(_HEADERS),
                body=body,
                auth_settings=_AUTH_SETTINGS,
                _preload_content=False,
                _request_timeout=(CONNECT_SECONDS, read_seconds),
            )
            raw = bytes(response.data)  # read here: only reading reveals a truncated response
        except plaid.ApiException as error:
            retry_after = (error.headers or {}).get("Retry-After")
            failed = from_answer(error.status or 0, error.body, endpoint=path, retry_after=retry_after)
        except (urllib3.exceptions.HTTPError, AttributeError) as error:
            # The library raises AttributeError when it handles a TLS error.
            log.info("plaid.no_answer", kind=type(error).__name__)
            failed = unreachable_error("NO_ANSWER")
        log.info(
            "plaid.called",
            endpoint=path.strip("/").replace("/", "_"),
            region=region,
            seconds=round(time.monotonic() - started, 3),
            outcome="ok" if failed is None else failed.error_type,
            error_code=failed and failed.error_code,
            request_id=failed.request_id if failed else _request_id(raw),
        )
        if failed is not None:
            raise failed
        return raw


def _client(host: str, *, client_id: str, secret: str) -> plaid.ApiClient:
    configuration = plaid.Configuration(
        host=host, api_key={"clientId": client_id, "secret": secret, "plaidVersion": "2020-09-14"}
    )
    configuration.retries = _RETRIES
    return plaid.ApiClient(configuration)


@contextmanager
def unusable_is_an_outage() -> Iterator[None]:
    """Treats a missing or malformed value in a response as an outage of Plaid, not as a bug of the backend."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unreachable_error("ANSWER_UNUSABLE") from error


class _CompleteAnswer(dict[str, Any]):
    """A response whose missing top-level fields raise an outage error."""

    def __missing__(self, name: str) -> Any:
        raise unreachable_error(f"ANSWER_WITHOUT_{name.upper()}")


def _request_id(raw: bytes) -> str | None:
    """Plaid's request id, for its support. It is near the end of the body; quotes within texts are escaped."""
    found = _REQUEST_ID.search(raw, max(0, len(raw) - 300)) or _REQUEST_ID.search(raw)
    return found[1].decode() if found else None


def parse_object(raw: bytes) -> dict[str, Any]:
    """The object in a response.

    Raises:
        ProviderError: It is not a JSON object, which counts as an outage of Plaid.
    """
    try:
        answer = exact_json.parse(raw)
    except (ValueError, RecursionError):
        raise unreachable_error("ANSWER_NOT_JSON") from None
    if not isinstance(answer, dict):
        raise unreachable_error("ANSWER_NOT_AN_OBJECT")
    return answer
