"""The rows about syncs: speed, memory and cost."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack

from benchmarks.ground import Ground
from benchmarks.process import Contestant
from benchmarks.table import Result, median


def speed(on: Ground, *, rounds: int, quick: bool) -> list[Result]:
    """Compares first syncs with typical implementations and with the floor. The first repetition is a warm-up.

    Deleted documents slow the emulator down, so the backend and the floors alternate in running first.
    """
    rows, few = (2_000, 200) if quick else (10_000, 1_000)
    ours: list[float] = []
    naive: list[float] = []
    batch: list[float] = []
    floor: list[float] = []
    ready: list[float] = []  # the floor that sends bytes
    with ExitStack() as stack:
        product = stack.enter_context(Contestant("benchmarks.product", on.environment()))
        rival = stack.enter_context(Contestant("benchmarks.rivals", on.environment()))
        raw = stack.enter_context(Contestant("benchmarks.rivals", on.environment()))
        raw.ask("prepare", public_token=on.item(rows).public_token)
        small = on.item(few, exchanged=True)
        for number in range(rounds + 1):
            contestants = deque(("ours", "floor", "ready"))
            contestants.rotate(number)
            for contestant in contestants:
                on.empty()
                if contestant == "ours":
                    connected = product.ask("connect", public_token=on.item(rows).public_token)
                    ours.append(rows / product.ask("sync", connection_id=connected["connection_id"])["seconds"])
                elif contestant == "floor":
                    floor.append(rows / raw.ask("floor")["seconds"])
                else:
                    ready.append(rows / raw.ask("floor", as_bytes=True)["seconds"])
            on.empty()
            naive.append(few / rival.ask("naive", access_token=small.access_token)["seconds"])
            on.empty()
            batch.append(few / rival.ask("batch", access_token=small.access_token)["seconds"])
            print(
                f"  {'warm-up' if number == 0 else f'round {number}'}: ours {ours[-1]:,.0f} rows/s, "
                f"floor {floor[-1]:,.0f} (of bytes {ready[-1]:,.0f}), batch {batch[-1]:,.0f}, naive {naive[-1]:,.0f}",
                flush=True,
            )

    def beside(rates: list[float]) -> float:
        return median(mine / theirs for mine, theirs in zip(ours[1:], rates[1:], strict=True))

    found = []
    for row, rates in (("sync_vs_naive", naive), ("sync_vs_batch", batch), ("sync_vs_floor", floor)):
        more = f"; {beside(ready):.2f} beside ready bytes" if rates is floor else ""
        found.append(Result(row, beside(rates), f"{median(ours[1:]):,.0f} : {median(rates[1:]):,.0f} rows/s{more}"))
    return found


def memory(on: Ground, *, rounds: int, quick: bool) -> list[Result]:
    """Runs each sync in a process of its own, because a process's peak memory never decreases."""
    few, many = (1_000, 10_000) if quick else (5_000, 50_000)
    peaks: dict[int, list[float]] = {few: [], many: []}
    for number in range(rounds):
        for rows, seen in peaks.items():
            on.empty()
            with Contestant("benchmarks.product", on.environment()) as product:
                connected = product.ask("connect", public_token=on.item(rows).public_token)
                seen.append(product.ask("sync", connection_id=connected["connection_id"])["memory"] / 1024)
        print(f"  round {number + 1}: {peaks[few][-1]:.0f} MB, {peaks[many][-1]:.0f} MB", flush=True)
    ratio = median(large / small for small, large in zip(peaks[few], peaks[many], strict=True))
    return [Result("memory_growth", ratio, f"{median(peaks[many]):.0f} : {median(peaks[few]):.0f} MB")]


def costs(on: Ground, *, rounds: int, quick: bool) -> list[Result]:  # noqa: ARG001 (counts do not vary)
    """The cost of a sync, counted at the Firestore library's transport; Plaid calls are counted at the simulator."""
    rows, touched = (4_000, 100) if quick else (10_000, 300)  # with fewer rows, the few other writes count too much
    on.empty()
    item = on.item(rows)
    with Contestant("benchmarks.product", on.environment()) as product:
        connection_id = product.ask("connect", public_token=item.public_token)["connection_id"]
        first = product.ask("sync", connection_id=connection_id, counted=True)
        product.ask("ask", connection_id=connection_id)
        before = on.calls(item.item_id)
        idle = product.ask("sync", connection_id=connection_id, counted=True)
        calls = on.calls(item.item_id) - before
        truth = on.plaid("GET", f"items/{item.item_id}/truth")["transactions"]
        ids = [row["transaction_id"] for row in truth if not row["pending"]][:touched]
        on.plaid("POST", f"items/{item.item_id}/transactions", touch=ids, notify=False)
        product.ask("ask", connection_id=connection_id)
        touch = product.ask("sync", connection_id=connection_id, counted=True)
    if first["added"] != rows or touch["modified"] != touched:
        raise AssertionError(f"unexpected work was measured: {first}, {touch}")
    return [
        Result(
            "writes_per_row", first["writes"] / rows, f"{first['writes']:,} : {rows:,} in {first['commits']} commits"
        ),
        Result("idle_plaid_calls", calls, "/transactions/sync"),
        Result("idle_reads", idle["reads"], "the state, the access token"),
        Result("idle_commits", idle["commits"], "the claim, the end"),
        Result("idle_writes", idle["writes"], "state and progress twice, the connection"),
        Result(
            "unchanged_rewrites", touch["rows"], f"of {touched}, checked with {touch['reads'] - idle['reads']} reads"
        ),
    ]
