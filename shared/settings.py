"""All settings, read from the environment on first use. Secret Manager provides secrets as variables, too."""

import os
from datetime import timedelta
from functools import cache
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from shared.domain.ceilings import LiveBalanceCeilings, RefreshCeilings
from shared.domain.link import OPTIONAL_PRODUCTS, PRODUCTS, LinkProducts, usable_language
from shared.domain.market import COUNTRIES
from shared.domain.products.kinds import PLAID_PRODUCT, ProductKind
from shared.domain.region import KeyPairs, Region
from shared.emulators_only import LOCAL_PROJECT_PREFIX as LOCAL_PROJECT_PREFIX
from shared.emulators_only import check_emulators

PLAID_SECRETS = ["PLAID_SECRET", "PLAID_EU_SECRET"]
"""The secrets of every function that calls Plaid. Both must exist, even if only the first pair of keys is used."""


class Settings(BaseModel):
    """The settings. Each environment variable has the field's name in capitals."""

    model_config = ConfigDict(frozen=True)

    project: str = Field(min_length=1)
    deploy_region: str = "us-central1"  # of the functions and their queues
    function: str = "operator"  # the function that this process serves: FUNCTION_TARGET, which its runtime sets
    plaid_env: Literal["sandbox", "production"] = "sandbox"
    plaid_base_url: str | None = None  # instead of Plaid's host for plaid_env
    plaid_client_id: str = ""
    plaid_secret: SecretStr = SecretStr("")
    plaid_eu_client_id: str = ""  # unset: the first pair of keys serves all countries
    plaid_eu_secret: SecretStr = SecretStr("")
    tasks_caller: str | None = None  # the account of Cloud Tasks; unset: the one that the deploy creates
    webhook_url: str | None = None  # where Plaid sends webhooks; unset: only the scheduler syncs
    vault_key: str | None = Field(
        default=None, pattern=r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$"
    )
    vault_keyset: SecretStr | None = None  # local development only
    audit_keyset: SecretStr | None = None  # signs the checkpoints of the audit logs
    audit_retention_days: int = Field(default=400, ge=1)
    client_name: str = Field(default="OmniButler", min_length=1, max_length=30)
    products: tuple[str, ...] = ("transactions",)
    required_if_supported_products: tuple[str, ...] = ()  # products that Link adds where the bank supports them
    optional_products: tuple[str, ...] = ()  # products that Link adds where the bank and the user allow them
    sync_products: tuple[ProductKind, ...] = ()  # data that is synced besides transactions; Plaid bills each product
    allowed_products: tuple[str, ...] | None = None  # that apps may request; unset: `products` and what syncs need
    allow_duplicates: bool = True  # 0: an app's `allow_duplicate` has no effect
    max_connections_per_user: int = Field(default=50, ge=0)
    country_codes: tuple[str, ...] = ("US",)
    language: str = "en"
    days_requested: int = Field(default=730, ge=1, le=730)
    hosted_link: bool = False  # Plaid hosts Link, and reports the result by webhook
    hosted_link_completion_redirect_uri: str | None = None  # where Plaid redirects the browser afterwards
    app_check: bool = False  # require Firebase App Check
    # Who may create connections; existing connections are not affected.
    allow_anonymous: bool = True  # off by default with PLAID_ENV=production
    require_verified_email: bool = False  # of users who have an e-mail address
    cors_origins: tuple[str, ...] = ("*",)
    link_tokens_per_minute: int = Field(default=60, ge=0)
    exchanges_per_minute: int = Field(default=30, ge=0)
    syncs_per_minute: int = Field(default=60, ge=0)
    reconnects_per_minute: int = Field(default=60, ge=0)
    balance_refreshes_per_minute: int = Field(default=60, ge=0)
    removals_per_minute: int = Field(default=60, ge=0)
    manual_sync_spacing_seconds: int = Field(default=30, ge=0)
    refresh_spacing_seconds: int = Field(default=3600, ge=0)  # between two calls of /transactions/refresh
    refreshes_per_user_and_day: int = Field(default=20, ge=0, le=10_000)  # all are stored in one document
    refreshes_per_minute: int = Field(default=60, ge=0, le=10_000)  # of all users together
    live_balances_per_day: int = Field(default=0, ge=0, le=10_000)  # per user; all are stored in one document
    rotate_tokens_after_days: int | None = Field(default=None, ge=1)  # unset: rotated on demand only
    detector: Literal["rule", "learned"] = "rule"  # decides whether failures are an outage of their bank
    explainer: Literal["template"] = "template"  # puts outages into words, for operators

    @model_validator(mode="before")
    @classmethod
    def _anonymous_users_are_for_the_sandbox(cls, given: Any) -> Any:
        return (
            {"allow_anonymous": given.get("plaid_env") != "production", **given} if isinstance(given, dict) else given
        )

    @field_validator(
        "products",
        "required_if_supported_products",
        "optional_products",
        "sync_products",
        "allowed_products",
        "country_codes",
        "cors_origins",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("allowed_products", mode="after")
    @classmethod
    def _can_be_linked_for(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if unknown := sorted({*(value or ())} - PRODUCTS):
            raise ValueError(f"{', '.join(unknown)}: not a product that a bank can be linked for")
        return value

    @field_validator("required_if_supported_products", "optional_products", mode="after")
    @classmethod
    def _can_be_optional(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted({*value} - OPTIONAL_PRODUCTS):
            raise ValueError(f"{', '.join(unknown)}: use only {', '.join(sorted(OPTIONAL_PRODUCTS))}")
        return tuple(dict.fromkeys(value))

    @field_validator("country_codes", mode="after")
    @classmethod
    def _link_works_there(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not COUNTRIES.issuperset(value):
            raise ValueError(f"use only {', '.join(sorted(COUNTRIES))}, and at least one")
        return tuple(dict.fromkeys(value))

    @field_validator("sync_products", mode="after")
    @classmethod
    def _once_each(cls, value: tuple[ProductKind, ...]) -> tuple[ProductKind, ...]:
        return tuple(dict.fromkeys(value))

    @field_validator("language", mode="after")
    @classmethod
    def _spoken(cls, value: str) -> str:
        """Shells set LANGUAGE, too, so a value that Link does not support falls back to English."""
        return usable_language(value) or "en"

    @model_validator(mode="after")
    def _hosted_link_is_heard_of(self) -> Self:
        if self.hosted_link and self.webhook_url is None:
            raise ValueError("HOSTED_LINK needs WEBHOOK_URL: Plaid reports what users link there by webhook only")
        return self

    @model_validator(mode="after")
    def _each_product_is_in_one_list(self) -> Self:
        """Plaid refuses link tokens whose lists overlap: https://plaid.com/docs/api/link/#linktokencreate"""
        listed = [*dict.fromkeys(self.products), *self.required_if_supported_products, *self.optional_products]
        if repeated := sorted({product for product in listed if listed.count(product) > 1}):
            raise ValueError(
                f"{', '.join(repeated)}: name a product in only one of PRODUCTS, REQUIRED_IF_SUPPORTED_PRODUCTS and "
                "OPTIONAL_PRODUCTS"
            )
        return self

    @property
    def key_pairs(self) -> KeyPairs:
        """The pairs of Plaid's keys. The client id alone decides: not every function has the secrets."""
        return KeyPairs(has_eu=bool(self.plaid_eu_client_id))

    @property
    def plaid_keys(self) -> dict[Region, tuple[str, SecretStr]]:
        """The client id and secret of each region that has keys."""
        pairs = {
            Region.US: (self.plaid_client_id, self.plaid_secret),
            Region.EU: (self.plaid_eu_client_id, self.plaid_eu_secret),
        }
        return {region: pairs[region] for region in self.key_pairs.regions}

    @property
    def is_local(self) -> bool:
        """Whether the process runs on the emulators."""
        return self.project.startswith(LOCAL_PROJECT_PREFIX)

    @property
    def audit_retention(self) -> timedelta:
        """How long audit entries are kept."""
        return timedelta(days=self.audit_retention_days)

    @property
    def manual_sync_spacing(self) -> timedelta:
        """The minimum time between two manual syncs of one connection."""
        return timedelta(seconds=self.manual_sync_spacing_seconds)

    @property
    def client_products(self) -> frozenset[str]:
        """The products that apps may request. They are limited, because Plaid bills by product."""
        if self.allowed_products is not None:
            return frozenset(self.allowed_products)
        return frozenset((*self.products, *(PLAID_PRODUCT[kind] for kind in self.sync_products)))

    @property
    def link_products(self) -> LinkProducts:
        """The products of link tokens for new banks, unless the app chooses others."""
        return LinkProducts(self.products, self.required_if_supported_products, self.optional_products)

    @property
    def refresh_ceilings(self) -> RefreshCeilings:
        """The limits of refreshes at the bank, which Plaid charges for."""
        return RefreshCeilings(
            spacing=timedelta(seconds=self.refresh_spacing_seconds),
            per_user_and_day=self.refreshes_per_user_and_day,
            per_minute=self.refreshes_per_minute,
        )

    @property
    def live_balance_ceilings(self) -> LiveBalanceCeilings:
        """The limits of balances that are read at the bank, which Plaid charges for."""
        return LiveBalanceCeilings(per_user_and_day=self.live_balances_per_day)

    @property
    def rotate_tokens_after(self) -> timedelta | None:
        """The age at which access tokens are rotated; None: only on demand."""
        days = self.rotate_tokens_after_days
        return timedelta(days=days) if days is not None else None

    @classmethod
    def read(cls, environ: dict[str, str]) -> Self:
        """The settings in an environment; empty variables count as unset.

        Raises:
            pydantic.ValidationError: A value cannot be used.
            ValueError: The environment mixes emulators and real services.
        """
        check_emulators(environ)
        given = {name: environ[name.upper()] for name in cls.model_fields if environ.get(name.upper())}
        given["project"] = environ.get("GCLOUD_PROJECT") or environ.get("GOOGLE_CLOUD_PROJECT") or ""
        given["function"] = environ.get("FUNCTION_TARGET") or "operator"
        return cls.model_validate(given)


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings.read(dict(os.environ))
