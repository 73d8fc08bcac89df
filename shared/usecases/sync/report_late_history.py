"""Decides whether the history that a run waits for is late. Late histories are polled less often."""

from dataclasses import dataclass, field

from shared.domain.late_history import is_late
from shared.domain.status import moment_of
from shared.domain.sync_state import SyncState
from shared.log import log
from shared.usecases.apply_status_event import ConnectionChange, StatusEvents


@dataclass(frozen=True, slots=True)
class HistoryDelay:
    """Whether the data that a run waits for is late.

    Attributes:
        late: Whether it is late.
        change: The change of the connection that the run's last commit writes.
    """

    late: bool = False
    change: ConnectionChange = field(default_factory=ConnectionChange)


def history_delay(state: SyncState, *, status_events: StatusEvents) -> HistoryDelay:
    """The delay of a run that ends without the data it waits for.

    The history is late some time after the exchange, and its user is notified once. Plaid may also not be ready for a
    connection that has its history: that delay counts from the request, and the user is not notified.
    """
    now = status_events.clock.now()
    if state.history_complete:
        return HistoryDelay(late=state.wanted_since is not None and is_late(state.wanted_since, now=now))
    connection = status_events.connections.find(state.connection_id)
    if connection is None or not is_late(connection.created_at, now=now):
        return HistoryDelay()
    if connection.history_late:
        return HistoryDelay(late=True)
    log.info("connection.history_late", connection_id=connection.connection_id)
    fields = {"history_late": True, "updated_at": moment_of(connection, connection.status, now=now)}
    news = status_events.announce_late_history(connection)
    return HistoryDelay(late=True, change=ConnectionChange(fields=fields, notifications=(news,)))
