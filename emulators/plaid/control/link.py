"""/_sim/link: act as the user in Link, without a browser. The Link page uses the same routes."""

from starlette.requests import Request

from emulators.plaid import institutions, linking
from emulators.plaid.bank import Account
from emulators.plaid.control.base import Json, Refused, Table, only
from emulators.plaid.errors import PlaidError
from emulators.plaid.linktokens import Session
from emulators.plaid.people import Login
from emulators.plaid.world import World


def _token(request: Request) -> str:
    return str(request.path_params["link_token"])


def _session(world: World, body: Json) -> Session:
    session = world.link_sessions.get(body.get("link_session_id", ""))
    if session is None:
        raise Refused("no such link session", 404)
    return session


def _expected(world: World, body: Json) -> Login:
    """The default username and password of a login."""
    known = world.settings
    if known.username is None or "username" in body:
        return Login()
    return Login(known.username, known.password or Login.password)


def _described(accounts: list[Account]) -> list[Json]:
    return [account.as_object() for account in accounts]


async def begin(world: World, request: Request, body: Json) -> Json:
    """Opens Link, or returns to it from an OAuth bank; returns the data for the page."""
    only(body, "oauth_state_id")
    if "oauth_state_id" in body:
        session = _session(world, {"link_session_id": body["oauth_state_id"]})
        if session.token.link_token != _token(request):
            raise PlaidError("INVALID_LINK_TOKEN")
    else:
        session = linking.begin(world, _token(request))
        world.link_sessions[session.link_session_id] = session
    update, asked = session.token.update_item, session.token.request
    banks = [world.items[update].institution] if update else institutions.select(asked["country_codes"])
    return {
        "link_session_id": session.link_session_id,
        "client_name": asked["client_name"],
        "completion_redirect_uri": (asked.get("hosted_link") or {}).get("completion_redirect_uri"),
        "update": update is not None,
        "account_selection": asked.get("update", {}).get("account_selection_enabled", False),
        "accounts": _described(linking.found_accounts(session)) if session.found else None,
        "username": world.items[update].login.username if update else world.settings.username,
        "password": None if update else world.settings.password,
        "institutions": [
            {"institution_id": bank.institution_id, "name": bank.name, "oauth": bank.oauth} for bank in banks
        ],
    }


async def log_in(world: World, _: Request, body: Json) -> Json:
    only(body, "link_session_id", "institution_id", "username", "password")
    session = _session(world, body)
    accounts = linking.log_in(
        world,
        session,
        body.get("institution_id", "ins_109508"),
        body.get("username", _expected(world, body).username),
        body.get("password", _expected(world, body).password),
    )
    return {"accounts": _described(accounts), "redirect_uri": linking.oauth_redirect(session)}


async def agree(world: World, _: Request, body: Json) -> Json:
    """Shares the accounts; returns the arguments of onSuccess."""
    only(body, "link_session_id", "account_ids", "refuse")
    session = _session(world, body)
    done = linking.finish(world, session, body.get("account_ids"), _refused(session, body))
    del world.link_sessions[session.link_session_id]
    return done


async def leave(world: World, _: Request, body: Json) -> Json:
    """Closes Link; returns the arguments of onExit."""
    only(body, "link_session_id", "error_code", "status")
    session = _session(world, body)
    error = PlaidError(body["error_code"]) if body.get("error_code") else None
    del world.link_sessions[session.link_session_id]
    return linking.leave(world, session, error, body.get("status", "requires_credentials"))


async def finish(world: World, request: Request, body: Json) -> Json:
    """Logs in and shares accounts in one call; returns {public_token, metadata}."""
    only(body, "institution_id", "username", "password", "account_ids", "refuse")
    session = linking.begin(world, _token(request))
    update = session.token.update_item
    known = world.items[update].login if update else _expected(world, body)
    linking.log_in(
        world,
        session,
        body.get("institution_id", "ins_109508"),
        body.get("username", known.username),
        body.get("password", known.password),
    )
    return linking.finish(world, session, body.get("account_ids"), _refused(session, body))


def _refused(session: Session, body: Json) -> list[str]:
    refused = [str(product) for product in body.get("refuse", ())]
    if refused and session.found and not session.found.institution.oauth:
        raise Refused("only an OAuth bank asks its user to grant each product")
    return refused


ROUTES: Table = [
    ("POST", "/link/{link_token}/begin", begin),
    ("POST", "/link/{link_token}/log_in", log_in),
    ("POST", "/link/{link_token}/agree", agree),
    ("POST", "/link/{link_token}/leave", leave),
    ("POST", "/link/{link_token}/finish", finish),
]
