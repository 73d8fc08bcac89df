"""GET /api/v1/bank/connect: Create a Link token."""

from typing import Annotated

from firebase_functions import https_fn
from pydantic import Field

from shared import request_context, service_accounts
from shared.serving import container, linking_container
from shared.serving.declared_errors import PLAID_ERRORS
from shared.serving.guards import authenticated_endpoint
from shared.serving.http import Reply, Route, StrictInput
from shared.serving.rate_limits import limited
from shared.settings import PLAID_SECRETS
from shared.usecases.linking.link_options import LinkOptions

Name = Annotated[str, Field(min_length=1, max_length=64)]
ROUTE = Route(
    "GET",
    "/api/v1/bank/connect",
    lists=frozenset({"country_codes", "products"}),
    errors=(
        "anonymous_not_allowed",
        "email_not_verified",
        "too_many_connections",
        "connection_not_found",
        "relink_required",
        "connection_busy",
        "link_request_refused",
        *PLAID_ERRORS,
    ),
)


class Input(StrictInput):
    """All fields are optional. Without `connection_id`, Link starts for a new bank, with the user's own settings."""

    connection_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    account_selection: bool = False
    redirect_uri: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    android_package_name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = None
    country_codes: (
        Annotated[
            list[Annotated[str, Field(pattern=r"^[A-Z]{2}$")]],
            Field(
                min_length=1,
                description="Countries of one region: US and CA, or GB, or countries of the European Union. In update "
                "mode, the bank's own countries are used.",
            ),
        ]
        | None
    ) = None
    products: Annotated[list[Name], Field(min_length=1)] | None = None


@https_fn.on_request(secrets=PLAID_SECRETS, service_account=service_accounts.LINK)
@authenticated_endpoint(ROUTE, Input)
def create_link_token(uid: str, given: Input) -> Reply:
    """Returns `link_token`, `expiration` and `mode`; with Hosted Link also `hosted_link_url`."""
    if given.connection_id is None:
        linking_container.may_connect().refuse_new_bank(request_context.user.get())
    limited(uid, "link_token", container.settings().link_tokens_per_minute)
    options = LinkOptions(
        connection_id=given.connection_id,
        account_selection=given.account_selection,
        redirect_uri=given.redirect_uri,
        android_package_name=given.android_package_name,
        language=given.language,
        country_codes=tuple(given.country_codes) if given.country_codes else None,
        products=tuple(given.products) if given.products else None,
    )
    token = linking_container.create_link_token()(options, app_user_id=uid)
    mode = "update" if given.connection_id else "connect"
    hosted = {"hosted_link_url": token.hosted_link_url} if token.hosted_link_url is not None else {}
    return Reply({"link_token": token.link_token, "expiration": token.expiration, "mode": mode, **hosted})
