"""The server side of Link: a user logs in at a bank and chooses accounts, and gets a public token.

Sources: plaid.com/docs/link (onSuccess, onExit and their metadata), plaid.com/docs/link/update-mode and
plaid.com/docs/api/link/#linktokenget (the sessions of a link token). LINK webhooks are sent for Hosted Link only.
"""

from collections.abc import Sequence
from typing import Any

from emulators.plaid import activity, announcements, consent, extraction, institutions
from emulators.plaid.bank import Account, select_accounts
from emulators.plaid.billing import ONCE
from emulators.plaid.clock import iso
from emulators.plaid.errors import PlaidError
from emulators.plaid.institutions import Institution
from emulators.plaid.items import Item
from emulators.plaid.linktokens import LinkToken, Session
from emulators.plaid.synclog import SyncLog
from emulators.plaid.world import World

Json = dict[str, Any]
_FILTERED = ("depository", "credit", "loan", "investment", "other")


def usable_token(world: World, link_token: str) -> LinkToken:
    """Finds a link token, used before or not, as the Sandbox does. Raises INVALID_LINK_TOKEN if unknown or expired."""
    token = world.link_tokens.get(link_token)
    if token is None or token.expires <= world.clock.now():
        raise PlaidError("INVALID_LINK_TOKEN")
    return token


def begin(world: World, link_token: str) -> Session:
    session = Session(usable_token(world, link_token), world.ids.uuid(), iso(world.clock.now()))
    _event(world, session, "OPEN")
    return session


def log_in(world: World, session: Session, institution_id: str, username: str, password: str) -> list[Account]:
    """The accounts that this login can share; in update mode those of the existing Item."""
    _event(world, session, "SUBMIT_CREDENTIALS", institution_id=institution_id)
    request = session.token.request
    try:
        if session.token.update_item:
            session.found = _log_in_again(world, session, username, password)
        else:
            session.found = world.log_in(
                institution_id,
                _products(request, institutions.find(institution_id)),
                username=username,
                password=password,
                webhook=request.get("webhook"),
                days=int(request.get("transactions", {}).get("days_requested", 90)),
                user_id=request.get("user_id"),
                client_user_id=request.get("user", {}).get("client_user_id"),
                team=session.token.team,
            )
            if consent.applies(session.found.institution.countries):
                session.found.consent.scopes = consent.scopes_of(session.token.asked_products)
    except PlaidError as error:
        _event(world, session, "ERROR", error_type=error.error_type, error_code=error.code, error_message=error.message)
        raise
    accounts = found_accounts(session)
    if not accounts:
        raise PlaidError("NO_ACCOUNTS")
    return accounts


def found_accounts(session: Session) -> list[Account]:
    """The accounts that the login can share."""
    filters = session.token.request.get("account_filters")
    return [account for account in _offered(session) if _passes(account, filters)]


def oauth_redirect(session: Session) -> str | None:
    """The address to which an OAuth bank redirects after login: the app's redirect_uri with the state to resume."""
    uri = session.token.request.get("redirect_uri")
    if not uri or session.found is None or not session.found.institution.oauth:
        return None
    return f"{uri}?oauth_state_id={session.link_session_id}"


def _products(request: Json, institution: Institution) -> list[str]:
    """The products of the Item: the required ones, and the optional ones that the bank supports."""
    wishes = [*(request.get("required_if_supported_products") or []), *(request.get("optional_products") or [])]
    return [*(request.get("products") or []), *filter(institution.supports, wishes)]


def _log_in_again(world: World, session: Session, username: str, password: str) -> Item:
    item = world.items[str(session.token.update_item)]
    item.check_alive()
    if username != item.login.username:
        raise PlaidError("INVALID_UPDATED_USERNAME")
    world.log_in(item.institution.institution_id, [], username=username, password=password)
    return item


def _offered(session: Session) -> list[Account]:
    item = session.found
    if item is None:
        return []
    selecting = session.token.request.get("update", {}).get("account_selection_enabled")
    return [*item.accounts, *(item.hidden_accounts if selecting else [])]


def _passes(account: Account, filters: Json | None) -> bool:
    if not filters:
        return True
    wanted = filters.get(account.type, {}).get("account_subtypes", []) if account.type in _FILTERED else []
    return "all" in wanted or account.subtype in wanted


def finish(world: World, session: Session, account_ids: list[str] | None = None, refused: Sequence[str] = ()) -> Json:
    """Completes Link with some accounts, or all (None); returns onSuccess's arguments, {public_token, metadata}.

    `refused`: the products that the user does not grant at an OAuth bank.
    """
    item, token = session.found, session.token
    if item is None:
        raise PlaidError("INVALID_CREDENTIALS")
    offered = [account.account_id for account in found_accounts(session)]
    chosen = offered if account_ids is None else [account_id for account_id in offered if account_id in account_ids]
    if not chosen:
        raise PlaidError("NO_ACCOUNTS")
    _refuse_products(world, session, item, refused)
    if token.update_item:
        _repair(world, session, item, chosen)
    else:
        if len(chosen) < len(item.accounts):
            item.shared = chosen
            item.leave_out(account for account in item.accounts if account.account_id not in chosen)
            item.portfolio = select_accounts(item.portfolio, chosen)
            item.log = SyncLog(item.portfolio.history)
        if wanted := token.request.get("statements"):
            item.statement_periods = [[wanted["start_date"], wanted["end_date"]]]
        world.keep_item(item, set(token.request.get("optional_products") or ()) & set(ONCE))
    public_token = world.new_public_token(item)
    _event(world, session, "HANDOFF")
    metadata = _metadata(session, item)
    success = {"public_token": public_token, "metadata": metadata}
    added = {
        "public_token": public_token,
        "accounts": metadata["accounts"],
        "institution": metadata["institution"],
    }
    _record(world, session, results=_results([added]), on_success={**success, "metadata": {**metadata}})
    _announce(world, session, "SUCCESS", public_token)
    return success


def _refuse_products(world: World, session: Session, item: Item, refused: Sequence[str]) -> None:
    """The bank's own permissions: Link fails without those of a required product, an Item lacks the other ones.

    Source: plaid.com/docs/link/initializing-products.
    """
    request = session.token.request
    required = [*(request.get("products") or ()), *(request.get("required_if_supported_products") or ())]
    if not session.token.update_item:
        if set(refused) & set(required):
            error = PlaidError("ACCESS_NOT_GRANTED")
            _event(world, session, "ERROR", error_type=error.error_type, error_code=error.code)
            raise error
        item.products = [product for product in item.products if product not in refused]
    item.consent.refused = list(refused)


def leave(
    world: World, session: Session, error: PlaidError | None = None, status: str = "requires_credentials"
) -> Json:
    """Ends Link without success; returns the arguments of onExit, {error, metadata}."""
    _event(world, session, "EXIT", exit_status=status)
    institution = session.found.institution if session.found else None
    named = {"institution_id": institution.institution_id, "name": institution.name} if institution else None
    metadata = {"institution": named, "link_session_id": session.link_session_id, "request_id": world.ids.request_id()}
    body = error.inside() if error else None
    _record(world, session, exit={"error": body, "metadata": metadata})
    _announce(world, session, "EXITED", None)
    return {"error": body, "metadata": {**metadata, "status": status}}


def _repair(world: World, session: Session, item: Item, chosen: list[str]) -> None:
    """Completes update mode: repairs the Item; with account selection, replaces its accounts by the chosen ones.

    The user consents to the products of the link token.
    """
    item.consent.give(session.token.asked_products)
    if session.token.request.get("update", {}).get("account_selection_enabled"):
        before = len(item.log)
        shared = [account for account in item.hidden_accounts if account.account_id in chosen]
        for account in shared:
            item.share_account(account)
        removed = [
            transaction_id
            for account in list(item.accounts)
            if account.account_id not in chosen
            for transaction_id in item.unshare_account(account)
        ]
        activity.record(item, "SCOPES_UPDATE", world.clock.now())
        world.announce_changes(item, before, removed)
        extraction.announce_shared(world, item, shared)
    world.heal_item(item)


def _metadata(session: Session, item: Item) -> Json:
    return {
        "institution": {"institution_id": item.institution.institution_id, "name": item.institution.name},
        "accounts": [
            {
                "id": account.account_id,
                "name": account.name,
                "mask": account.mask,
                "type": account.type,
                "subtype": account.subtype or "other",
                "verification_status": None,
                "class_type": None,
            }
            for account in item.accounts
        ],
        "link_session_id": session.link_session_id,
        "transfer_status": None,
    }


def _results(item_add_results: list[Json]) -> Json:
    return {
        "item_add_results": item_add_results,
        "bank_income_results": [],
        "cra_item_add_results": [],
        "cra_update_results": [],
        "document_income_results": None,
        "payroll_income_results": [],
    }


def _event(world: World, session: Session, name: str, **metadata: str) -> None:
    session.events.append(
        {
            "event_id": world.ids.uuid(),
            "event_name": name,
            "event_metadata": {"request_id": world.ids.request_id(), **metadata},
            "timestamp": iso(world.clock.now()),
        }
    )


def _record(world: World, session: Session, **outcome: Json) -> None:
    session.token.sessions.append(
        {
            "link_session_id": session.link_session_id,
            "started_at": session.started_at,
            "finished_at": iso(world.clock.now()),
            "events": session.events,
            **outcome,
        }
    )


def _announce(world: World, session: Session, status: str, public_token: str | None) -> None:
    token = session.token
    webhook = token.request.get("webhook")
    if token.request.get("hosted_link") is None or not webhook:
        return
    if public_token:
        world.webhooks.post(
            webhook,
            announcements.item_add_result(session.link_session_id, token.link_token, public_token),
            team=token.team,
        )
    public_tokens = [public_token] if public_token else []
    world.webhooks.post(
        webhook,
        announcements.session_finished(session.link_session_id, token.link_token, status, public_tokens),
        team=token.team,
    )
    events = announcements.link_events(session.link_session_id, token.link_token, session.events)
    world.webhooks.post(webhook, events, team=token.team)
