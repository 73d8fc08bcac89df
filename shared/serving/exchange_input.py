"""The body of an exchange: the result of Link, for one item or several."""

from typing import Annotated, Self

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema, model_validator

from shared.domain.link_hints import account_hints, institution_hint
from shared.domain.overlap import LinkedAccount
from shared.serving.http import StrictInput
from shared.usecases.linking.exchange_public_token import LinkedItem

MAX_ACCOUNTS = 200
PublicToken = Annotated[str, Field(min_length=1, max_length=512)]
LinkToken = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        description="Optional: the link token of the session, issued to the caller and unexpired",
    ),
]


class LinkInstitution(StrictInput):
    """The institution from Link's onSuccess. It is only a hint, so malformed values are ignored."""

    institution_id: str | None = None
    name: str | None = None


class LinkAccount(StrictInput):
    """An account from Link's onSuccess. It is only a hint, so malformed values are ignored."""

    id: str | None = None
    name: str | None = None
    mask: str | None = None
    type: str | None = None
    subtype: str | None = None


def _at_most(given: object) -> object:
    if isinstance(given, list) and len(given) > MAX_ACCOUNTS:
        raise ValueError(f"send at most {MAX_ACCOUNTS} accounts")
    return account_hints(given)


Replaces = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        description="Optional: the caller's connection that the new one replaces. Its notes move to the new one, then "
        "it is removed. It must have some of the accounts, and does not count as a duplicate.",
    ),
]


# The schemas accept any value, because apps pass on what their SDK returns.
InstitutionHint = Annotated[
    LinkInstitution | None,
    BeforeValidator(institution_hint),
    WithJsonSchema(
        {
            "description": "The institution from Link's onSuccess: `institution_id` and `name`. "
            "It helps to find duplicates early; malformed values are ignored.",
            "examples": [{"institution_id": "ins_109508", "name": "First Platypus Bank"}],
        }
    ),
]
AccountHints = Annotated[
    list[LinkAccount] | None,
    BeforeValidator(_at_most),
    WithJsonSchema(
        {
            "description": "The accounts from Link's onSuccess: a list of `id`, `name`, `mask`, `type` and `subtype`. "
            "They help to find duplicates early; malformed values are ignored.",
            "examples": [[{"id": "BxBXxLj1m4HMXBm9WZZmCWVbPjX16EHwv99vp", "name": "Checking", "mask": "0000"}]],
            "maxItems": MAX_ACCOUNTS,
        }
    ),
]


class Item(StrictInput):
    """The result of one successful Link session."""

    public_token: PublicToken = Field(repr=False)
    link_token: LinkToken | None = Field(default=None, repr=False)
    institution: InstitutionHint = None
    accounts: AccountHints = None
    allow_duplicate: bool = False
    replaces: Replaces | None = None

    def linked(self) -> LinkedItem:
        """Converts it to the use case's input."""
        return LinkedItem(
            public_token=self.public_token,
            link_token=self.link_token,
            institution_id=self.institution.institution_id if self.institution else None,
            accounts=tuple(LinkedAccount(a.name, a.mask, account_id=a.id) for a in self.accounts or ()),
            allow_duplicate=self.allow_duplicate,
            replaces=self.replaces,
        )


# Describes the check of `_one_or_many` in the API reference.
ONE_OR_MANY: dict[str, JsonValue] = {
    "oneOf": [
        {"title": "one item", "required": ["public_token"], "properties": {"items": {"const": None}}},
        {"title": "several items", "required": ["items"], "maxProperties": 1},
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
    replaces: Replaces | None = None
    items: Annotated[list[Item], Field(min_length=1, max_length=10)] | None = None

    @model_validator(mode="after")
    def _one_or_many(self) -> Self:
        given = self.model_fields_set
        if "items" in given and (self.items is None or given != {"items"}):
            raise ValueError("send items alone, without other fields")
        if self.items is None and self.public_token is None:
            raise ValueError("public_token is required")
        return self

    def single(self) -> Item:
        """The one item of a call without `items`."""
        return Item.model_validate(self.model_dump(exclude={"items"}))
