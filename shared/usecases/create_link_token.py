"""Starts Link: for a new bank, or in update mode for one that is connected already."""

from dataclasses import dataclass, replace

from shared.domain.connection import ItemStatus
from shared.domain.errors import FailedPrecondition, Fault, InvalidArgument, ProviderError
from shared.domain.link import usable_countries, usable_language
from shared.ports import Bank, Connections, LinkRequest, LinkToken, Profiles, Vault
from shared.usecases.request_sync import owned


@dataclass(frozen=True, slots=True)
class LinkWish:
    """What the app asked for; None is the user's own setting, then the default."""

    connection_id: str | None = None
    account_selection: bool = False
    redirect_uri: str | None = None
    android_package_name: str | None = None
    language: str | None = None
    country_codes: tuple[str, ...] | None = None
    products: tuple[str, ...] | None = None

    @property
    def chooses(self) -> bool:
        """Whether the app chose anything that Plaid could refuse."""
        chosen = (self.redirect_uri, self.android_package_name, self.language, self.country_codes, self.products)
        return self.account_selection or any(chosen)


@dataclass(frozen=True, slots=True)
class LinkDefaults:
    """What the operator set."""

    language: str
    country_codes: tuple[str, ...]
    products: tuple[str, ...]
    webhook_url: str | None


def create_link_token(
    wish: LinkWish,
    *,
    app_user_id: str,
    defaults: LinkDefaults,
    bank: Bank,
    vault: Vault,
    connections: Connections,
    profiles: Profiles,
) -> LinkToken:
    """A link token, in update mode if the wish names a connection.

    Raises:
        NotFound: The connection does not exist or is somebody else's.
        FailedPrecondition: The connection will never work again: link anew, without naming it.
        InvalidArgument: Plaid does not take what the app chose.
        ProviderError: Plaid refused otherwise.
    """
    profile = profiles.find(app_user_id)
    request = LinkRequest(
        app_user_id=app_user_id,
        # Users write their settings themselves: what Link does not know counts as not set.
        language=wish.language or usable_language(profile.language) or defaults.language,
        country_codes=wish.country_codes or usable_countries(profile.country_codes) or defaults.country_codes,
        redirect_uri=wish.redirect_uri,
        android_package_name=wish.android_package_name,
    )
    if wish.connection_id is None:
        request = replace(request, products=wish.products or defaults.products, webhook_url=defaults.webhook_url)
    else:
        connection = owned(connections.find(wish.connection_id), app_user_id)
        sealed = connections.credentials(wish.connection_id)
        if connection.status is ItemStatus.ERROR or sealed is None:
            raise FailedPrecondition(
                "this connection cannot be repaired: link the bank again",
                code="relink_required",
                connection_id=wish.connection_id,
            )
        # Plaid ignores the webhook in update mode, and refuses products.
        request = replace(
            request,
            access_token=vault.open(sealed, app_user_id=app_user_id, connection_id=wish.connection_id),
            account_selection=wish.account_selection,
        )
    try:
        return bank.create_link_token(request)
    except ProviderError as error:
        if error.fault is Fault.CONFIGURATION and wish.chooses:
            raise InvalidArgument("Plaid refused what was asked for", code="link_request_refused") from error
        raise
