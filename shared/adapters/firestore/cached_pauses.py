"""Caches that nothing is paused, so that not every run reads the stored pauses."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.pause import Pauses
from shared.ports import Clock, PausedSyncs, Version

CACHED_FOR = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class _NothingPaused:
    """The answer of a read that found no pause, and the last save before that read."""

    at: datetime
    version: Version | None
    last_save: object


class CachedPauses:
    """The port `PausedSyncs` with a cache: a new pause takes effect within five seconds, a resume at once."""

    def __init__(self, store: PausedSyncs, *, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._cached: _NothingPaused | None = None
        self._last_save = object()

    def load(self) -> tuple[Pauses, Version | None]:
        """Loads the pauses. If nothing is paused, the answer is reused for five seconds."""
        now, cached, last_save = self._clock.now(), self._cached, self._last_save
        if cached and cached.last_save is last_save and timedelta() <= now - cached.at < CACHED_FOR:
            return Pauses(), cached.version
        pauses, version = self._store.load()
        self._cached = _NothingPaused(now, version, last_save) if pauses == Pauses() else None
        return pauses, version

    def save(self, pauses: Pauses, *, expected: Version | None) -> None:
        """Stores the pauses in one commit, and makes the cached answer and reads that have begun obsolete."""
        try:
            self._store.save(pauses, expected=expected)
        finally:
            self._last_save = object()
