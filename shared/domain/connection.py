"""A user's connection to one login at a bank, and its status."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from shared.domain.region import Region

REVOKED_CODE = "USER_PERMISSION_REVOKED"
"""The stored `error_code` of a connection whose user withdrew the permission.

It is the only Plaid code that the domain knows: documents store Plaid's code, and only this code distinguishes a
revocation from other final errors.
"""


class ItemStatus(StrEnum):
    """The status of the login at the bank. An outage of the bank or of Plaid does not change it."""

    GOOD = "good"
    BAD = "bad"  # the user must repair it in Link
    ERROR = "error"  # permanently unusable: the user must link the bank again, or contact support
    PENDING_EXPIRATION = "pending_expiration"
    PENDING_DISCONNECT = "pending_disconnect"


class Action(StrEnum):
    """What the user can do to repair a connection."""

    RECONNECT = "reconnect"
    RELINK = "relink"
    SELECT_ACCOUNTS = "select_accounts"


class SealedToken(BaseModel):
    """A stored access token: encrypted, and bound to its owner and connection. Only the vault can open it.

    Attributes:
        ciphertext: Can be opened only for this owner, connection and generation.
        key_id: The key version that sealed it.
        generation: Incremented with every new token of the connection, so that an old ciphertext cannot be restored.
        region: The key pair of Plaid that the token belongs to.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    ciphertext: str = Field(repr=False)
    key_id: str
    generation: int = 1
    region: Region = Region.US


class Branding(BaseModel):
    """The bank's logo, website and color, which apps show with a connection."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    logo: str | None = None
    url: str | None = None
    primary_color: str | None = None


class Announcement(BaseModel):
    """What Plaid announced for a pending connection, as opposed to the current state of its item.

    Attributes:
        ends_at: When the item stops working, unless its user completes Link before.
        consent_expiration_time: The end of the consent at that time; a later end shows that the user renewed it.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    ends_at: datetime
    consent_expiration_time: datetime | None = None


class MovedHistory(BaseModel):
    """What the last replaced connection left to this one: notes on their new transactions, and notes in the archive."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    moved: int
    archived: int
    at: datetime


class BankConnection(BaseModel):
    """One item of one user.

    `access_token` (always sealed) and `cursor` are stored in other documents, which no client can read; they are None
    if the connection was read without them. While the status is `bad` or `error`, `updated_at` stays at the moment when
    the login broke. `announced` is set only while the status is pending because of an announcement by Plaid.
    `history_late`: a day after the exchange, the bank still has not delivered the whole history. `replaces` is the old
    connection whose notes move to this one once its history is complete; `history_moved` is what then came of it.
    `region` is the key pair of Plaid that made the item; it never changes. `update_type` (`background`, or
    `user_present_required`: Plaid can read new data only while the user is there) and `auth_method` are the item's,
    `products` those that the institution supports. `last_successful_update` is when Plaid last read transactions at the
    bank.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    connection_id: str
    app_user_id: str
    institution_id: str | None
    institution_name: str | None = None
    item_id: str
    region: Region = Region.US
    access_token: SealedToken | None = None
    cursor: str | None = None
    status: ItemStatus = ItemStatus.GOOD
    error_type: str | None = None
    error_code: str | None = None
    action: Action | None = None
    last_sync: datetime | None = None
    account_ids: tuple[str, ...] = ()
    institution: Branding | None = None
    consent_expiration_time: datetime | None = None
    update_type: str | None = None
    auth_method: str | None = None
    products: tuple[str, ...] = ()
    last_successful_update: datetime | None = None
    announced: Announcement | None = None
    history_late: bool = False
    replaces: str | None = None
    history_moved: MovedHistory | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def lacks_consent(self) -> bool:
        """Whether the user must consent to more data: the only error that is stored while the login works."""
        return self.error_code is not None and self.status not in (ItemStatus.BAD, ItemStatus.ERROR)

    def answer(self) -> dict[str, Any]:
        """What an exchange answers."""
        fields = {"connection_id", "institution_id", "institution_name", "status", "account_ids"}
        return self.model_dump(mode="json", include=fields)
