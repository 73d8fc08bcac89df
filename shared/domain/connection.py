"""A user's connection to one bank login, and what its status means."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

REVOKED_CODE = "USER_PERMISSION_REVOKED"
"""The stored `error_code` of a connection whose user took the permission away; by it the end of one is recognised.

The only one of Plaid's codes that the domain knows: documents carry Plaid's code, and nothing else in them tells a
revocation from another final error.
"""


class ItemStatus(StrEnum):
    """The state of the login at the bank. An outage, at the bank or at Plaid, is not a status."""

    GOOD = "good"
    BAD = "bad"  # the user must repair it in Link
    ERROR = "error"  # unusable: a new link, or support
    PENDING_EXPIRATION = "pending_expiration"
    PENDING_DISCONNECT = "pending_disconnect"


class Action(StrEnum):
    """What a user can do about a connection that needs them."""

    RECONNECT = "reconnect"
    RELINK = "relink"
    SELECT_ACCOUNTS = "select_accounts"


class SealedToken(BaseModel):
    """An access token as it is stored: encrypted, bound to its owner and connection. Only the vault opens it.

    Attributes:
        ciphertext: Opens for this owner, connection and generation only.
        key_id: The version of the key that it was sealed with.
        generation: Counts what was sealed in this place, so that an earlier ciphertext cannot be put back.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    ciphertext: str = Field(repr=False)
    key_id: str
    generation: int = 1


class Branding(BaseModel):
    """What an app shows beside a connection."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    logo: str | None = None
    url: str | None = None
    primary_color: str | None = None


class Announcement(BaseModel):
    """What Plaid announced for a pending connection, apart from what Plaid says about its item now.

    Attributes:
        ends_at: When the item stops working, unless its user goes through Link before.
        consent_expiration_time: The end of its consent at that time; a later one shows that the user renewed it.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    ends_at: datetime
    consent_expiration_time: datetime | None = None


class BankConnection(BaseModel):
    """One item of one user.

    `access_token` (always sealed) and `cursor` are stored apart from the rest, where no client can read them;
    they are None on a connection that was read without them. `updated_at` stays, while it is `bad` or `error`, at the
    moment when it broke. `announced` is set only while it is pending because Plaid announced something.
    `history_late`: a day after the exchange, the bank still has not delivered the whole history.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    connection_id: str
    app_user_id: str
    institution_id: str | None
    institution_name: str | None = None
    item_id: str
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
    announced: Announcement | None = None
    history_late: bool = False
    created_at: datetime
    updated_at: datetime

    @property
    def lacks_consent(self) -> bool:
        """Whether the user has to consent to more data: the only error that is recorded while the login works."""
        return self.error_code is not None and self.status not in (ItemStatus.BAD, ItemStatus.ERROR)

    def answer(self) -> dict[str, Any]:
        """What an exchange answers."""
        fields = {"connection_id", "institution_id", "institution_name", "status", "account_ids"}
        return self.model_dump(mode="json", include=fields)
