"""Link tokens and their sessions. Source: plaid.com/docs/api/link."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from emulators.plaid.items import Item
from emulators.plaid.settings import US

Json = dict[str, Any]
PRODUCT_LISTS = ("products", "required_if_supported_products", "optional_products", "additional_consented_products")


@dataclass
class LinkToken:
    """A link token, its options, and the Link sessions that used it."""

    link_token: str
    created_at: datetime
    expires: datetime
    request: Json
    update_item: str | None = None
    sessions: list[Json] = field(default_factory=list)
    team: str = US

    @property
    def asked_products(self) -> list[str]:
        """All products for which Link asks the user's consent."""
        return [product for name in PRODUCT_LISTS for product in self.request.get(name) or ()]


@dataclass
class Session:
    """One session of a user in Link."""

    token: LinkToken
    link_session_id: str
    started_at: str
    events: list[Json] = field(default_factory=list)
    found: Item | None = None
