"""`make dev`: the stack with a simulated Cloud Scheduler, until Ctrl-C. `make plaid`: the simulator alone."""

from __future__ import annotations

import os
import sys
import time

import httpx

from emulators.bank_user import BankUser
from emulators.countries import chosen_country
from emulators.lifecycle import run
from emulators.scheduler import MINUTE, tick
from emulators.stack import Stack
from emulators.terminal import printable


def addresses(stack: Stack) -> list[str]:
    """The addresses of the stack for a developer."""
    url = stack.ports.url
    plaid = "simulator" if stack.plaid.simulated else stack.plaid.environment
    return [
        f"callables       {url('functions')}",
        f"Firestore       {url('firestore')}",
        f"Auth            {url('auth')}",
        f"Tasks           {url('tasks')}",
        f"Plaid           {stack.plaid.base_url}  ({plaid})",
        f"webhooks        {stack.plaid.webhook_url or 'none: syncs run on request and on schedule'}",
        f"logs            {stack.logs}",
        f"web app, REST   {url('hosting')}",
    ]


def expect(bank_user: BankUser, stack: Stack, client: httpx.Client) -> str:
    """Fills in the login of the simulated Link; returns a line about it."""
    if not stack.plaid.simulated:
        return "DEMO_USER and DEMO_TRANSACTIONS apply only to the simulator: log in by hand"
    login = {"username": bank_user.username, "password": bank_user.password}
    client.post(f"{stack.plaid.base_url}/_sim/settings", json=login).raise_for_status()
    return f"Link login      {bank_user.username}"


def dev() -> int:
    """Runs the stack until Ctrl-C."""
    bank_user = BankUser.choose(os.environ, chosen_country(os.environ))
    print("Starting the emulators and the Plaid simulator …", flush=True)
    with Stack(say=lambda line: print(printable(line), flush=True)) as stack, httpx.Client(trust_env=False) as client:
        expected = [expect(bank_user, stack, client)] if bank_user.username else []
        print(*map(printable, (*addresses(stack), *expected)), "ready", sep="\n", flush=True)
        due, number = time.monotonic() + MINUTE, 0
        while True:
            stack.check()
            time.sleep(0.5)
            if time.monotonic() >= due:
                due, number = due + MINUTE, number + 1
                tick(stack.ports, client, number=number)


def plaid() -> int:
    """Runs the Plaid simulator until Ctrl-C."""
    with Stack(only_simulator=True) as stack:
        print(printable(f"Plaid           {stack.plaid.base_url}"), "ready", sep="\n", flush=True)
        while True:
            stack.check()
            time.sleep(0.5)


if __name__ == "__main__":
    run(plaid if "--only-plaid" in sys.argv[1:] else dev, when_stopped=0)
