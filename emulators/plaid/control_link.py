"""/_sim/link: be the user in front of Link, without a browser. The Link page uses the same routes."""

from typing import Any

from starlette.requests import Request

from emulators.plaid import institutions, linking
from emulators.plaid.control import Action, Refused, only
from emulators.plaid.errors import PlaidError
from emulators.plaid.linktokens import Session
from emulators.plaid.world import World

Json = dict[str, Any]


def _token(request: Request) -> str:
    return str(request.path_params["link_token"])


def _session(world: World, body: Json) -> Session:
    session = world.link_sessions.get(body.get("link_session_id", ""))
    if session is None:
        raise Refused("no such link session", 404)
    return session


async def begin(world: World, request: Request, body: Json) -> Json:
    """Open Link: what the page needs to show."""
    only(body)
    session = linking.begin(world, _token(request))
    world.link_sessions[session.link_session_id] = session
    update = session.token.update_item
    countries = session.token.request["country_codes"]
    banks = [world.items[update].institution] if update else institutions.select(countries)
    return {
        "link_session_id": session.link_session_id,
        "client_name": session.token.request["client_name"],
        "update": update is not None,
        "username": world.items[update].login.username if update else None,
        "institutions": [
            {"institution_id": bank.institution_id, "name": bank.name, "oauth": bank.oauth} for bank in banks
        ],
    }


async def log_in(world: World, _: Request, body: Json) -> Json:
    only(body, "link_session_id", "institution_id", "username", "password")
    accounts = linking.log_in(
        world,
        _session(world, body),
        body.get("institution_id", "ins_109508"),
        body.get("username", "user_good"),
        body.get("password", "pass_good"),
    )
    return {"accounts": [account.as_object() for account in accounts]}


async def agree(world: World, _: Request, body: Json) -> Json:
    """Share the accounts: what onSuccess is called with."""
    only(body, "link_session_id", "account_ids")
    session = _session(world, body)
    done = linking.finish(world, session, body.get("account_ids"))
    del world.link_sessions[session.link_session_id]
    return done


async def leave(world: World, _: Request, body: Json) -> Json:
    """Close Link: what onExit is called with."""
    only(body, "link_session_id", "error_code", "status")
    session = _session(world, body)
    error = PlaidError(body["error_code"]) if body.get("error_code") else None
    del world.link_sessions[session.link_session_id]
    return linking.leave(world, session, error, body.get("status", "requires_credentials"))


async def finish(world: World, request: Request, body: Json) -> Json:
    """All of it in one call: log in, share, and get {public_token, metadata}."""
    only(body, "institution_id", "username", "password", "account_ids")
    session = linking.begin(world, _token(request))
    update = session.token.update_item
    linking.log_in(
        world,
        session,
        body.get("institution_id", "ins_109508"),
        body.get("username", world.items[update].login.username if update else "user_good"),
        body.get("password", "pass_good"),
    )
    return linking.finish(world, session, body.get("account_ids"))


ROUTES: list[tuple[str, str, Action]] = [
    ("POST", "/link/{link_token}/begin", begin),
    ("POST", "/link/{link_token}/log_in", log_in),
    ("POST", "/link/{link_token}/agree", agree),
    ("POST", "/link/{link_token}/leave", leave),
    ("POST", "/link/{link_token}/finish", finish),
]
