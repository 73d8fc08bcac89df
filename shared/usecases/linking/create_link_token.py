"""Creates link tokens: for a new bank, or in update mode for an existing connection."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.credentials import may_be_our_keys, unless_our_keys
from shared.domain.errors import BankError, ErrorClass, ErrorKind, FailedPrecondition, InvalidArgument, ProviderError
from shared.domain.hosted_link import LinkSession
from shared.domain.link import (
    TRANSACTIONS,
    remedy,
    usable_countries,
    usable_language,
)
from shared.domain.market import (
    COUNTRIES_OF,
    Market,
    check_market_has,
    has_product,
    market_of,
    within_one_market,
)
from shared.domain.plaid_token import PlaidToken
from shared.domain.products.kinds import PLAID_PRODUCT, ProductKind
from shared.ports import (
    Clock,
    Connections,
    Credentials,
    Institutions,
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
from shared.usecases.linking.link_options import LinkDefaults, LinkOptions
from shared.usecases.tokens.call_with_token import AccessTokens

LINK_TOKEN_LIVES = timedelta(hours=4)  # if Plaid names no expiration: https://plaid.com/docs/api/link/#linktokencreate


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLinkToken:
    """Creates link tokens, with `defaults` for options that the app does not choose."""

    defaults: LinkDefaults
    plaid: Plaid
    vault: Vault
    connections: Connections
    credentials: Credentials
    institutions: Institutions
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
        usable_until = _moment(made.expiration) or now + LINK_TOKEN_LIVES
        session = LinkSession(app_user_id, usable_until, hosted, updates, request.region)
        self.links.remember(made.link_token, session, now=now)
        return made

    def _request(self, options: LinkOptions, app_user_id: str) -> LinkRequest:
        """The request to Plaid, except the access token of update mode."""
        defaults = self.defaults
        if options.connection_id is None:
            self.cap.refuse_new_bank(app_user_id)
        profile = self.profiles.find(app_user_id)
        countries = _unique(options.country_codes) or within_one_market(
            usable_countries(profile.country_codes) or defaults.country_codes
        )
        request = LinkRequest(
            app_user_id=app_user_id,
            # Users write their settings themselves: a language or country that Link does not support counts as not set.
            language=options.language or usable_language(profile.language) or defaults.language,
            country_codes=countries,
            region=defaults.key_pairs.of_link(countries),
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

        The countries are those of the bank, wherever its user lives now. In update mode Plaid ignores the webhook, and
        accepts products only as additional consent.
        """
        if connection.status is ItemStatus.ERROR:
            raise _relink(connection.connection_id)
        countries = self._countries_of(connection, wished=request.country_codes)
        request = replace(request, country_codes=countries, region=connection.region)
        market, needed = _market(request), remedy(connection)
        check_market_has(options.products or (), market)
        lacking = (one for one in self._lacking_consent(connection.connection_id) if has_product(market, one))
        return replace(
            request,
            account_selection=_account_selection(market, options, connection, needed=needed.account_selection),
            consent_products=_unique((*(options.products or ()), *needed.consent_products, *lacking)),
        )

    def _countries_of(self, connection: BankConnection, *, wished: tuple[str, ...]) -> tuple[str, ...]:
        """The countries of the connection's bank; of a bank in several markets, those where the user is.

        Only countries count that the connection's key pair may serve. While the cache does not know the bank, the
        wished ones are used.
        """
        bank = self.institutions.find(connection.institution_id) if connection.institution_id is not None else None
        known = bank.country_codes if bank is not None else ()
        pairs, enabled = self.defaults.key_pairs, self.defaults.country_codes
        return (
            within_one_market(pairs.countries(connection.region, wished=known), preferred=market_of(wished))
            or pairs.countries(connection.region, wished=wished)
            or within_one_market(pairs.countries(connection.region, wished=enabled))
            or within_one_market(pairs.countries(connection.region))
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

        def update(token: PlaidToken) -> LinkToken:
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
    """Link asks for consent to what the backend syncs and no list of products has, in the US and Canada.

    Transactions are always synced, in every country. Source for the countries:
    https://plaid.com/docs/link/data-transparency-messaging-migration-guide/
    """
    products, market = defaults.products, _market(request)
    if options.products:
        check_market_has(options.products, market)
        products = products.requiring(_unique(options.products))
    synced = _products_of(defaults.synced) if market is Market.NORTH_AMERICA else ()
    products = products.within(market).with_consent((TRANSACTIONS, *synced))
    return replace(
        request,
        products=products.required,
        required_if_supported_products=products.required_if_supported,
        optional_products=products.optional,
        consent_products=products.consented,
        webhook_url=defaults.webhook_url,
    )


def _market(request: LinkRequest) -> Market:
    market = market_of(request.country_codes)
    assert market is not None  # noqa: S101 (for the type checker: every request has a country of Link)
    return market


def _account_selection(market: Market, options: LinkOptions, connection: BankConnection, *, needed: bool) -> bool:
    """Whether Link offers the selection of accounts. In other countries users select them at their bank.

    Source: https://plaid.com/docs/link/update-mode/

    Raises:
        InvalidArgument: The app requests it where Plaid does not offer it, and no problem requires it: for such a bank,
            or together with such countries.
    """
    can_select = market is Market.NORTH_AMERICA
    named = market_of(options.country_codes or ())
    if options.account_selection and not needed and {market, named or market} != {Market.NORTH_AMERICA}:
        raise InvalidArgument(
            f"account_selection: works for banks in {', '.join(sorted(COUNTRIES_OF[Market.NORTH_AMERICA]))} only; "
            "link the bank again",
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
