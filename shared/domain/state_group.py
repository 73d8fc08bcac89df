"""The base class of the field groups that make up one stored document."""

from typing import Self, TypeAlias

from pydantic import BaseModel, ConfigDict

Changes: TypeAlias = dict[str, object]  # new values by field name


class StateGroup(BaseModel):
    """Frozen fields that change together.

    A document inherits from its groups, so it stays flat in Firestore, while a group knows only its own fields
    (docs/decisions/0010). A group's part of a larger transition is a protected method that returns `Changes`. The
    document merges the changes of all its groups into one copy, so other code cannot make half a transition. Stored
    names that differ from the fields' names are aliases.
    """

    model_config = ConfigDict(frozen=True, defer_build=True, serialize_by_alias=True)

    def _with(self, **changes: object) -> Self:
        return self.model_copy(update=changes)


class RunNumber(StateGroup):
    """The number of the latest run, which several groups need.

    Attributes:
        run: Incremented by each claim except a continuation's, and by each restart.
    """

    run: int = 0
