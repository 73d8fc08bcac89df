"""Syncs that wait for the end of a pause, and those that may run although their bank is paused automatically."""

from datetime import datetime

from shared.domain.state_group import StateGroup


class Deferral(StateGroup):
    """What a pause does to a sync.

    Attributes:
        deferred_from: Since when the data of a sync that waits for the end of a pause has been old; None if no sync
            waits. After an outage, the oldest data comes first.
        released_until: Until when this sync may run although its bank is paused automatically.
    """

    deferred_from: datetime | None = None
    released_until: datetime | None = None

    def is_released(self, now: datetime) -> bool:
        """Whether the sync may run although its bank is paused automatically."""
        return self.released_until is not None and now < self.released_until
