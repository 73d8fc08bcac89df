"""Typed factories of the use cases of linking, built on `container.py`."""

from typing import TYPE_CHECKING

from shared.serving import container, tokens_container

if TYPE_CHECKING:
    from shared.domain.connection import BankConnection
    from shared.usecases.linking.choose_region import ChooseRegion
    from shared.usecases.linking.create_connection import CreateConnection
    from shared.usecases.linking.create_link_token import CreateLinkToken
    from shared.usecases.linking.exchange_hosted_link import ExchangeHostedLink
    from shared.usecases.linking.exchange_items import ExchangeItems
    from shared.usecases.linking.exchange_public_token import ExchangePublicToken
    from shared.usecases.linking.existing_connection import ExistingConnection
    from shared.usecases.linking.may_connect import MayConnect
    from shared.usecases.linking.receive_link_webhook import ReceiveLinkWebhook
    from shared.usecases.linking.refresh_institutions import RefreshInstitutions
    from shared.usecases.linking.set_up_connection import SetUpConnection
    from shared.usecases.linking.start_first_sync import StartFirstSync
    from shared.usecases.linking.sweep_exchanges import SweepExchanges


def may_connect() -> "MayConnect":
    """Refuses users who may not create connections."""
    from shared.usecases.linking.may_connect import MayConnect

    settings = container.settings()
    return MayConnect(
        allow_anonymous=settings.allow_anonymous,
        require_verified_email=settings.require_verified_email,
        connections=container.connections(),
        ownership=container.item_ownership(),
    )


def create_link_token() -> "CreateLinkToken":
    """Creates link tokens."""
    from shared.usecases.linking.create_link_token import CreateLinkToken
    from shared.usecases.linking.link_options import LinkDefaults
    from shared.webhook_address import webhook_address

    settings = container.settings()
    return CreateLinkToken(
        defaults=LinkDefaults(
            language=settings.language,
            country_codes=settings.country_codes,
            products=settings.link_products,
            webhook_url=webhook_address(settings),
            plain_http=settings.plaid_env == "sandbox",
            hosted=settings.hosted_link,
            completion_redirect_uri=settings.hosted_link_completion_redirect_uri,
            allowed_products=settings.client_products,
            synced=settings.sync_products,
            key_pairs=settings.key_pairs,
        ),
        plaid=container.plaid(),
        vault=container.vault(),
        connections=container.connections(),
        credentials=container.credentials(),
        institutions=container.institutions(),
        product_consents=container.product_consents(),
        profiles=container.profiles(),
        links=container.links(),
        cap=container.connection_cap(),
        clock=container.clock(),
    )


def exchange_items() -> "ExchangeItems":
    """Checks and exchanges the items that an app sends after Link."""
    from shared.usecases.linking.check_link_token import CheckLinkToken
    from shared.usecases.linking.exchange_items import ExchangeItems

    clock = container.clock()
    return ExchangeItems(
        exchange=exchange_public_token(),
        check_link_token=CheckLinkToken(links=container.links(), intents=container.intents(), clock=clock),
        may_connect=may_connect(),
        allow_duplicates=container.settings().allow_duplicates,
        clock=clock,
    )


def exchange_public_token() -> "ExchangePublicToken":
    """Exchanges public tokens."""
    from shared.usecases.linking.exchange_intent import ClaimIntent
    from shared.usecases.linking.exchange_public_token import ExchangePublicToken
    from shared.usecases.linking.store_new_token import StoreNewToken

    clock, ownership = container.clock(), container.item_ownership()
    return ExchangePublicToken(
        choose_region=choose_region(),
        plaid=container.plaid(),
        vault=container.vault(),
        connections=container.connections(),
        cap=container.connection_cap(),
        claim_intent=ClaimIntent(intents=container.intents(), clock=clock, sleep=container.sleep),
        may_connect=may_connect(),
        ownership=ownership,
        store_new_token=StoreNewToken(ownership=ownership, sleep=container.sleep),
        create_connection=create_connection(),
        existing_connection=existing_connection(),
        clock=clock,
    )


def choose_region() -> "ChooseRegion":
    """Chooses the key pair of an exchange."""
    from shared.usecases.linking.choose_region import ChooseRegion

    settings = container.settings()
    return ChooseRegion(
        key_pairs=settings.key_pairs,
        without_session=settings.key_pairs.of_link(settings.country_codes) if settings.plaid_env == "sandbox" else None,
        links=container.links(),
        intents=container.intents(),
        clock=container.clock(),
    )


def create_connection() -> "CreateConnection":
    """Commits the connection of an exchanged token."""
    from shared.usecases.linking.create_connection import CreateConnection

    return CreateConnection(
        connections=container.connections(),
        institutions=container.institutions(),
        ownership=container.item_ownership(),
        cap=container.connection_cap(),
        clock=container.clock(),
        sleep=container.sleep,
    )


def existing_connection() -> "ExistingConnection":
    """Handles an exchange whose item is already connected."""
    from shared.usecases.linking.existing_connection import ExistingConnection

    def reconnect(connection_id: str, *, app_user_id: str) -> "BankConnection":
        return container.reconnect_connection()(connection_id, app_user_id=app_user_id)

    return ExistingConnection(connections=container.connections(), intents=container.intents(), reconnect=reconnect)


def exchange_hosted_link() -> "ExchangeHostedLink":
    """Exchanges public tokens that arrived by webhook."""
    from shared.usecases.linking.exchange_hosted_link import ExchangeHostedLink

    return ExchangeHostedLink(links=container.links(), vault=container.vault(), exchange=exchange_public_token())


def receive_link_webhook() -> "ReceiveLinkWebhook":
    """Stores the results of Hosted Link sessions."""
    from shared.usecases.linking.receive_link_webhook import ReceiveLinkWebhook

    return ReceiveLinkWebhook(
        links=container.links(), vault=container.vault(), tasks=container.tasks(), clock=container.clock()
    )


def start_first_sync() -> "StartFirstSync":
    """Enqueues the first sync of a new connection."""
    from shared.usecases.linking.start_first_sync import StartFirstSync

    return StartFirstSync(syncs=container.syncs(), queue=container.sync_queue())


def set_up_connection() -> "SetUpConnection":
    """Stores the data of a connection's institution, and sets the webhook."""
    from shared.usecases.linking.find_institution import FindInstitution
    from shared.usecases.linking.follow_institution import FollowInstitution
    from shared.usecases.linking.set_up_connection import SetUpConnection
    from shared.usecases.linking.watch_institution import WatchInstitution
    from shared.webhook_address import webhook_address

    settings, clock, plaid = container.settings(), container.clock(), container.plaid()
    return SetUpConnection(
        webhook_url=webhook_address(settings),
        connections=container.connections(),
        syncs=container.syncs(),
        plaid=plaid,
        access_tokens=tokens_container.access_tokens(),
        find_institution=FindInstitution(
            country_codes=settings.country_codes,
            key_pairs=settings.key_pairs,
            institutions=container.institutions(),
            plaid=plaid,
            clock=clock,
            sleep=container.sleep,
            watch=WatchInstitution(records=container.health_records()),
        ),
        follow_institution=FollowInstitution(syncs=container.syncs(), clock=clock),
        clock=clock,
    )


def refresh_institutions() -> "RefreshInstitutions":
    """Refreshes the shared cache of institutions."""
    from shared.usecases.linking.refresh_institutions import RefreshInstitutions

    return RefreshInstitutions(
        country_codes=container.settings().country_codes,
        key_pairs=container.settings().key_pairs,
        institutions=container.institutions(),
        plaid=container.plaid(),
        clock=container.clock(),
    )


def sweep_exchanges() -> "SweepExchanges":
    """Completes or reports interrupted exchanges."""
    from shared.usecases.linking.sweep_exchanges import SweepExchanges

    return SweepExchanges(
        intents=container.intents(),
        ownership=container.item_ownership(),
        vault=container.vault(),
        report_lost=container.report_lost_exchange(),
        clock=container.clock(),
    )
