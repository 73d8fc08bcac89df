"""The calls to Plaid."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.domain.account import Account
from shared.domain.errors import ProviderError
from shared.domain.institution import InstitutionInfo
from shared.domain.secret import Secret
from shared.domain.transaction import Page


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """The options of a new link token. With `access_token`, Link runs in update mode.

    Plaid fetches data for `products` at once, and for the next two lists where the bank supports them; for
    `consent_products` the user only gives consent. `hosted`: Plaid shows Link on its own page, and then sends the
    browser to `completion_redirect_uri`.
    """

    app_user_id: str
    language: str
    country_codes: tuple[str, ...]
    products: tuple[str, ...] = ()
    required_if_supported_products: tuple[str, ...] = ()
    optional_products: tuple[str, ...] = ()
    consent_products: tuple[str, ...] = ()
    webhook_url: str | None = None
    redirect_uri: str | None = None
    android_package_name: str | None = None
    access_token: "Secret | None" = None
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

    access_token: Secret
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

    `error` is the item's own error. `last_update` is when Plaid last read transactions at the bank, and `last_webhook`
    when it last sent a webhook; `account_revoked_at` is the same time if that webhook was about a revoked account.
    """

    item_id: str
    institution_id: str | None
    institution_name: str | None
    webhook_url: str | None
    consent_expiration_time: datetime | None
    accounts: list[Account] = field(default_factory=list)
    error: ProviderError | None = None
    last_update: datetime | None = None
    last_webhook: datetime | None = None
    account_revoked_at: datetime | None = None


class Plaid(Protocol):
    """Plaid. Every method raises only ProviderError (a BankError), translated from Plaid's error."""

    def create_link_token(self, request: LinkRequest) -> LinkToken: ...  # noqa: D102
    def exchange(self, public_token: str) -> NewItem: ...  # noqa: D102
    def accounts(self, access_token: Secret) -> ItemFacts: ...  # noqa: D102
    def item(self, access_token: Secret) -> ItemFacts: ...  # noqa: D102
    def changes(self, access_token: Secret, *, cursor: str | None) -> Page: ...  # noqa: D102
    def check_transactions(self, access_token: Secret) -> None:
        """Raises the error that a sync of transactions would get; reads no transactions."""

    def institution(self, institution_id: str, *, country_codes: tuple[str, ...]) -> InstitutionInfo: ...  # noqa: D102
    def institutions(self, *, country_codes: tuple[str, ...], offset: int, count: int) -> InstitutionPage: ...  # noqa: D102
    def refresh(self, access_token: Secret) -> None: ...  # noqa: D102
    def set_webhook(self, access_token: Secret, url: str) -> None: ...  # noqa: D102
    def remove(self, access_token: Secret) -> bool:
        """Removes the item; False if Plaid does not know it (any more), which counts as removed."""

    def invalidate(self, access_token: Secret) -> Secret:
        """Returns a new access token; the old one stops working at once.

        After an error that `may_have_happened`, the old token may work or not.
        """
