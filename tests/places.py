"""Which tests share a worker, and at which ports the stacks of the workers stand.

Every worker that runs tests on the emulators starts a stack of its own, so that several of them run side by side.
Tests of one group share a worker, its stack and what they store; a group therefore finds only its own documents.
A test that belongs to no group goes to whichever worker is free.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain

from emulators.ports import LARGEST_OFFSET, SMALLEST_OFFSET, Ports, StackError, offset_from_environment

# The longest group first: workers take the groups in this order, then all the single tests.
GROUPS: dict[str, tuple[str, ...]] = {
    "e2e": ("tests/e2e/", "tests/stack/test_demo.py", "tests/stack/test_firebase_json.py"),
    "campaigns": ("tests/soak/", "tests/monitoring/", "tests/adopted/"),
    "web": ("tests/web/",),
    "own-stacks": ("tests/stack/",),
    "store": ("tests/contract/", "tests/rules/"),
    # These share what they make in one folder of the clone, or collect what all of their tests have seen.
    "deploy": ("tests/deploy/",),
    "openapi": ("tests/functions/test_openapi.py",),
}
# Run last in their group, in this order: they check, or empty, what the others have stored.
AFTERWARDS = "tests/e2e/afterwards/"
LATE = ("tests/web/test_large_history.py", AFTERWARDS)
# Each of these groups has a whole stack; AFTERWARDS runs once in each, and its tests end with the group's name.
SEARCHED = ("e2e", "campaigns", "web")
EMULATOR_FREE = tuple(
    f"tests/{name}/"
    for name in (
        *("adapters", "architecture", "deploy", "domain", "functions"),
        *("operations", "serving", "simulator", "usecases"),
    )
)
SOCKETLESS = ("tests/domain/", "tests/usecases/")

HIGHEST_PORT = 32_767  # above it the kernel takes ports for outgoing connections
WORKERS = range(8081, 9081)  # the Functions emulator takes ports for its workers from these
STEP = 100


def group_of(nodeid: str) -> str | None:
    """The group that a test belongs to, or None if it can run anywhere."""
    if nodeid.startswith(AFTERWARDS):
        searched = nodeid.rpartition("[")[2].removesuffix("]")
        if searched in SEARCHED:
            return searched
    return next((name for name, places in GROUPS.items() if nodeid.startswith(places)), None)


def place_of(nodeid: str) -> tuple[int, int]:
    """Sorts tests by their group, and those that look at what a group has left behind the others of the group."""
    group = group_of(nodeid)
    late = max((number for number, place in enumerate(LATE, 1) if nodeid.startswith(place)), default=0)
    return list(GROUPS).index(group) if group else len(GROUPS), late


def offsets() -> Iterator[int]:
    """PORT_OFFSET, then further ones, higher and then lower, whose ports are apart from those of all before them."""
    base = offset_from_environment()
    used = {port for _, port in Ports.at(base).items()}
    yield base
    for offset in chain(range(base + SMALLEST_OFFSET, LARGEST_OFFSET, STEP), range(SMALLEST_OFFSET, base, STEP)):
        try:
            ports = {port for _, port in Ports.at(offset).items()}
        except StackError:  # a browser refuses one of them
            continue
        if used.isdisjoint(ports) and not ports.intersection(WORKERS) and max(ports) <= HIGHEST_PORT:
            used |= ports
            yield offset


def offset_number(number: int) -> int:
    """The offset of one of several stacks that run side by side.

    Args:
        number: 0 is PORT_OFFSET itself.
    """
    for place, offset in enumerate(offsets()):
        if place == number:
            return offset
    raise StackError(f"PORT_OFFSET leaves no room for {number + 1} stacks side by side: choose another.")


def worker_number() -> int:
    """Which of the parallel workers this process is; 0 without any."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
