"""POST /api/v1/bank/set_access_token: what Link returned becomes a connection."""

from datetime import timedelta
from typing import Annotated, Any, Self

from firebase_functions import https_fn
from pydantic import ConfigDict, Field, JsonValue, model_validator

from shared import accounts, container
from shared.domain.errors import BankError, Unavailable
from shared.entry import Reply, Route, StrictInput, http_function, limited, recorded_bug
from shared.usecases.check_link_token import check_link_token
from shared.usecases.exchange_public_token import Exchanged, LinkedItem
from shared.usecases.find_duplicate import LinkedAccount

ROUTE = Route("POST", "/api/v1/bank/set_access_token")
BEGIN_WITHIN = timedelta(seconds=30)  # of several items: Hosting waits 60 seconds for an answer
Text = Annotated[str, Field(max_length=512)]
PublicToken = Annotated[str, Field(min_length=1, max_length=512)]
LinkToken = Annotated[
    str, Field(min_length=1, max_length=512, description="Where given: issued to the caller, unexpired")
]


class LinkInstitution(StrictInput):
    """The institution as Link's onSuccess gives it; both are null where Link does not know."""

    institution_id: Text | None = None
    name: Text | None = None


class LinkAccount(StrictInput):
    """An account as Link's onSuccess gives it."""

    model_config = StrictInput.model_config | {"extra": "ignore"}  # Link adds fields (verification_status, ...)

    id: Text | None = None
    name: Text
    mask: Text | None = None
    type: Text | None = None
    subtype: Text | None = None


class Item(StrictInput):
    """One success of Link."""

    public_token: PublicToken = Field(repr=False)
    link_token: LinkToken | None = Field(default=None, repr=False)
    institution: LinkInstitution | None = None
    accounts: Annotated[list[LinkAccount], Field(max_length=200)] | None = None
    allow_duplicate: bool = False

    def linked(self) -> LinkedItem:
        """The same in the story's words."""
        return LinkedItem(
            public_token=self.public_token,
            institution_id=self.institution.institution_id if self.institution else None,
            accounts=tuple(LinkedAccount(a.name, a.mask, account_id=a.id) for a in self.accounts or ()),
            allow_duplicate=self.allow_duplicate,
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
    institution: LinkInstitution | None = None
    accounts: Annotated[list[LinkAccount], Field(max_length=200)] | None = None
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


@https_fn.on_request(secrets=["PLAID_SECRET"], timeout_sec=120, service_account=accounts.LINK)
@http_function(ROUTE, Input)
def exchange_public_token(uid: str, given: Input) -> Reply:
    """201 with the connection (200 where this token was answered before); for `items` 200 with `results`."""
    exchange = container.exchanges()(uid)

    def one(item: Item) -> Exchanged:
        limited(uid, "exchange", container.settings().exchanges_per_minute)
        check_link_token(
            item.link_token,
            item.public_token,
            app_user_id=uid,
            links=container.links(),
            intents=container.intents(),
            clock=container.clock(),
        )
        return exchange(item.linked())

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
            results.append({"error": error.form()})
        except Exception:  # noqa: BLE001 (the items before are connected: their results are not to be lost)
            results.append({"error": recorded_bug().form()})
    return Reply({"results": results})
