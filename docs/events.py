"""Writes docs/events.md, the list of what the log says: `make docs`."""

from __future__ import annotations

from pathlib import Path

from shared.contract.log_events import KEY_EVENTS, OTHER_EVENTS, Event

PAGE = Path(__file__).parent / "events.md"


def rendered() -> str:
    """The text of docs/events.md."""
    return "\n".join(
        [
            "# Events",
            "",
            "What the log says, by the names in `message`. Written by `make docs` from the code; do not edit.",
            "",
            "Every line also has `severity`, `time`, `function` and the trace that it belongs to; lines of a task have",
            "`task`, lines of a sync `connection_id` and `run`. The fields below are always there; others may be.",
            "",
            "## Key events",
            "",
            *_table(KEY_EVENTS),
            "",
            "## The rest",
            "",
            *_table(OTHER_EVENTS),
            "",
        ]
    )


def _table(events: dict[str, Event]) -> list[str]:
    rows = [f"| `{name}` | {event.means} | {_listed(event.fields)} |" for name, event in events.items()]
    return ["| event | means | fields |", "|---|---|---|", *rows]


def _listed(fields: tuple[str, ...]) -> str:
    return ", ".join(f"`{field}`" for field in fields)


if __name__ == "__main__":
    PAGE.write_text(rendered(), encoding="utf-8")
