"""docs/settings.md lists the settings that exist, docs/commands.md the commands."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.project import OWN
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    documented = set(re.findall(r"`([A-Z][A-Z_]{3,})`", SETTINGS))
    assert documented == {name.upper() for name in Settings.model_fields} | OWN


def test_every_command_that_make_lists_is_documented() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = set(re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE))
    assert listed - set(re.findall(r"`make ([a-z-]+)", COMMANDS)) == {"help"}
