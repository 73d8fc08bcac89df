"""Faults of linking: exchanges, items with two connections, duplicates, consent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from shared.domain.errors import InvalidArgument
from shared.domain.item import ItemHolder
from shared.domain.link import Remedy
from shared.domain.overlap import Holding, LinkedAccount, Overlap, overlap_of
from shared.serving import exchange_input
from shared.usecases import mark_duplicates
from shared.usecases.item_ownership import ItemOwnership
from shared.usecases.items import refresh_item_status
from shared.usecases.linking import create_link_token, find_duplicate, follow_institution
from shared.usecases.linking.check_link_token import CheckLinkToken
from shared.usecases.linking.create_connection import CreateConnection
from shared.usecases.linking.exchange_intent import ClaimedIntent
from shared.usecases.linking.find_duplicate import Siblings
from shared.usecases.linking.store_new_token import StoreNewToken
from shared.usecases.linking.sweep_exchanges import SweepExchanges
from tests.simulation.mutations import Patch, mutation


@mutation
def item_of_another_connection_removed() -> list[Patch]:
    """An exchange does not check which connection has the item: after update mode it removes the healthy item."""

    def claim(self: ItemOwnership, wanted: ItemHolder, *, held: Any = None) -> Any:
        return held if held is not None else self.items.claim(wanted, now=self.clock.now())[1]

    return [Patch(ItemOwnership, "claim", claim)]


@mutation
def update_mode_refused_as_duplicate() -> list[Patch]:
    """The exchange after update mode is refused, because the accounts are connected already."""
    return [Patch(Siblings, "have_item_of", lambda self, accounts: False)]


@mutation
def duplicates_only_if_all_accounts_match() -> list[Patch]:
    """A new link is a duplicate only if all of its accounts are connected already."""

    def whole_overlap_of(
        institution_id: str | None, accounts: Sequence[LinkedAccount], holdings: Iterable[Holding]
    ) -> Overlap | None:
        known = tuple(holdings)
        found = overlap_of(institution_id, accounts, known)
        theirs = {one.connection_id: len(one.accounts) for one in known}
        return found if found and len(found.accounts) == len(accounts) == theirs[found.connection_id] else None

    return [Patch(find_duplicate, "overlap_of", whole_overlap_of)]


@mutation
def duplicates_counted_twice() -> list[Patch]:
    """An account that is connected twice is not marked as a duplicate."""
    return [Patch(mark_duplicates, "duplicates_in", lambda holdings: {})]


@mutation
def public_token_of_another_user() -> list[Patch]:
    """A user can exchange the public token of another user's Link session."""
    return [Patch(CheckLinkToken, "__call__", lambda self, link_token, public_token, *, app_user_id: None)]


@mutation
def link_metadata_refused() -> list[Patch]:
    """Metadata of Link without names, as mobile SDKs send it, is refused."""
    original = exchange_input.Item.linked

    def linked(self: exchange_input.Item) -> Any:
        if any(account.name is None for account in self.accounts or ()):
            raise InvalidArgument("accounts.name: a text is required", code="invalid_input")
        return original(self)

    return [Patch(exchange_input.Item, "linked", linked)]


@mutation
def consent_not_requested() -> list[Patch]:
    """Update mode does not request the consent that the connection lacks, so no repair helps."""
    return [Patch(create_link_token, "remedy", lambda connection: Remedy(account_selection=False, consent_products=()))]


@mutation
def call_before_token_is_stored() -> list[Patch]:
    """The exchange reads the store before it stores the new token, so that it is lost if the process dies there."""
    original = StoreNewToken.__call__

    def store(self: StoreNewToken, item: Any, **more: Any) -> None:
        self.ownership.connections.of_item(item.item_id)
        original(self, item, **more)

    return [Patch(StoreNewToken, "__call__", store)]


@mutation
def token_of_exchange_not_stored() -> list[Patch]:
    """The new token is only kept in memory until the connection is created."""

    def store_new_token(self: ClaimedIntent, token: Any, *, item_id: str) -> bool:
        self.intent = self.intent.exchanged(token, item_id=item_id)
        return True

    return [Patch(ClaimedIntent, "store_new_token", store_new_token)]


@mutation
def refused_item_kept() -> list[Patch]:
    """The item of a refused duplicate stays at Plaid."""

    def remove_item(self: CreateConnection, claimed: ClaimedIntent, token: Any) -> None:
        claimed.write(claimed.intent.removed())

    return [Patch(CreateConnection, "remove_item", remove_item)]


@mutation
def abandoned_item_kept() -> list[Patch]:
    """The sweep forgets an abandoned exchange without removing its item."""

    def remove(self: SweepExchanges, intent: Any, version: Any) -> str:
        self.intents.forget(intent.intent_id, expected=version)
        return "removed"

    return [Patch(SweepExchanges, "_remove", remove)]


@mutation
def merger_not_followed() -> list[Patch]:
    """A connection keeps its old bank after its item moves to another one."""
    return [
        Patch(refresh_item_status, "institution_change", lambda connection, facts: {}),
        Patch(follow_institution, "institution_change", lambda connection, facts: {}),
    ]
