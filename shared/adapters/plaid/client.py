"""The endpoints of Plaid for links, items, transactions and institutions; `product_client.py` has the products'."""

from contextlib import suppress
from typing import Any

from shared.adapters.plaid import institution_mapping, item_mapping, transaction_mapping
from shared.adapters.plaid.errors import SYNC
from shared.adapters.plaid.transport import PlaidTransport, parse_object, unusable_is_an_outage
from shared.domain.errors import ErrorKind, ProviderError
from shared.domain.institution import InstitutionInfo
from shared.domain.institution_health.evidence import PlaidStatus
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import Region
from shared.domain.transaction import Page
from shared.log import log
from shared.ports import Clock, InstitutionPage, ItemFacts, LinkRequest, LinkToken, NewItem
from shared.settings import Settings

PAGE_ROWS = 500  # Plaid's maximum: fewer pages mean fewer changes between them
FACTS_READ_SECONDS = 10.0  # Plaid responds fast; an exchange makes two such calls within its caller's 60 seconds
KEY_READ_SECONDS = 4.0  # a webhook waits for the key, and Plaid waits ten seconds for the response
SYNC_READ_SECONDS = 60.0  # the first full read after the history arrived may be slow

CATEGORIES = {"personal_finance_category_version": "v2"}
"""Teams from before December 2025 get the first version otherwise: https://plaid.com/docs/transactions/pfc-migration/"""
_ROW_OPTIONS = {"include_original_description": True, **CATEGORIES}

_PRODUCT_LISTS = ("products", "required_if_supported_products", "optional_products")

_GONE = (ErrorKind.ITEM_GONE, ErrorKind.ITEM_BEING_REMOVED, ErrorKind.PERMISSION_REVOKED)


class PlaidClient(PlaidTransport):
    """The port `Plaid`; also fetches the keys of webhooks."""

    def __init__(self, *, settings: Settings, clock: Clock) -> None:
        super().__init__(settings=settings)
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
        region = request.access_token.region if request.access_token is not None else request.region
        answer = self._call("/link/token/create", body, region=region)
        return LinkToken(
            link_token=answer["link_token"],
            expiration=answer["expiration"],
            hosted_link_url=answer.get("hosted_link_url"),
        )

    def exchange(self, public_token: PlaidToken) -> NewItem:
        """https://plaid.com/docs/api/items/#itempublic_tokenexchange"""
        region, body = public_token.region, {"public_token": public_token.reveal()}
        answer = self._call("/item/public_token/exchange", body, region=region)
        return NewItem(access_token=PlaidToken(answer["access_token"], region), item_id=answer["item_id"])

    def accounts(self, access_token: PlaidToken) -> ItemFacts:
        """https://plaid.com/docs/api/accounts/#accountsget"""
        body = {"access_token": access_token.reveal()}
        answer = self._call("/accounts/get", body, region=access_token.region, read_seconds=FACTS_READ_SECONDS)
        with unusable_is_an_outage():
            return item_mapping.item_facts(answer["item"], accounts=answer["accounts"])

    def item(self, access_token: PlaidToken) -> ItemFacts:
        """https://plaid.com/docs/api/items/#itemget"""
        body = {"access_token": access_token.reveal()}
        answer = self._call("/item/get", body, region=access_token.region, read_seconds=FACTS_READ_SECONDS)
        with unusable_is_an_outage():
            return item_mapping.item_facts(answer["item"], status=answer.get("status"))

    def changes(self, access_token: PlaidToken, *, cursor: str | None) -> Page:
        """https://plaid.com/docs/api/products/transactions/#transactionssync"""
        options: dict[str, Any] = dict(_ROW_OPTIONS)
        body = {"access_token": access_token.reveal(), "count": PAGE_ROWS, "options": options}
        if cursor:
            body["cursor"] = cursor
        else:  # takes effect only if Link did not set it: for an item that was linked without transactions
            options["days_requested"] = self._days_requested
        raw = self._send(SYNC, body, region=access_token.region, read_seconds=SYNC_READ_SECONDS)
        with unusable_is_an_outage():
            page = transaction_mapping.page(parse_object(raw), size=len(raw))
        item_mapping.log_oddities(page.oddities, of="transactions", request_id=page.request_id)
        return page

    def check_transactions(self, access_token: PlaidToken) -> None:
        """https://plaid.com/docs/api/products/transactions/#transactionssync from `now` on, so without rows."""
        body = {
            "access_token": access_token.reveal(),
            "cursor": "now",
            "count": 1,
            "options": {"days_requested": self._days_requested},  # the first call for an item decides this
        }
        self._send("/transactions/sync", body, region=access_token.region, read_seconds=FACTS_READ_SECONDS)

    def institution(self, institution_id: str, *, country_codes: tuple[str, ...], region: Region) -> InstitutionInfo:
        """https://plaid.com/docs/api/institutions/#institutionsget_by_id"""
        body = {
            "institution_id": institution_id,
            "country_codes": list(country_codes),
            "options": {"include_optional_metadata": True},
        }
        found = self._call("/institutions/get_by_id", body, region=region)["institution"]
        with unusable_is_an_outage():
            return item_mapping.institution_info(found, fetched_at=self._clock.now())

    def institution_status(
        self, institution_id: str, *, country_codes: tuple[str, ...], region: Region
    ) -> PlaidStatus | None:
        """https://plaid.com/docs/api/institutions/#institutionsget_by_id with `include_status`."""
        body = {
            "institution_id": institution_id,
            "country_codes": list(country_codes),
            "options": {"include_status": True},
        }
        path = "/institutions/get_by_id"
        found = self._call(path, body, region=region, read_seconds=FACTS_READ_SECONDS)["institution"]
        with unusable_is_an_outage():
            return institution_mapping.plaid_status(found.get("status"), at=self._clock.now())

    def institutions(
        self, *, country_codes: tuple[str, ...], region: Region, offset: int, count: int
    ) -> InstitutionPage:
        """https://plaid.com/docs/api/institutions/#institutionsget; skips unreadable institutions."""
        body = {
            "count": count,
            "offset": offset,
            "country_codes": list(country_codes),
            "options": {"include_optional_metadata": True},
        }
        answer = self._call("/institutions/get", body, region=region, read_seconds=SYNC_READ_SECONDS)
        with unusable_is_an_outage():
            found, total, read = list(answer["institutions"]), int(answer["total"]), []
        fetched_at = self._clock.now()
        for one in found:
            with suppress(ProviderError), unusable_is_an_outage():
                read.append(item_mapping.institution_info(one, fetched_at=fetched_at))
        return InstitutionPage(read, size=len(found), total=total)

    def refresh(self, access_token: PlaidToken) -> None:
        """https://plaid.com/docs/api/products/transactions/#transactionsrefresh; slow, since Plaid asks the bank."""
        body = {"access_token": access_token.reveal()}
        self._send("/transactions/refresh", body, region=access_token.region, read_seconds=SYNC_READ_SECONDS)

    def set_webhook(self, access_token: PlaidToken, url: str) -> None:
        """https://plaid.com/docs/api/items/#itemwebhookupdate"""
        body = {"access_token": access_token.reveal(), "webhook": url}
        self._call("/item/webhook/update", body, region=access_token.region)

    def remove(self, access_token: PlaidToken) -> bool:
        """https://plaid.com/docs/api/items/#itemremove; False if the item was already removed.

        An unknown token does not prove that, because wrong Plaid keys cause the same error.

        Raises:
            ProviderError: Plaid did not confirm the removal.
        """
        try:
            self._call("/item/remove", {"access_token": access_token.reveal()}, region=access_token.region)
        except ProviderError as error:
            if error.kind not in _GONE:
                raise
            log.info("item.unknown", error_code=error.error_code, request_id=error.request_id)
            return False
        return True

    def invalidate(self, access_token: PlaidToken) -> PlaidToken:
        """https://plaid.com/docs/api/items/#itemaccess_tokeninvalidate; never retried."""
        region, body = access_token.region, {"access_token": access_token.reveal()}
        return PlaidToken(self._call("/item/access_token/invalidate", body, region=region)["new_access_token"], region)

    def webhook_key(self, key_id: str, region: Region) -> dict[str, Any]:
        """https://plaid.com/docs/api/webhooks/webhook-verification/: the JWK of a key id, for a key pair."""
        body, path = {"key_id": key_id}, "/webhook_verification_key/get"
        key: dict[str, Any] = self._call(path, body, region=region, read_seconds=KEY_READ_SECONDS)["key"]
        return key
