"""What Plaid does for us."""

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
    """What a link token is asked for. `access_token` makes it update mode.

    For `products` data is fetched from the beginning; for `consent_products` the user only consents. `hosted`: Plaid
    is to show Link on a page of its own, and to send the browser to `completion_redirect_uri` afterwards.
    """

    app_user_id: str
    language: str
    country_codes: tuple[str, ...]
    products: tuple[str, ...] = ()
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
    """A token that starts Link, and until when; with Hosted Link also the page that does."""

    link_token: str
    expiration: str
    hosted_link_url: str | None = None


@dataclass(frozen=True, slots=True)
class NewItem:
    """What an exchange answers."""

    access_token: Secret
    item_id: str


@dataclass(frozen=True, slots=True)
class InstitutionPage:
    """A page of Plaid's list; `size` counts those that could not be read, too, and `total` is over all pages."""

    institutions: list[InstitutionInfo]
    size: int
    total: int


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What Plaid says about an item; `accounts` is empty where only the item was asked for.

    `error` is what the item itself suffers from. `last_update` is when Plaid last read transactions at the bank, and
    `last_webhook` when it last told us of something.
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


class Plaid(Protocol):
    """Plaid. Every method raises ProviderError (a BankError), translated, and nothing else."""

    def create_link_token(self, request: LinkRequest) -> LinkToken: ...  # noqa: D102
    def exchange(self, public_token: str) -> NewItem: ...  # noqa: D102
    def accounts(self, access_token: Secret) -> ItemFacts: ...  # noqa: D102
    def item(self, access_token: Secret) -> ItemFacts: ...  # noqa: D102
    def changes(self, access_token: Secret, *, cursor: str | None) -> Page: ...  # noqa: D102
    def check_transactions(self, access_token: Secret) -> None:
        """Raises what a sync of transactions would be refused with; reads none."""

    def institution(self, institution_id: str, *, country_codes: tuple[str, ...]) -> InstitutionInfo: ...  # noqa: D102
    def institutions(self, *, country_codes: tuple[str, ...], offset: int, count: int) -> InstitutionPage: ...  # noqa: D102
    def refresh(self, access_token: Secret) -> None: ...  # noqa: D102
    def set_webhook(self, access_token: Secret, url: str) -> None: ...  # noqa: D102
    def remove(self, access_token: Secret) -> bool:
        """Removes the item; False if Plaid does not know it (any more), which is as good."""

    def invalidate(self, access_token: Secret) -> Secret:
        """A new access token; the old one is dead at once. An error that `may_have_happened` leaves that open."""
