"""Objects that an instance creates once."""

from __future__ import annotations

import threading
import time

from shared.serving.once import once


def test_first_requests_at_the_same_moment_share_one_adapter() -> None:
    made: list[object] = []

    @once
    def slow() -> object:
        time.sleep(0.02)
        made.append(object())
        return made[-1]

    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(slow())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert set(got) == set(made)
