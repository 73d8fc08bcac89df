"""Writes docs/events.md, the list of log events: `make docs`."""

from __future__ import annotations

from pathlib import Path

from shared.contract.log_events import KEY_EVENTS, Event
from shared.contract.other_log_events import OTHER_EVENTS

PAGE = Path(__file__).parent / "events.md"


def rendered() -> str:
    """The text of docs/events.md."""
    return "\n".join(
        [
            "# Events",
            "",
            "All log events by name (`message`). Generated from the code by `make docs`; do not edit.",
            "",
            "Every line also has `severity`, `time`, `function` and its trace; lines of a task have `task`, lines of a",
            "sync have `connection_id` and `run`. A line always has the fields listed here and may have more.",
            "",
            "## Key events",
            "",
            *_table(KEY_EVENTS),
            "",
            "## Other events",
            "",
            *_table(OTHER_EVENTS),
            "",
        ]
    )


def _table(events: dict[str, Event]) -> list[str]:
    rows = [f"| `{name}` | {event.means} | {_listed(event.fields)} |" for name, event in events.items()]
    return ["| event | meaning | fields |", "|---|---|---|", *rows]


def _listed(fields: tuple[str, ...]) -> str:
    return ", ".join(f"`{field}`" for field in fields)


if __name__ == "__main__":
    PAGE.write_text(rendered(), encoding="utf-8")
