"""Calls Plaid with the transport of its client library, but without the library's models.

The typed responses cost 4 to 6 ms per transaction and fail when Plaid adds a null; the transport does not. So each call
reads the raw response (`_preload_content=False`), and numbers are parsed as Decimal from Plaid's text. `plaid.api` only
adds paths to the same transport, but would load 700 modules of models.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import plaid
import urllib3

from shared.adapters.plaid import exact_json, item_mapping, transaction_mapping
from shared.adapters.plaid.errors import SYNC, from_answer, unreachable_error
from shared.domain.errors import ErrorKind, ProviderError
from shared.domain.institution import InstitutionInfo
from shared.domain.secret import Secret
from shared.domain.transaction import Page
from shared.log import log
from shared.ports import Clock, InstitutionPage, ItemFacts, LinkRequest, LinkToken, NewItem
from shared.settings import Settings

PAGE_ROWS = 500  # Plaid's maximum: fewer pages mean fewer changes between them
CONNECT_SECONDS = 3.05
READ_SECONDS = 30.0
FACTS_READ_SECONDS = 10.0  # Plaid responds fast; an exchange makes two such calls within its caller's 60 seconds
KEY_READ_SECONDS = 4.0  # a webhook waits for the key, and Plaid waits ten seconds for the response
SYNC_READ_SECONDS = 60.0  # the first full read after the history arrived may be slow
HOSTS = {"sandbox": plaid.Environment.Sandbox, "production": plaid.Environment.Production}

_PRODUCT_LISTS = ("products", "required_if_supported_products", "optional_products")

_GONE = (ErrorKind.ITEM_GONE, ErrorKind.ITEM_BEING_REMOVED, ErrorKind.PERMISSION_REVOKED)

_HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}
_AUTH_SETTINGS = ["clientId", "plaidVersion", "secret"]
_REQUEST_ID = re.compile(rb'"request_id"\s*:\s*"([0-9A-Za-z_-]{1,64})"')

# Only failed connects are safe to retry: a sent request may have had its effect.
_RETRIES = urllib3.Retry(total=2, connect=2, read=0, status=0, other=0, redirect=0, backoff_factor=0.2)


class PlaidClient:
    """The port `Plaid`; also fetches the keys of webhooks."""

    def __init__(self, *, settings: Settings, clock: Clock) -> None:
        configuration = plaid.Configuration(
            host=settings.plaid_base_url or HOSTS[settings.plaid_env],
            api_key={
                "clientId": settings.plaid_client_id,
                "secret": settings.plaid_secret.get_secret_value(),
                "plaidVersion": "2020-09-14",
            },
        )
        configuration.retries = _RETRIES
        self._client = plaid.ApiClient(configuration)
        self._clock = clock
        self._client_name = settings.client_name
        self._days_requested = settings.days_requested

    def create_link_token(self, request: LinkRequest) -> LinkToken:
        """https://plaid.com/docs/api/link/#linktokencreate"""
        body: dict[str, Any] = {
            "client_name": self._client_name,
            "language": request.language,
            "country_codes": list(request.country_codes),
            "user": {"client_user_id": request.app_user_id},
        }
        if request.access_token is not None:
            body["access_token"] = request.access_token.reveal()
            if request.account_selection:
                body["update"] = {"account_selection_enabled": True}
        else:
            asked = {name: list(getattr(request, name)) for name in _PRODUCT_LISTS if getattr(request, name)}
            body |= asked
            if any("transactions" in products for products in asked.values()):
                body["transactions"] = {"days_requested": self._days_requested}
            if request.webhook_url:
                body["webhook"] = request.webhook_url
        if request.consent_products:
            body["additional_consented_products"] = list(request.consent_products)
        if request.redirect_uri:
            body["redirect_uri"] = request.redirect_uri
        if request.android_package_name:
            body["android_package_name"] = request.android_package_name
        if request.hosted:
            completion = request.completion_redirect_uri
            body["hosted_link"] = {"completion_redirect_uri": completion} if completion else {}
        answer = self._call("/link/token/create", body)
        return LinkToken(
            link_token=answer["link_token"],
            expiration=answer["expiration"],
            hosted_link_url=answer.get("hosted_link_url"),
        )

    def exchange(self, public_token: str) -> NewItem:
        """https://plaid.com/docs/api/items/#itempublic_tokenexchange"""
        answer = self._call("/item/public_token/exchange", {"public_token": public_token})
        return NewItem(access_token=Secret(answer["access_token"]), item_id=answer["item_id"])

    def accounts(self, access_token: Secret) -> ItemFacts:
        """https://plaid.com/docs/api/accounts/#accountsget"""
        body = {"access_token": access_token.reveal()}
        answer = self._call("/accounts/get", body, read_seconds=FACTS_READ_SECONDS)
        with _unusable_is_an_outage():
            return item_mapping.item_facts(answer["item"], accounts=answer["accounts"])

    def item(self, access_token: Secret) -> ItemFacts:
        """https://plaid.com/docs/api/items/#itemget"""
        answer = self._call("/item/get", {"access_token": access_token.reveal()}, read_seconds=FACTS_READ_SECONDS)
        with _unusable_is_an_outage():
            return item_mapping.item_facts(answer["item"], status=answer.get("status"))

    def changes(self, access_token: Secret, *, cursor: str | None) -> Page:
        """https://plaid.com/docs/api/products/transactions/#transactionssync"""
        body: dict[str, Any] = {"access_token": access_token.reveal(), "count": PAGE_ROWS}
        if cursor:
            body["cursor"] = cursor
        else:  # takes effect only if Link did not set it: for an item that was linked without transactions
            body["options"] = {"days_requested": self._days_requested}
        raw = self._send(SYNC, body, read_seconds=SYNC_READ_SECONDS)
        with _unusable_is_an_outage():
            page = transaction_mapping.page(_parse_object(raw), size=len(raw))
        item_mapping.log_oddities(page.oddities, of="transactions", request_id=page.request_id)
        return page

    def check_transactions(self, access_token: Secret) -> None:
        """https://plaid.com/docs/api/products/transactions/#transactionssync from `now` on, so without rows."""
        body = {
            "access_token": access_token.reveal(),
            "cursor": "now",
            "count": 1,
            "options": {"days_requested": self._days_requested},  # the first call for an item decides this
        }
        self._send("/transactions/sync", body, read_seconds=FACTS_READ_SECONDS)

    def institution(self, institution_id: str, *, country_codes: tuple[str, ...]) -> InstitutionInfo:
        """https://plaid.com/docs/api/institutions/#institutionsget_by_id"""
        body = {
            "institution_id": institution_id,
            "country_codes": list(country_codes),
            "options": {"include_optional_metadata": True},
        }
        found = self._call("/institutions/get_by_id", body)["institution"]
        with _unusable_is_an_outage():
            return item_mapping.institution_info(found, fetched_at=self._clock.now())

    def institutions(self, *, country_codes: tuple[str, ...], offset: int, count: int) -> InstitutionPage:
        """https://plaid.com/docs/api/institutions/#institutionsget; skips unreadable institutions."""
        body = {
            "count": count,
            "offset": offset,
            "country_codes": list(country_codes),
            "options": {"include_optional_metadata": True},
        }
        answer = self._call("/institutions/get", body, read_seconds=SYNC_READ_SECONDS)
        with _unusable_is_an_outage():
            found, total, read = list(answer["institutions"]), int(answer["total"]), []
        fetched_at = self._clock.now()
        for one in found:
            with suppress(ProviderError), _unusable_is_an_outage():
                read.append(item_mapping.institution_info(one, fetched_at=fetched_at))
        return InstitutionPage(read, size=len(found), total=total)

    def refresh(self, access_token: Secret) -> None:
        """https://plaid.com/docs/api/products/transactions/#transactionsrefresh; slow, since Plaid asks the bank."""
        body = {"access_token": access_token.reveal()}
        self._send("/transactions/refresh", body, read_seconds=SYNC_READ_SECONDS)

    def set_webhook(self, access_token: Secret, url: str) -> None:
        """https://plaid.com/docs/api/items/#itemwebhookupdate"""
        self._call("/item/webhook/update", {"access_token": access_token.reveal(), "webhook": url})

    def remove(self, access_token: Secret) -> bool:
        """https://plaid.com/docs/api/items/#itemremove; False if the item was already removed.

        An unknown token does not prove that, because wrong Plaid keys cause the same error.

        Raises:
            ProviderError: Plaid did not confirm the removal.
        """
        try:
            self._call("/item/remove", {"access_token": access_token.reveal()})
        except ProviderError as error:
            if error.kind not in _GONE:
                raise
            log.info("item.unknown", error_code=error.error_code, request_id=error.request_id)
            return False
        return True

    def invalidate(self, access_token: Secret) -> Secret:
        """https://plaid.com/docs/api/items/#itemaccess_tokeninvalidate; never retried."""
        body = {"access_token": access_token.reveal()}
        return Secret(self._call("/item/access_token/invalidate", body)["new_access_token"])

    def webhook_key(self, key_id: str) -> dict[str, Any]:
        """https://plaid.com/docs/api/webhooks/webhook-verification/: the JWK of a key id."""
        body = {"key_id": key_id}
        key: dict[str, Any] = self._call("/webhook_verification_key/get", body, read_seconds=KEY_READ_SECONDS)["key"]
        return key

    def _call(self, path: str, body: dict[str, Any], *, read_seconds: float = READ_SECONDS) -> dict[str, Any]:
        return _CompleteAnswer(_parse_object(self._send(path, body, read_seconds=read_seconds)))

    def _send(self, path: str, body: dict[str, Any], *, read_seconds: float) -> bytes:
        started = time.monotonic()
        failed: ProviderError | None = None
        raw = b""
        try:
            response = self._client.call_api(
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
            seconds=round(time.monotonic() - started, 3),
            outcome="ok" if failed is None else failed.error_type,
            error_code=failed and failed.error_code,
            request_id=failed.request_id if failed else _request_id(raw),
        )
        if failed is not None:
            raise failed
        return raw


@contextmanager
def _unusable_is_an_outage() -> Iterator[None]:
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


def _parse_object(raw: bytes) -> dict[str, Any]:
    try:
        answer = exact_json.parse(raw)
    except (ValueError, RecursionError):
        raise unreachable_error("ANSWER_NOT_JSON") from None
    if not isinstance(answer, dict):
        raise unreachable_error("ANSWER_NOT_AN_OBJECT")
    return answer
