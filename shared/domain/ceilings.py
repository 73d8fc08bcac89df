"""Ceilings on what the owner pays for."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many calls within a window of time.

    Attributes:
        name: Names the counter; calls under the same name share it.
        most: How many calls pass.
        within: In any window of this length.
    """

    name: str
    most: int
    within: timedelta

    @classmethod
    def of_user(cls, app_user_id: str, action: str, *, most: int, within: timedelta) -> "Budget":
        """One user's own budget for an action."""
        return cls(f"{app_user_id}:{action}", most, within)

    @classmethod
    def of_project(cls, action: str, *, most: int, within: timedelta) -> "Budget":
        """The budget that all users of this project share. No user id is empty, so no user's budget has this name."""
        return cls.of_user("", action, most=most, within=within)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshCeilings:
    """How often banks may be asked for what is new (Plaid's `/transactions/refresh`, billed by the call).

    Attributes:
        spacing: Between two calls for one connection.
        per_user_and_day: Calls for all connections of a user, in 24 hours.
        per_minute: Calls for all users of the project, in a minute.
    """

    spacing: timedelta
    per_user_and_day: int
    per_minute: int

    def budgets(self, app_user_id: str) -> tuple[Budget, Budget]:
        """The budgets that one call for a user's connection draws on."""
        return (
            Budget.of_user(app_user_id, "refresh", most=self.per_user_and_day, within=timedelta(days=1)),
            Budget.of_project("refresh", most=self.per_minute, within=timedelta(minutes=1)),
        )
