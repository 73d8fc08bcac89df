"""Creates link tokens: for a new bank, or in update mode for an existing connection."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.credentials import may_be_our_keys, unless_our_keys
from shared.domain.errors import BankError, ErrorClass, ErrorKind, FailedPrecondition, InvalidArgument, ProviderError
from shared.domain.hosted_link import LinkSession
from shared.domain.link import (
    ACCOUNT_SELECTION_COUNTRIES,
    CONSENT_COUNTRIES,
    TRANSACTIONS,
    LinkProducts,
    check_countries,
    check_language,
    check_products,
    check_return,
    remedy,
    usable_countries,
    usable_language,
)
from shared.domain.products.kinds import PLAID_PRODUCT, ProductKind
from shared.domain.secret import Secret
from shared.ports import (
    Clock,
    Connections,
    Credentials,
    LinkRequest,
    Links,
    LinkToken,
    Plaid,
    ProductConsents,
    Profiles,
    Vault,
)
from shared.usecases.connection_access import owned
from shared.usecases.linking.connection_cap import ConnectionCap
from shared.usecases.tokens.call_with_token import AccessTokens

LINK_TOKEN_LIVES = timedelta(hours=4)  # if Plaid names no expiration: https://plaid.com/docs/api/link/#linktokencreate


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
            check_countries(self.country_codes)
        if self.products is not None:
            check_products(self.products, updating=self.connection_id is not None, allowed=allowed_products)
        check_return(self.redirect_uri, self.android_package_name, plain_http=plain_http)


@dataclass(frozen=True, slots=True)
class LinkDefaults:
    """The operator's settings.

    `plain_http`: redirect URIs may use http, as in the Sandbox. `hosted`: Plaid shows Link on its own page.
    `allowed_products`: the products that an app may request, since Plaid can bill each of them; products that the
    backend itself needs are always allowed. `synced`: the kinds of data that the backend reads besides transactions.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLinkToken:
    """Creates link tokens, with `defaults` for options that the app does not choose."""

    defaults: LinkDefaults
    plaid: Plaid
    vault: Vault
    connections: Connections
    credentials: Credentials
    product_consents: ProductConsents
    profiles: Profiles
    links: Links
    cap: ConnectionCap
    clock: Clock

    def __call__(self, options: LinkOptions, *, app_user_id: str) -> LinkToken:
        """Creates a link token, in update mode if the options name a connection.

        The link token is stored with its user: no other user can exchange its public token, and items linked with
        Hosted Link are assigned to this user.

        Raises:
            NotFound: The connection does not exist or belongs to another user.
            FailedPrecondition: The connection can never work again: link the bank again, without `connection_id`.
            InvalidArgument: An option is not allowed, does not apply, or was refused by Plaid.
            ResourceExhausted: The user has as many connections as allowed, and wants to link another bank.
            ProviderError, VaultError: Plaid refused for another reason, or the access token cannot be opened.
            Unavailable: The connection's access token is being replaced: try again.
        """
        options.check(plain_http=self.defaults.plain_http, allowed_products=self.defaults.allowed_products)
        request = self._request(options, app_user_id)
        try:
            made = self._made(request, options.connection_id)
        except ProviderError as error:
            if (explained := _explained(error, options)) is not None:
                raise explained from error
            raise
        now = self.clock.now()
        updates = options.connection_id is not None
        hosted = made.hosted_link_url is not None and not updates
        session = LinkSession(app_user_id, _moment(made.expiration) or now + LINK_TOKEN_LIVES, hosted, updates)
        self.links.remember(made.link_token, session, now=now)
        return made

    def _request(self, options: LinkOptions, app_user_id: str) -> LinkRequest:
        """The request to Plaid, except the access token of update mode."""
        defaults = self.defaults
        if options.connection_id is None:
            self.cap.refuse_new_bank(app_user_id)
        profile = self.profiles.find(app_user_id)
        country_codes = _unique(options.country_codes) or usable_countries(profile.country_codes)
        request = LinkRequest(
            app_user_id=app_user_id,
            # Users write their settings themselves: a language or country that Link does not support counts as not set.
            language=options.language or usable_language(profile.language) or defaults.language,
            country_codes=country_codes or defaults.country_codes,
            redirect_uri=options.redirect_uri,
            android_package_name=options.android_package_name,
            hosted=defaults.hosted,
            completion_redirect_uri=defaults.completion_redirect_uri,
        )
        if options.connection_id is None:
            return _for_new_bank(request, options, defaults)
        return self._for_update(request, options, owned(self.connections.find(options.connection_id), app_user_id))

    def _for_update(self, request: LinkRequest, options: LinkOptions, connection: BankConnection) -> LinkRequest:
        """Combines the app's options with those that the connection's problem and its products require.

        In update mode Plaid ignores the webhook, and accepts products only as additional consent.
        """
        if connection.status is ItemStatus.ERROR:
            raise _relink(connection.connection_id)
        needed = remedy(connection)
        lacking = self._lacking_consent(connection.connection_id)
        return replace(
            request,
            account_selection=_account_selection(request, options, connection, needed=needed.account_selection),
            consent_products=_unique((*(options.products or ()), *needed.consent_products, *lacking)),
        )

    def _lacking_consent(self, connection_id: str) -> tuple[str, ...]:
        """The products of Plaid whose sync waits for consent; reads nothing if the backend syncs none."""
        if not self.defaults.synced:
            return ()
        lacking = self.product_consents.lacking(connection_id)
        return _products_of(kind for kind in self.defaults.synced if kind in lacking)

    def _made(self, request: LinkRequest, connection_id: str | None) -> LinkToken:
        """Calls Plaid; for a connection, with its current access token."""
        if connection_id is None:
            return self.plaid.create_link_token(request)

        def update(token: Secret) -> LinkToken:
            return self.plaid.create_link_token(replace(request, access_token=token))

        made = AccessTokens(credentials=self.credentials, vault=self.vault).call(connection_id, update)
        if made is None:
            raise _relink(connection_id)
        return made


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _for_new_bank(request: LinkRequest, options: LinkOptions, defaults: LinkDefaults) -> LinkRequest:
    """Link asks for consent to what the backend syncs and no list of products has, where it asks by product.

    Transactions are always synced, in every country.
    """
    products = defaults.products
    if options.products:
        products = products.requiring(_unique(options.products))
    by_product = CONSENT_COUNTRIES.intersection(request.country_codes)
    products = products.with_consent((TRANSACTIONS, *(_products_of(defaults.synced) if by_product else ())))
    return replace(
        request,
        products=products.required,
        required_if_supported_products=products.required_if_supported,
        optional_products=products.optional,
        consent_products=products.consented,
        webhook_url=defaults.webhook_url,
    )


def _account_selection(request: LinkRequest, options: LinkOptions, connection: BankConnection, *, needed: bool) -> bool:
    """Whether Link offers the selection of accounts. In other countries users select them at their bank.

    Raises:
        InvalidArgument: The app requests it where Plaid does not offer it, and no problem requires it.
    """
    can_select = bool(ACCOUNT_SELECTION_COUNTRIES.intersection(request.country_codes))
    if options.account_selection and not can_select and not needed:
        raise InvalidArgument(
            f"account_selection: works in {', '.join(sorted(ACCOUNT_SELECTION_COUNTRIES))} only; link the bank again",
            code="invalid_input",
            connection_id=connection.connection_id,
        )
    return can_select and (options.account_selection or needed)


def _products_of(kinds: Iterable[ProductKind]) -> tuple[str, ...]:
    return _unique(tuple(PLAID_PRODUCT[kind] for kind in kinds))


def _explained(error: ProviderError, options: LinkOptions) -> BankError | None:
    """The error that tells the app what to do about Plaid's refusal; None to pass the refusal on as it is."""
    if options.connection_id is not None:
        if may_be_our_keys(error):
            return unless_our_keys(error)  # if the token is the reason, the next syncs detect it
        if error.error_class is ErrorClass.TERMINAL:
            return _relink(options.connection_id)
    if error.error_class is ErrorClass.CONFIGURATION and options.chooses and error.kind is not ErrorKind.PLAID_ACCOUNT:
        return InvalidArgument("Plaid refused an option of this request", code="link_request_refused")
    return None


def _relink(connection_id: str) -> FailedPrecondition:
    return FailedPrecondition(
        "this connection cannot be repaired: link the bank again", code="relink_required", connection_id=connection_id
    )


def _unique(values: tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values or ()))
