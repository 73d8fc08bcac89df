"""Starts Link: for a new bank, or in update mode for one that is connected already."""

from dataclasses import dataclass, replace

from shared.domain.connection import ItemStatus
from shared.domain.errors import FailedPrecondition
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
        ProviderError: Plaid refused.
    """
    profile = profiles.find(app_user_id)
    request = LinkRequest(
        app_user_id=app_user_id,
        language=wish.language or profile.language or defaults.language,
        country_codes=wish.country_codes or profile.country_codes or defaults.country_codes,
        redirect_uri=wish.redirect_uri,
        android_package_name=wish.android_package_name,
    )
    if wish.connection_id is None:
        products = wish.products or defaults.products
        return bank.create_link_token(replace(request, products=products, webhook_url=defaults.webhook_url))

    connection = owned(connections.find(wish.connection_id), app_user_id)
    sealed = connections.credentials(wish.connection_id)
    if connection.status is ItemStatus.ERROR or sealed is None:
        raise FailedPrecondition(
            "this connection cannot be repaired: link the bank again",
            code="relink_required",
            connection_id=wish.connection_id,
        )
    # Plaid ignores the webhook in update mode and refuses products.
    return bank.create_link_token(
        replace(
            request,
            access_token=vault.open(sealed, app_user_id=app_user_id, connection_id=wish.connection_id),
            account_selection=wish.account_selection,
        )
    )
