"""The rows about work on many documents: the scheduler's sweep, and the purge of a connection."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.ground import Ground
from benchmarks.process import Contestant
from benchmarks.table import Result, median


def sweep(on: Ground, *, rounds: int, quick: bool) -> list[Result]:  # noqa: ARG001 (counts do not vary)
    """One scheduler run over many connections of which few are due, then, for memory, over only as many as are due."""
    connections, due = (5_000, 400) if quick else (100_000, 1_000)
    reads = 0
    memory: dict[int, float] = {}
    with Contestant("benchmarks.seeding", on.environment()) as seeding:
        for count in (due, connections):
            on.empty()
            seeding.ask("states", count=count, due=due)
            print(f"  {count:,} connections, {due:,} of them due", flush=True)
            with Contestant("benchmarks.product", on.environment()) as product:
                swept = product.ask("sweep")
            if swept["enqueued"] != due:
                raise AssertionError(f"the sweep found {swept['enqueued']} of {due}")
            reads, memory[count] = swept["reads"], swept["memory"] / 1024
    summary = (
        f"{reads:,} : {due:,}; memory {memory[connections]:.0f} MB among {connections:,}, "
        f"{memory[due]:.0f} MB among {due:,}"
    )
    grew = memory[connections] > 1.1 * memory[due]
    return [Result("sweep_reads", reads / due, summary, flaw="its memory grows with the connections" if grew else None)]


def purge(on: Ground, *, rounds: int, quick: bool) -> list[Result]:
    """Compares the purge with a query for all names and raw deletes. The first repetition is a warm-up for both."""
    count = 2_000 if quick else 50_000
    ours: list[float] = []
    floor: list[float] = []
    with ExitStack() as stack:
        product = stack.enter_context(Contestant("benchmarks.product", on.environment()))
        rival = stack.enter_context(Contestant("benchmarks.rivals", on.environment()))
        seeding = stack.enter_context(Contestant("benchmarks.seeding", on.environment()))
        token = on.item(500, exchanged=True).access_token
        for number in range(rounds + 1):
            size = count if number else count // 10
            on.empty()
            seeding.ask("rows", connection_id="purged", count=size, access_token=token)
            ours.append(size / product.ask("purge", connection_id="purged")["seconds"])
            on.empty()
            seeding.ask("rows", connection_id="purged", count=size, access_token=token)
            raw = rival.ask("delete_floor", connection_id="purged")
            if raw["deleted"] != size:
                raise AssertionError(f"the floor deleted {raw['deleted']} of {size}")
            floor.append(size / raw["seconds"])
            print(
                f"  {'warm-up' if number == 0 else f'round {number}'}: "
                f"ours {ours[-1]:,.0f} rows/s, floor {floor[-1]:,.0f}",
                flush=True,
            )
    ratio = median(mine / theirs for mine, theirs in zip(ours[1:], floor[1:], strict=True))
    return [Result("purge_vs_floor", ratio, f"{median(ours[1:]):,.0f} : {median(floor[1:]):,.0f} rows/s")]
