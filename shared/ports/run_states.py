"""Stored states of syncs, of any kind: what the engine needs of a store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from shared.domain.run_state import RunState
from shared.ports.clock import Version
from shared.ports.writes import Write

S = TypeVar("S", bound=RunState)


@dataclass(frozen=True)  # without slots, which Python 3.11 cannot combine with a call of an alias such as `Loaded`
class LoadedState(Generic[S]):
    """A sync's state as it was read, with the version to compare against."""

    state: S
    version: Version


class RunStates(Protocol[S]):
    """States of one kind, and the commits that change them."""

    def load(self, sync_id: str, /) -> LoadedState[S] | None: ...  # noqa: D102
    def save(self, state: S, *, expected: Version, writes: Sequence[Write] = ()) -> Version:
        """Writes the state, its projection for clients and everything else in one commit, if the state is unchanged.

        Args:
            state: The new state.
            expected: The version of the state that it replaces.
            writes: What else to write, in this order.

        Raises:
            Conflict: Another writer changed the state, or a document that one of the writes expects. Nothing was
                written; or everything was, if only the answer of an earlier try was lost: the state shows which.
            CommitTooLarge: Nothing was written: split the writes into several commits.
        """

    def due(self, now: datetime, *, limit: int) -> list[LoadedState[S]]:
        """The states that are due for the scheduler, the longest overdue first."""
