"""What the HTTP functions answer when they do not refuse: for descriptions and tests. Not imported at run time."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.domain.connection import Action, ItemStatus
from shared.domain.progress import SyncProgress


class Answer(BaseModel):
    """A body; what is described is all there is."""

    model_config = ConfigDict(extra="forbid")


class LinkTokenAnswer(Answer):
    """A token that opens Link.

    Attributes:
        link_token: For Link's `token`.
        expiration: Until when, ISO 8601.
        mode: `update` repairs the connection that was named.
        hosted_link_url: With Hosted Link alone: a page of Plaid's that shows Link.
    """

    link_token: str
    expiration: str
    mode: Literal["connect", "update"]
    hosted_link_url: str | None = None


class ConnectionAnswer(Answer):
    """A connection that was made.

    Attributes:
        connection_id: The name of its documents.
        institution_id, institution_name: Null where Plaid did not say at once; the document has them soon.
        status: Of the login at the bank.
        account_ids: Empty where Plaid did not say at once.
    """

    connection_id: str
    institution_id: str | None
    institution_name: str | None
    status: ItemStatus
    account_ids: tuple[str, ...]


class SyncAnswer(Answer):
    """A sync that was asked for: the progress document as it is now."""

    sync_progress: SyncProgress


class ReconnectedAnswer(Answer):
    """A login that the user has repaired: what Plaid says of it now.

    Attributes:
        status: Of the login at the bank.
        action: What the connection still needs from its user; absent if nothing.
    """

    status: ItemStatus
    action: Action | None = None


class NothingMore(Answer):
    """Accepted: there is nothing more to say."""
