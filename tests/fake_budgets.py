"""Budgets in memory; the contract tests keep this fake equivalent to the real adapter."""

from __future__ import annotations

import threading
from datetime import datetime

from shared.domain.ceilings import Budget
from tests.fakes import Calls


class FakeBudgets:
    """The port `Budgets`."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.spent: dict[str, list[datetime]] = {}
        self.lock = threading.Lock()

    def spend(self, *budgets: Budget, now: datetime) -> Budget | None:
        def call() -> Budget | None:
            with self.lock:
                left = {b.name: [at for at in self.spent.get(b.name, []) if now - at < b.within] for b in budgets}
                used_up = next((b for b in budgets if len(left[b.name]) >= b.most), None)
                if used_up is None:
                    self.spent |= {name: [*times, now] for name, times in left.items()}
                return used_up

        return self.calls.around("budgets.spend", call)  # type: ignore[no-any-return]
