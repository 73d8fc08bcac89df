"""No outside call comes between Plaid's answer to an exchange and the store of the new token.

If the process died at such a call, the token would be lost; only the store itself is a window that cannot be closed
(docs/flows.md, Link, Interruptions).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.simulation.loop import Process
from tests.simulation.world import World

EXCHANGE, STORE = "plaid./item/public_token/exchange", "intents.store_token"


def watch(world: World) -> None:
    """Looks at every outside call before it is made."""
    boundary, exchanged = world.boundary, dict[Process, None]()
    call: Callable[..., Any] = boundary.call

    def observed(name: str, effect: Callable[[], Any], **more: Any) -> Any:
        process = world.loop.task.process if world.loop.task is not None else None
        if process in exchanged:
            del exchanged[process]
            if name != STORE:
                world.violated(f"{name} is called between an exchange and the store of its token")
        answer = call(name, effect, **more)
        if name == EXCHANGE and process is not None and answer.status_code == 200:
            exchanged[process] = None
        return answer

    boundary.call = observed  # type: ignore[method-assign]
