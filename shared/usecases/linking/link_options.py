"""The options of a link token that an app chooses, and the operator's settings for the others."""

from collections.abc import Collection
from dataclasses import dataclass

from shared.domain.link import LinkProducts, check_language, check_products, check_return
from shared.domain.market import check_one_market
from shared.domain.products.kinds import ProductKind
from shared.domain.region import KeyPairs


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """The options that the app chose; None means the user's own setting, else the default."""

    connection_id: str | None = None
    account_selection: bool = False
    redirect_uri: str | None = None
    android_package_name: str | None = None
    language: str | None = None
    country_codes: tuple[str, ...] | None = None
    products: tuple[str, ...] | None = None

    @property
    def chooses(self) -> bool:
        """Whether the app chose any option that Plaid could refuse."""
        chosen = (self.redirect_uri, self.android_package_name, self.language, self.country_codes, self.products)
        return self.account_selection or any(chosen)

    def check(self, *, plain_http: bool, allowed_products: Collection[str]) -> None:
        """Raises InvalidArgument for options that the operator does not allow, or that Plaid would refuse."""
        if self.language is not None:
            check_language(self.language)
        if self.country_codes is not None:
            check_one_market(self.country_codes)
        if self.products is not None:
            check_products(self.products, updating=self.connection_id is not None, allowed=allowed_products)
        check_return(self.redirect_uri, self.android_package_name, plain_http=plain_http)


@dataclass(frozen=True, slots=True)
class LinkDefaults:
    """The operator's settings.

    `plain_http`: redirect URIs may use http, as in the Sandbox. `hosted`: Plaid shows Link on its own page.
    `allowed_products`: the products that an app may request, since Plaid can bill each of them; products that the
    backend itself needs are always allowed. `synced`: the kinds of data that the backend reads besides transactions.
    `key_pairs`: of a new bank, the countries decide which pair is used.
    """

    language: str
    country_codes: tuple[str, ...]
    products: LinkProducts
    webhook_url: str | None
    plain_http: bool = False
    hosted: bool = False
    completion_redirect_uri: str | None = None
    allowed_products: frozenset[str] = frozenset()
    synced: tuple[ProductKind, ...] = ()
    key_pairs: KeyPairs = KeyPairs()  # noqa: RUF009 (frozen)
