"""The README documents every setting of an operator."""

from __future__ import annotations

import re
from pathlib import Path

from shared.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    section = README.split("## Settings")[1].split("\n## ")[0]
    documented = set(re.findall(r"`([A-Z][A-Z_]{3,})`", section))
    assert documented == {name.upper() for name in Settings.model_fields}
