"""Where a stack of a test's own listens: beside the session's stack, wherever that is."""

from __future__ import annotations

from emulators.ports import offset_from_environment

# Below, a service would come among the ports from 8081 to 9080, which all stacks' Functions workers take at random.
LEAST = 4_700
# Linux gives ports from 32768 on to outgoing connections, so any of them may be taken for a moment. The highest port
# of a stack is below 9500.
OFFSETS = 32_768 - 9_500 - LEAST
APART = OFFSETS // 3  # more than the ports of one stack lie apart


def aside(number: int) -> int:
    """The offset of the first or the second stack beside the session's.

    Args:
        number: 1 or 2.
    """
    return LEAST + (offset_from_environment() - LEAST + number * APART) % OFFSETS
