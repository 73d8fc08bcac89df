"""A cache of "nothing is paused" in front of the stored pauses: otherwise every run would read them."""

import threading
from datetime import datetime, timedelta

from shared.domain.pause import Pauses
from shared.ports import Clock, PausedSyncs, Version

CACHED_FOR = timedelta(seconds=5)


class CachedPauses:
    """The port `PausedSyncs`, with a memory: what is paused is seen within five seconds, what is resumed at once."""

    def __init__(self, store: PausedSyncs, *, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._nothing: tuple[datetime, Version | None] | None = None

    def load(self) -> tuple[Pauses, Version | None]:
        """Loads the pauses: at most one read in five seconds while nothing is paused, however many runs ask."""
        with self._lock:
            now = self._clock.now()
            if self._nothing is not None and timedelta() <= now - self._nothing[0] < CACHED_FOR:
                return Pauses(), self._nothing[1]
            pauses, version = self._store.load()
            self._nothing = None if pauses != Pauses() else (now, version)
            return pauses, version

    def save(self, pauses: Pauses, *, expected: Version | None) -> None:
        """Stores the pauses in one commit, and empties the cache."""
        with self._lock:
            self._nothing = None
            self._store.save(pauses, expected=expected)
