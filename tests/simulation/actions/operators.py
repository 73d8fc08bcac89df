"""What operators do, with their own commands."""

from __future__ import annotations

from datetime import timedelta

from operations import commands
from shared import trace
from shared.domain.errors import BankError, NotFound, Unavailable
from tests.simulation.actions import action
from tests.simulation.actions.users import DAY, HOUR
from tests.simulation.loop import Killed, Process
from tests.simulation.scenario import Event
from tests.simulation.world import World

RETRY_AFTER = 600.0  # seconds
PATIENCE = 40  # tries of an operator


def operate(world: World, line: str) -> str:
    """Runs an operator's command, in a process of its own. Raises what it refuses with, a BankError.

    If the process is killed, that is an error like any other: the operator is still there, and runs it again.
    """
    given = commands._parser().parse_args(line.split())

    def command() -> str:
        with trace.within(trace.Trace.new()):
            return str(given.run(given))

    running = world.loop.spawn(Process("operator"), command)
    running.wait()
    if isinstance(running.error, Killed):
        raise Unavailable("the command was interrupted", code="interrupted")
    if running.error is not None:
        raise running.error
    world.boundary.note(f"operator {line.split()[0]}: done")
    return str(running.value)


def persist(world: World, line: str, *, tries: int = PATIENCE) -> str | None:
    """Runs a command until it succeeds, as an operator does while a service is down. None if it never does."""
    for _ in range(tries):
        try:
            return operate(world, line)
        except NotFound as error:  # it was removed meanwhile
            world.boundary.note(f"operator {line.split()[0]}: {error.code}")
            return None
        except BankError as error:
            world.boundary.note(f"operator {line.split()[0]}: {error.code}")
            world.loop.sleep(RETRY_AFTER)
    return None


def some_connection(world: World, event: Event) -> str | None:
    """One of the user's connections."""
    mine = world.connections_of(world.people[event.user])
    return event.chance().choice(mine).connection_id if mine else None


def some_scope(world: World, event: Event) -> str | None:
    """An option that names a connection, a user or an institution."""
    mine = world.connections_of(world.people[event.user])
    if not mine:
        return None
    chance = event.chance()
    one = chance.choice(mine)
    scopes = {"connection": one.connection_id, "user": one.app_user_id, "institution": one.institution_id}
    name = chance.choice(sorted(scope for scope, value in scopes.items() if value is not None))
    return f"--{name} {scopes[name]}"


@action("pause", per_year=2)
def pause(world: World, event: Event) -> None:
    """An operator pauses everything, or one bank, and resumes it minutes to days later."""
    chance, mine = event.chance(), world.connections_of(world.people[event.user])
    banks = sorted({one.institution_id for one in mine if one.institution_id is not None})
    what = f"--institution {chance.choice(banks)}" if banks and chance.random() < 0.5 else "--all"

    def work() -> None:
        persist(world, f"pause {what} --reason repair")
        world.loop.sleep(max(0.0, min(chance.choice((300.0, HOUR, 10 * HOUR, 2 * DAY)), world.until_quiet())))
        persist(world, f"resume {what}")

    world.app(work, "operator")


@action("rotate", per_year=2)
def rotate(world: World, event: Event) -> None:
    """An operator rotates the token of one connection, or those of a user, of a bank, or all."""
    scope = "--all" if event.chance().random() < 0.3 else some_scope(world, event)
    if scope is not None:
        world.app(lambda: persist(world, f"rotate {scope}"), "operator")


@action("reencrypt", per_year=0.8)
def reencrypt(world: World, event: Event) -> None:
    """The vault's key gets a new version. An operator re-encrypts all tokens; days later, nothing needs the old one."""
    vault, chance = world.backend.vault, event.chance()
    old = vault.newest_key()
    vault.rotate_key()

    def work() -> None:
        if chance.random() < 0.7:
            persist(world, "reencrypt")
        world.loop.sleep(3 * DAY)  # the daily check does the same work
        if not world.backend.is_closed and persist(world, "reencrypt") is not None:
            vault.disabled.add(old)

    if world.until_quiet() > 4 * DAY:
        world.app(work, "operator")


@action("replay", per_year=1.5)
def replay(world: World, event: Event) -> None:
    """An operator replays webhooks of the last hours or days, processed ones too at times."""
    chance = event.chance()
    since = world.loop.now() - timedelta(hours=chance.choice((1, 12, 100)))
    connection_id = some_connection(world, event) if chance.random() < 0.5 else None
    only = f" --connection {connection_id}" if connection_id else ""
    handled = " --handled" if chance.random() < 0.3 else ""
    world.app(
        lambda: persist(world, f"replay-webhooks --since {since.isoformat()}{only}{handled}", tries=3), "operator"
    )


@action("reconcile", per_year=2)
def reconcile(world: World, event: Event) -> None:
    """An operator makes a connection read its whole history again."""
    connection_id = some_connection(world, event)
    if connection_id is not None:
        world.app(lambda: persist(world, f"reconcile --connection {connection_id}", tries=3), "operator")


@action("resync", per_year=1)
def resync(world: World, event: Event) -> None:
    """An operator syncs connections now, and perhaps asks their banks first."""
    scope, refresh = some_scope(world, event), " --refresh" if event.chance().random() < 0.5 else ""
    if scope is not None:
        world.app(lambda: persist(world, f"resync {scope}{refresh}", tries=3), "operator")


@action("check_audit", per_year=3)
def check_audit(world: World, event: Event) -> None:
    """An operator checks a user's audit log: nothing is damaged."""
    uid = world.people[event.user].uid

    def work() -> None:
        try:
            operate(world, f"check-audit --user {uid}")
        except BankError as error:
            if error.code == "audit_damaged":
                world.violated(f"the audit log of {uid} is damaged: {error.message}")

    world.app(work, "operator")


@action("repair_audit", per_year=0.4)
def repair_audit(world: World, event: Event) -> None:
    """The stored end of an audit log is before its last entry; an operator repairs it, and the log grows again."""
    chance, store, uid = event.chance(), world.backend.store, world.people[event.user].uid
    chain = store.audit.get(uid, [])
    if len(chain) < 2 or world.until_quiet() <= 0:
        return
    store.audit_ends[uid] = chain[-chance.randrange(2, len(chain) + 1)].head()

    def work() -> None:
        world.loop.sleep(chance.choice((1.0, 60.0, HOUR)))
        persist(world, f"check-audit --user {uid} --go-on")

    world.app(work, "operator")
