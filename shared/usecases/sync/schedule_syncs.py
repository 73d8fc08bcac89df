"""The orchestrator: whatever a lost trigger, task, webhook or process left behind, it sets going again."""

import contextvars
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from shared import trace
from shared.domain.errors import Conflict, Unavailable
from shared.domain.pause import Pauses
from shared.domain.sync_state import IllegalTransition
from shared.log import log
from shared.ports import Clock, Loaded, PausedSyncs, SyncQueue, Syncs
from shared.usecases.due_pages import due_pages
from shared.usecases.enqueue import enqueue

PAGE = 300
MAX_PAGES = 1000
LEFT, HELD, MOVED, ENQUEUED = "left", "held", "moved", "enqueued"  # what became of one that was due


def schedule_syncs(*, syncs: Syncs, paused: PausedSyncs, queue: SyncQueue, clock: Clock, at_once: int = 1) -> int:
    """Makes everything that is due `pending` and enqueues it: retries, runs that died, lost tasks, overdue polls.

    Reads only what is due. A state that another caller moves meanwhile is left to that caller.

    Args:
        syncs: Sync states.
        paused: What is to wait. While everything is, nothing is touched.
        queue: Where the runs are enqueued.
        clock: The time.
        at_once: How many are seen to at a time: each is a commit and a task, which are waited for.

    Returns:
        How many syncs were enqueued.
    """
    started, pauses = clock.now(), paused.load()[0]
    if pauses.everything is not None:
        log.warning("schedule.paused", since=pauses.everything.since)
        return 0
    became: Counter[str] = Counter()

    def see_to(loaded: Loaded) -> str:
        return _see_to(loaded, pauses=pauses, syncs=syncs, queue=queue, clock=clock)

    def due(limit: int) -> list[Loaded]:
        return syncs.due(started, limit=limit)

    for page in due_pages(due, lambda loaded: loaded.state.connection_id, size=PAGE, max_pages=MAX_PAGES):
        became += Counter(_each(see_to, page, at_once=at_once))
    log.info("schedule.done", enqueued=became[ENQUEUED], held=became[HELD])
    return became[ENQUEUED]


def _each(see_to: Callable[[Loaded], str], due: Iterable[Loaded], *, at_once: int) -> Iterator[str]:
    if at_once == 1:
        yield from map(see_to, due)
        return
    with ThreadPoolExecutor(at_once, thread_name_prefix="schedule") as pool:
        under_way = [pool.submit(contextvars.copy_context().run, see_to, loaded) for loaded in due]
        yield from (one.result() for one in under_way)


def _see_to(loaded: Loaded, *, pauses: Pauses, syncs: Syncs, queue: SyncQueue, clock: Clock) -> str:
    """Moves one state on, and says what became of it."""
    state = loaded.state
    try:
        if pauses.of(state.source) is not None:
            syncs.save(state.deferred(now=clock.now()), expected=loaded.version)
            return HELD
        queued = state.requeue(now=clock.now(), trace=trace.Trace.new().header())
        syncs.save(queued, expected=loaded.version)
    except Conflict:
        return LEFT  # another caller has moved it
    except IllegalTransition:
        return _put_off(loaded, syncs=syncs, clock=clock)
    except Exception as error:  # noqa: BLE001 (one connection's trouble must not stop all others)
        log.exception("schedule.skipped", connection_id=state.connection_id)
        # While the store does not answer, another write only takes longer.
        return LEFT if isinstance(error, Unavailable) else _put_off(loaded, syncs=syncs, clock=clock)
    # The run and the time make the name new at every turn: a name is blocked for a while once used.
    name = f"{state.connection_id}-s{state.run}-{int(queued.updated_at.timestamp() * 1000)}"
    with trace.resumed(queued.trace):
        is_new = enqueue(queue, state.connection_id, name=name, welcome=not state.is_set_up)
    return ENQUEUED if is_new else MOVED


def _put_off(loaded: Loaded, *, syncs: Syncs, clock: Clock) -> str:
    """Moves the due time of a state that cannot be requeued now."""
    with suppress(Exception):  # then this scheduler run steps over it
        syncs.save(loaded.state.backed_off(now=clock.now()), expected=loaded.version)
    return LEFT
