"""How far a sync has read the provider's change log, and which rows in the store may be outdated."""

from shared.domain.state_group import Changes, RunNumber


class ReadPosition(RunNumber):
    """The position in the change log, and the runs that moved it.

    Attributes:
        cursor: Where the change log was read up to; None before the first complete read.
        streaming: The running run has written rows ahead of the cursor.
        dirty_runs: Runs that ended after streaming rows without moving the cursor: their rows may be ghosts.
        handover: The next page's cursor of a loop that a run left to a continuation when its time was up. The next
            claim continues there, under the same run number.
        restarts: How often the running loop has started again from its first cursor, over all its continuations.
        rebuilding: Everything is read again from the beginning and compared with the store; rows that do not come
            again are deleted.
        marking: The rebuild takes longer than one run, so every row that comes is marked with the run's number.
    """

    cursor: str | None = None
    streaming: bool = False
    dirty_runs: tuple[int, ...] = ()
    handover: str | None = None
    restarts: int = 0
    rebuilding: bool = False
    marking: bool = False

    def _run_begun(self) -> Changes:
        """A new run reads from the cursor; rows of an earlier unfinished run become suspect."""
        return {"run": self.run + 1, "streaming": False, "restarts": 0, "dirty_runs": self._suspects()}

    def _reading_interrupted(self) -> Changes:
        """The run stops before it has read everything; a handed-over loop is kept."""
        return {"dirty_runs": self._suspects(), "streaming": self._continues()}

    def _reading_abandoned(self) -> Changes:
        """Ends the loop, even a handed-over one: rows that it streamed become suspect."""
        dirty = (*self.dirty_runs, self.run) if self.streaming else self.dirty_runs
        return {"dirty_runs": dirty, "streaming": False, "handover": None}

    def _reading_restarted(self) -> Changes:
        """The run reads again from its first cursor, under a new number.

        The number distinguishes rows that are delivered again from those that are not.
        """
        return self._reading_abandoned() | {"run": self.run + 1, "restarts": self.restarts + 1}

    def _reading_handed_over(self, cursor: str) -> Changes:
        """A continuation resumes at this page."""
        return {"handover": cursor, "streaming": True}

    def _reading_completed(self, cursor: str | None) -> Changes:
        """Everything was read. An empty cursor never replaces the current one."""
        return {
            "cursor": cursor or self.cursor,
            "streaming": False,
            "dirty_runs": (),
            "handover": None,
            "rebuilding": False,
            "marking": False,
        }

    def _reads_from_beginning(self) -> Changes:
        """Reads everything again and compares it with the store."""
        return {"cursor": None, "rebuilding": True}

    def _marks_every_row(self) -> Changes:
        """Marks every delivered row, so that a rebuild can hand over."""
        return {"marking": True}

    def _position_forgotten(self) -> Changes:
        """The rows are deleted, so another run would start from the beginning."""
        return {"cursor": None, "handover": None}

    def _continues(self) -> bool:
        """Whether what the run has streamed belongs to a loop that a continuation will finish."""
        return self.streaming and self.handover is not None

    def _suspects(self) -> tuple[int, ...]:
        return (*self.dirty_runs, self.run) if self.streaming and not self._continues() else self.dirty_runs
