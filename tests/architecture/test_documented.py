"""docs/settings.md lists the settings that exist."""

from __future__ import annotations

import re
from pathlib import Path

from shared.settings import Settings

SETTINGS = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    documented = set(re.findall(r"`([A-Z][A-Z_]{3,})`", SETTINGS))
    assert documented == {name.upper() for name in Settings.model_fields}
