"""The orchestrator: whatever a lost trigger, task, webhook or process left behind, it sets going again."""

from shared import trace
from shared.domain.errors import Conflict
from shared.domain.sync_state import IllegalTransition
from shared.log import log
from shared.ports import Clock, SyncQueue, Syncs
from shared.usecases.enqueue import enqueue

PAGE = 300
MAX_PAGES = 1000


def schedule_syncs(*, syncs: Syncs, queue: SyncQueue, clock: Clock) -> int:
    """Makes everything that is due `pending` and enqueues it: retries, runs that died, lost tasks, overdue polls.

    Reads only what is due. A state that another caller moves meanwhile is left to that caller.

    Args:
        syncs: Sync states.
        queue: Where the runs are enqueued.
        clock: The time.

    Returns:
        How many syncs were enqueued.
    """
    enqueued, started = 0, clock.now()
    for _ in range(MAX_PAGES):
        moved = 0
        for loaded in syncs.due(started, limit=PAGE):
            state = loaded.state
            try:
                queued = state.requeue(now=clock.now(), trace=trace.Trace.new().header())
                syncs.save(queued, expected=loaded.version)
            except (IllegalTransition, Conflict):
                continue
            except Exception:  # noqa: BLE001 (one connection's trouble must not stop all others)
                log.exception("schedule.skipped", connection_id=state.connection_id)
                continue
            moved += 1
            # The run and the time make the name new at every turn: a name is blocked for a while once used.
            name = f"{state.connection_id}-s{state.run}-{int(queued.updated_at.timestamp() * 1000)}"
            with trace.resumed(queued.trace):
                enqueued += enqueue(queue, state.connection_id, name=name, welcome=not state.welcomed)
        if not moved:
            break
    log.info("schedule.done", enqueued=enqueued)
    return enqueued
