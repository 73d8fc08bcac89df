"""The orchestrator: whatever a lost trigger, task, webhook or process left behind, it sets going again."""

from shared import trace
from shared.domain.errors import Conflict
from shared.domain.sync_state import IllegalTransition
from shared.log import log
from shared.ports import Clock, PausedSyncs, SyncQueue, Syncs
from shared.usecases.enqueue import enqueue

PAGE = 300
MAX_PAGES = 1000


def schedule_syncs(*, syncs: Syncs, paused: PausedSyncs, queue: SyncQueue, clock: Clock) -> int:
    """Makes everything that is due `pending` and enqueues it: retries, runs that died, lost tasks, overdue polls.

    Reads only what is due. A state that another caller moves meanwhile is left to that caller.

    Args:
        syncs: Sync states.
        paused: What is to wait. While everything is, nothing is touched.
        queue: Where the runs are enqueued.
        clock: The time.

    Returns:
        How many syncs were enqueued.
    """
    enqueued, held, started = 0, 0, clock.now()
    pauses = paused.load()[0]
    if pauses.everything is not None:
        log.warning("schedule.paused", since=pauses.everything.since)
        return 0
    for _ in range(MAX_PAGES):
        moved = 0
        for loaded in syncs.due(started, limit=PAGE):
            state, is_held = loaded.state, pauses.of(loaded.state.source) is not None
            try:
                if is_held:
                    syncs.save(state.held(now=clock.now()), expected=loaded.version)
                    held, moved = held + 1, moved + 1
                    continue
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
    log.info("schedule.done", enqueued=enqueued, held=held)
    return enqueued
