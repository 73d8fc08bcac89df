"""Caches that nothing is paused, so that not every run reads the stored pauses."""

import threading
from datetime import datetime, timedelta

from shared.domain.pause import Pauses
from shared.ports import Clock, PausedSyncs, Version

CACHED_FOR = timedelta(seconds=5)


class CachedPauses:
    """The port `PausedSyncs` with a cache: a new pause takes effect within five seconds, a resume at once."""

    def __init__(self, store: PausedSyncs, *, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._nothing: tuple[datetime, Version | None] | None = None

    def load(self) -> tuple[Pauses, Version | None]:
        """Loads the pauses: while nothing is paused, at most one read every five seconds."""
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
