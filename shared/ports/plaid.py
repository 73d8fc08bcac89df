"""The calls to Plaid."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.domain.account import Account
from shared.domain.errors import ProviderError
from shared.domain.institution import InstitutionInfo
from shared.domain.institution_health.evidence import PlaidStatus
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import Region
from shared.domain.transaction import Page


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """The options of a new link token. With `access_token`, Link runs in update mode.

    Plaid fetches data for `products` at once, and for the next two lists where the bank supports them; for
    `consent_products` the user only gives consent. `region` is the key pair for a new bank; in update mode, that of the
    access token counts. `hosted`: Plaid shows Link on its own page, and then sends the browser to
    `completion_redirect_uri`.
    """

    app_user_id: str
    language: str
    country_codes: tuple[str, ...]
    region: Region = Region.US
    products: tuple[str, ...] = ()
    required_if_supported_products: tuple[str, ...] = ()
    optional_products: tuple[str, ...] = ()
    consent_products: tuple[str, ...] = ()
    webhook_url: str | None = None
    redirect_uri: str | None = None
    android_package_name: str | None = None
    access_token: PlaidToken | None = None
    account_selection: bool = False
    hosted: bool = False
    completion_redirect_uri: str | None = None


@dataclass(frozen=True, slots=True)
class LinkToken:
    """A token that starts Link, its expiration, and with Hosted Link the URL of Plaid's page."""

    link_token: str
    expiration: str
    hosted_link_url: str | None = None


@dataclass(frozen=True, slots=True)
class NewItem:
    """The answer to an exchange: the new item and its access token."""

    access_token: PlaidToken
    item_id: str


@dataclass(frozen=True, slots=True)
class InstitutionPage:
    """A page of Plaid's list. `size` includes institutions that could not be read; `total` is over all pages."""

    institutions: list[InstitutionInfo]
    size: int
    total: int


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What Plaid reports about an item; `accounts` is empty if only the item was read.

    `error` is the item's own error; `update_type` and `auth_method` are Plaid's words. `last_update` is when Plaid last
    read transactions at the bank, `last_failed_update` when it last tried without success, and `last_webhook` when it
    last sent a webhook; `account_revoked_at` is the same time if that webhook was about a revoked account.
    """

    item_id: str
    institution_id: str | None
    institution_name: str | None
    webhook_url: str | None
    consent_expiration_time: datetime | None
    accounts: list[Account] = field(default_factory=list)
    error: ProviderError | None = None
    update_type: str | None = None
    auth_method: str | None = None
    last_update: datetime | None = None
    last_failed_update: datetime | None = None
    last_webhook: datetime | None = None
    account_revoked_at: datetime | None = None

    def metadata(self) -> dict[str, object]:
        """What apps show about the item, as fields of the connection; only what this answer contains."""
        known = {
            "update_type": self.update_type,
            "auth_method": self.auth_method,
            "last_successful_update": self.last_update,
        }
        return {name: value for name, value in known.items() if value is not None}


class Plaid(Protocol):
    """Plaid. Every method raises only ProviderError (a BankError), translated from Plaid's error.

    A call with a token uses the keys of the token's region.
    """

    def create_link_token(self, request: LinkRequest) -> LinkToken: ...  # noqa: D102
    def exchange(self, public_token: PlaidToken) -> NewItem: ...  # noqa: D102
    def accounts(self, access_token: PlaidToken) -> ItemFacts: ...  # noqa: D102
    def item(self, access_token: PlaidToken) -> ItemFacts: ...  # noqa: D102
    def changes(self, access_token: PlaidToken, *, cursor: str | None) -> Page: ...  # noqa: D102
    def check_transactions(self, access_token: PlaidToken) -> None:
        """Raises the error that a sync of transactions would get; reads no transactions."""

    def institution(  # noqa: D102
        self, institution_id: str, *, country_codes: tuple[str, ...], region: Region
    ) -> InstitutionInfo: ...
    def institution_status(
        self, institution_id: str, *, country_codes: tuple[str, ...], region: Region
    ) -> PlaidStatus | None:
        """Plaid's own view of an institution's health; None if it reports none, as for small banks."""

    def institutions(  # noqa: D102
        self, *, country_codes: tuple[str, ...], region: Region, offset: int, count: int
    ) -> InstitutionPage: ...
    def refresh(self, access_token: PlaidToken) -> None: ...  # noqa: D102
    def set_webhook(self, access_token: PlaidToken, url: str) -> None: ...  # noqa: D102
    def remove(self, access_token: PlaidToken) -> bool:
        """Removes the item; False if Plaid does not know it (any more), which counts as removed."""

    def invalidate(self, access_token: PlaidToken) -> PlaidToken:
        """Returns a new access token; the old one stops working at once.

        After an error that `may_have_happened`, the old token may work or not.
        """
