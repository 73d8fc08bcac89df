"""POST /api/v1/bank/set_access_token: what Link returned becomes a connection."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Self

from firebase_functions import https_fn
from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema, model_validator

from shared import service_accounts
from shared.domain.errors import BankError, Unavailable
from shared.domain.link_hints import account_hints, institution_hint
from shared.domain.overlap import LinkedAccount
from shared.serving import container
from shared.serving.declared_errors import PLAID_ERRORS
from shared.serving.guards import authenticated_endpoint, internal_error
from shared.serving.http import Reply, Route, StrictInput
from shared.serving.rate_limits import limited
from shared.usecases.linking.check_link_token import check_link_token
from shared.usecases.linking.exchange_public_token import Exchanged, LinkedItem

ROUTE = Route(
    "POST",
    "/api/v1/bank/set_access_token",
    errors=(
        "anonymous_not_allowed",
        "email_not_verified",
        "too_many_connections",
        "relink_required",
        "connection_busy",
        "public_token_invalid",
        "public_token_not_yours",
        "link_token_not_yours",
        "duplicate_connection",
        "exchange_in_progress",
        "exchange_not_started",
        *PLAID_ERRORS,
    ),
)
BEGIN_WITHIN = timedelta(seconds=30)  # of several items: Hosting waits 60 seconds for an answer
MAX_ACCOUNTS = 200
PublicToken = Annotated[str, Field(min_length=1, max_length=512)]
LinkToken = Annotated[
    str, Field(min_length=1, max_length=512, description="Where given: issued to the caller, unexpired")
]


class LinkInstitution(StrictInput):
    """The institution as Link's onSuccess gives it. A hint: whatever is malformed in it is ignored."""

    institution_id: str | None = None
    name: str | None = None


class LinkAccount(StrictInput):
    """An account as Link's onSuccess gives it. A hint: whatever is malformed in it is ignored."""

    id: str | None = None
    name: str | None = None
    mask: str | None = None
    type: str | None = None
    subtype: str | None = None


def _at_most(given: object) -> object:
    if isinstance(given, list) and len(given) > MAX_ACCOUNTS:
        raise ValueError(f"at most {MAX_ACCOUNTS} accounts")
    return account_hints(given)


# Described as what is accepted, which is anything: apps pass on what their SDK gives them.
InstitutionHint = Annotated[
    LinkInstitution | None,
    BeforeValidator(institution_hint),
    WithJsonSchema(
        {
            "description": "The institution as Link's onSuccess gives it: `institution_id` and `name`. "
            "A hint for finding duplicates early; whatever is malformed in it is ignored.",
            "examples": [{"institution_id": "ins_109508", "name": "First Platypus Bank"}],
        }
    ),
]
AccountHints = Annotated[
    list[LinkAccount] | None,
    BeforeValidator(_at_most),
    WithJsonSchema(
        {
            "description": "The accounts as Link's onSuccess gives them: a list of `id`, `name`, `mask`, `type` and "
            "`subtype`. Hints for finding duplicates early; whatever is malformed in them is ignored.",
            "examples": [[{"id": "BxBXxLj1m4HMXBm9WZZmCWVbPjX16EHwv99vp", "name": "Checking", "mask": "0000"}]],
            "maxItems": MAX_ACCOUNTS,
        }
    ),
]


class Item(StrictInput):
    """One success of Link."""

    public_token: PublicToken = Field(repr=False)
    link_token: LinkToken | None = Field(default=None, repr=False)
    institution: InstitutionHint = None
    accounts: AccountHints = None
    allow_duplicate: bool = False

    def linked(self, *, allow_duplicates: bool) -> LinkedItem:
        """The same in the story's words; `allow_duplicates` is the operator's word on them."""
        return LinkedItem(
            public_token=self.public_token,
            institution_id=self.institution.institution_id if self.institution else None,
            accounts=tuple(LinkedAccount(a.name, a.mask, account_id=a.id) for a in self.accounts or ()),
            allow_duplicate=self.allow_duplicate and allow_duplicates,
        )


# For the description of the API: what `_one_or_many` checks.
ONE_OR_MANY: dict[str, JsonValue] = {
    "oneOf": [
        {"required": ["public_token"], "properties": {"items": {"type": "null"}}},
        {"required": ["items"], "maxProperties": 1},
    ]
}


class Input(StrictInput):
    """One item, or up to ten of them in `items`."""

    model_config = ConfigDict(**StrictInput.model_config, json_schema_extra=ONE_OR_MANY)

    public_token: PublicToken | None = Field(default=None, repr=False)
    link_token: LinkToken | None = Field(default=None, repr=False)
    institution: InstitutionHint = None
    accounts: AccountHints = None
    allow_duplicate: bool = False
    items: Annotated[list[Item], Field(min_length=1, max_length=10)] | None = None

    @model_validator(mode="after")
    def _one_or_many(self) -> Self:
        given = self.model_fields_set
        if "items" in given and (self.items is None or given != {"items"}):
            raise ValueError("items stands alone")
        if self.items is None and self.public_token is None:
            raise ValueError("public_token is required")
        return self

    def single(self) -> Item:
        """The one item of a call without `items`."""
        return Item.model_validate(self.model_dump(exclude={"items"}))


@https_fn.on_request(secrets=["PLAID_SECRET"], timeout_sec=120, service_account=service_accounts.LINK)
@authenticated_endpoint(ROUTE, Input)
def exchange_public_token(uid: str, given: Input) -> Reply:
    """201 with the connection (200 where this token was answered before); for `items` 200 with `results`."""
    exchange = container.exchanges()(uid, container.refusal())

    def one(item: Item) -> Exchanged:
        settings = container.settings()
        limited(uid, "exchange", settings.exchanges_per_minute)
        check_link_token(
            item.link_token,
            item.public_token,
            app_user_id=uid,
            links=container.links(),
            intents=container.intents(),
            clock=container.clock(),
        )
        return exchange(item.linked(allow_duplicates=settings.allow_duplicates))

    if given.items is None:
        done = one(given.single())
        return Reply(done.answer, status=201 if done.first else 200)
    until = container.clock().now() + BEGIN_WITHIN
    results: list[dict[str, Any]] = []
    for item in given.items:
        try:
            if container.clock().now() > until:
                raise Unavailable("the items before took long", code="exchange_not_started", retry_after_seconds=1)
            results.append(one(item).answer)
        except BankError as error:
            results.append(_refused(uid, error))
        except Exception:  # noqa: BLE001 (the items before are connected: their results are not to be lost)
            results.append(_refused(uid, internal_error()))
    return Reply({"results": results})


def _refused(uid: str, error: BankError) -> dict[str, Any]:
    """The result of an item that failed. Each refused item counts as a refused call."""
    if error.http < HTTPStatus.INTERNAL_SERVER_ERROR:
        container.refused_calls().add(uid, now=container.clock().now())
    return {"error": error.form()}
