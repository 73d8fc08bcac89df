"""Tests in this folder run once per stack, after all other tests on it."""

from __future__ import annotations

import pytest

from tests.places import SEARCHED


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run once per group that has a stack. Without parallel workers all groups share one stack and one run."""
    metafunc.fixturenames.append("searched_group")
    parallel = hasattr(metafunc.config, "workerinput")
    metafunc.parametrize("searched_group", SEARCHED if parallel else ["all"])
