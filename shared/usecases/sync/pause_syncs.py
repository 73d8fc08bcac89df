"""An operator pauses syncs, say while a bank or Plaid delivers nonsense, and resumes them.

What is asked for meanwhile is counted as ever: webhooks are recorded, users' calls answered, connections made. Nobody
begins a run; each connection that is due is put off, and after the end of the pause the schedule finds it.
"""

from collections.abc import Callable

from shared.domain.errors import Conflict, Unavailable
from shared.domain.pause import Pause, Pauses
from shared.ports import Clock, PausedSyncs

MAX_TRIES = 20  # of a compare-and-set against other operators


def pause_syncs(institution_id: str | None, *, by: str, reason: str, paused: PausedSyncs, clock: Clock) -> bool:
    """Pauses the syncs of an institution, or of everything. Returns whether they were not paused before.

    Raises:
        Unavailable: The store did not answer.
    """
    pause = Pause(since=clock.now(), by=by, reason=reason)
    return _changed(lambda pauses: pauses.paused(institution_id, pause), paused=paused)


def resume_syncs(institution_id: str | None, *, paused: PausedSyncs) -> bool:
    """Ends a pause. Returns whether there was one.

    Raises:
        Unavailable: The store did not answer.
    """
    return _changed(lambda pauses: pauses.resumed(institution_id), paused=paused)


def _changed(change: Callable[[Pauses], Pauses], *, paused: PausedSyncs) -> bool:
    for _ in range(MAX_TRIES):
        before, version = paused.load()
        after = change(before)
        if after == before:
            return False
        try:
            paused.save(after, expected=version)
        except Conflict:
            continue
        return True
    raise Unavailable("other operators are at it", code="store_busy", retry_after_seconds=1)
