"""Limits on calls that cost the operator money."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Budget:
    """A maximum number of calls within a time window.

    Attributes:
        name: The name of the counter; budgets with the same name share it.
        most: The maximum number of calls.
        within: The length of the sliding window.
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
class LiveBalanceCeilings:
    """Limits of balances that are read at the bank (Plaid's `/accounts/balance/get`, billed per call).

    Attributes:
        per_user_and_day: The maximum number of calls for all connections of a user, in 24 hours; 0 turns them off.
        spacing: The minimum time between two calls for one connection. Plaid allows five a minute.
    """

    per_user_and_day: int
    spacing: timedelta = timedelta(minutes=1)

    def budgets(self, app_user_id: str, connection_id: str) -> tuple[Budget, Budget]:
        """The budgets that a call for one of the user's connections uses: the user's, and the connection's."""
        return (
            Budget.of_user(app_user_id, "live_balances", most=self.per_user_and_day, within=timedelta(days=1)),
            Budget.of_user(app_user_id, f"live_balances_of_{connection_id}", most=1, within=self.spacing),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshCeilings:
    """Limits of refreshes at the bank (Plaid's `/transactions/refresh`, billed per call).

    Attributes:
        spacing: The minimum time between two calls for one connection.
        per_user_and_day: The maximum number of calls for all connections of a user, in 24 hours.
        per_minute: The maximum number of calls for all users of the project, in a minute.
    """

    spacing: timedelta
    per_user_and_day: int
    per_minute: int

    def budgets(self, app_user_id: str) -> tuple[Budget, Budget]:
        """The budgets that a call for one of the user's connections uses."""
        return (
            Budget.of_user(app_user_id, "refresh", most=self.per_user_and_day, within=timedelta(days=1)),
            Budget.of_project("refresh", most=self.per_minute, within=timedelta(minutes=1)),
        )
