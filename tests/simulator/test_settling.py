"""Waiting for deliveries ends as soon as they have ended."""

from __future__ import annotations

import asyncio
from typing import Any

from emulators.plaid.webhooks import Webhooks


def test_a_finished_delivery_whose_callback_has_not_run_is_not_waited_for() -> None:
    async def settle() -> None:
        nothing: Any = None
        webhooks = Webhooks(nothing, nothing, nothing, nothing)
        finished = asyncio.get_running_loop().create_future()
        finished.set_result(None)
        webhooks._tasks.add(finished)  # type: ignore[arg-type]
        await webhooks.settle()

    asyncio.run(settle())
