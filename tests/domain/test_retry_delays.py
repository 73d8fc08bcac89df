"""Delays grow, respect the provider's Retry-After, and stay at their maximum."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.retry_delays import ERASURE, REMOVAL, ROTATION, SYNC, WEBHOOK, RetryDelays

MINUTE = timedelta(minutes=1)
TABLE = RetryDelays((MINUTE, 5 * MINUTE))


@pytest.mark.parametrize(("failures", "minutes"), [(-1, 1), (0, 1), (1, 5), (2, 5), (99, 5)])
def test_delay_grows_and_the_last_one_repeats(failures: int, minutes: int) -> None:
    assert TABLE.after(failures) == minutes * MINUTE


def test_longer_retry_after_of_the_provider_is_respected() -> None:
    assert TABLE.after(0, at_least=3 * MINUTE) == 3 * MINUTE
    assert TABLE.after(1, at_least=3 * MINUTE) == 5 * MINUTE


def test_jitter_shortens_a_delay_by_a_quarter_at_most() -> None:
    assert TABLE.after(0, jitter=1.0) == MINUTE * 0.75


@pytest.mark.parametrize("table", [SYNC, ROTATION, REMOVAL, ERASURE, WEBHOOK])
def test_every_table_grows(table: RetryDelays) -> None:
    assert list(table.delays) == sorted(table.delays)
