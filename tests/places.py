"""Which tests share a worker, and the ports of the workers' stacks.

Every worker that runs tests on the emulators starts its own stack, so that several of them run in parallel. Tests of
one group share a worker, its stack and its data; a group therefore finds only its own documents. A file without a group
goes to any free worker as a whole, because its tests share fixtures; of the folders in ALONE, each test goes alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain

from emulators.ports import LARGEST_OFFSET, SMALLEST_OFFSET, Ports, StackError, offset_from_environment

# The longest groups first: workers take the groups in this order, then all single tests.
GROUPS: dict[str, tuple[str, ...]] = {
    "e2e": ("tests/e2e/", "tests/stack/test_demo.py", "tests/stack/test_firebase_json.py"),
    "screens": tuple(
        f"tests/web/test_{name}.py"  # half of the time of tests/web
        for name in ("languages", "link_return", "older_pages", "products", "refusals", "relink", "screens", "start")
    ),
    "web": ("tests/web/",),
    "campaigns": ("tests/soak/", "tests/monitoring/", "tests/adopted/"),
    "own-stacks": ("tests/stack/",),
    "store": ("tests/contract/", "tests/rules/"),
    # These tests share files in one folder of the clone, or collect what all of their tests have observed.
    "deploy": ("tests/deploy/",),
    "openapi": ("tests/functions/test_openapi.py",),
    "architecture": ("tests/architecture/",),  # they parse the same files
}
# Each test of these folders takes so long that other workers must be able to take the others.
ALONE = ("tests/simulation/",)
# Run last in their group, in this order: they check, or delete, the data of the other tests.
AFTERWARDS = "tests/e2e/afterwards/"
# Before those, the tests that store thousands of documents. The Firestore emulator keeps the keys of deleted documents,
# and reads all keys for each query.
LARGE = (
    *("tests/web/test_large_history.py", "tests/e2e/test_long_histories.py"),
    *("tests/soak/test_kills.py", "tests/soak/test_load.py"),
)
LATE = (*LARGE, AFTERWARDS)
# Each of these groups has a full stack; AFTERWARDS runs once in each, and its tests end with the group's name.
SEARCHED = ("e2e", "screens", "web", "campaigns")
EMULATOR_FREE = tuple(
    f"tests/{name}/"
    for name in (
        *("adapters", "architecture", "deploy", "domain", "functions"),
        *("operations", "serving", "simulation", "simulator", "usecases"),
    )
)
SOCKETLESS = ("tests/domain/", "tests/usecases/")

HIGHEST_PORT = 32_767  # above it the kernel assigns ports to outgoing connections
WORKERS = range(8081, 9081)  # the Functions emulator assigns its workers' ports from these
STEP = 100


def group_of(nodeid: str) -> str | None:
    """The group of a test, or None if the test can run anywhere."""
    if nodeid.startswith(AFTERWARDS):
        searched = nodeid.rpartition("[")[2].removesuffix("]")
        if searched in SEARCHED:
            return searched
    return next((name for name, places in GROUPS.items() if nodeid.startswith(places)), None)


def scope_of(nodeid: str) -> str:
    """The name of the tests that one worker runs together: a group, a file, or a single test."""
    return group_of(nodeid) or (nodeid if nodeid.startswith(ALONE) else nodeid.partition("::")[0])


def place_of(nodeid: str) -> tuple[int, int]:
    """The sort key of a test: by group, with the tests of AFTERWARDS at the end of theirs."""
    group = group_of(nodeid)
    late = max((number for number, place in enumerate(LATE, 1) if nodeid.startswith(place)), default=0)
    return list(GROUPS).index(group) if group else len(GROUPS), late


def offsets() -> Iterator[int]:
    """PORT_OFFSET, then further offsets, higher and then lower, whose ports do not overlap with earlier ones."""
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
    """The offset of one of several parallel stacks.

    Args:
        number: 0 is PORT_OFFSET itself.
    """
    for place, offset in enumerate(offsets()):
        if place == number:
            return offset
    raise StackError(f"PORT_OFFSET leaves no room for {number + 1} stacks side by side: choose another.")


def worker_number() -> int:
    """The number of this parallel worker process; 0 without parallel workers."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
