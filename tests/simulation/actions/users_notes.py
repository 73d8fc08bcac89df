"""Users write, change and delete notes, directly in the store, as the security rules allow."""

from __future__ import annotations

from tests.simulation.actions import action
from tests.simulation.scenario import Event
from tests.simulation.world import Person, World

Row = tuple[str, str]  # connection, transaction


def rows_of(world: World, person: Person, *, noted: bool) -> list[Row]:
    """The rows that the person's app shows: those with a note, or all."""
    if world.backend.is_closed:
        return []  # the database is being replaced
    rows = world.backend.store.rows
    return [
        (connection.connection_id, transaction_id)
        for connection in world.connections_of(person)
        for transaction_id, fields in sorted(rows.get(connection.connection_id, {}).items())
        if not noted or fields.get("user")
    ]


def note_on(world: World, row: Row) -> str | None:
    """The note that the user sees on a row."""
    fields = world.backend.store.rows[row[0]][row[1]]
    return (fields.get("user") or {}).get("note")


def write(world: World, person: Person, row: Row, text: str) -> None:
    """Writes a note; the one that it replaces is given up."""
    before, store = note_on(world, row), world.backend.store
    store.write_note(*row, text)
    if before is not None:
        person.forget_note(before)
    person.expect_note(*row, store.rows[row[0]][row[1]]["account_id"], text)


@action("write_note", per_year=25)
def write_note(world: World, event: Event) -> None:
    """A user writes a note on a transaction; a pending one half of the time."""
    person, chance = world.people[event.user], event.chance()
    rows, stored = rows_of(world, person, noted=False), world.backend.store.rows
    pending = [row for row in rows if stored[row[0]][row[1]]["pending"]]
    rows = pending if pending and chance.random() < 0.5 else rows
    if rows:
        write(world, person, chance.choice(rows), f"note {event.at} {event.pick}")


@action("change_note", per_year=6)
def change_note(world: World, event: Event) -> None:
    """A user changes a note."""
    person, chance = world.people[event.user], event.chance()
    rows = rows_of(world, person, noted=True)
    if rows:
        write(world, person, chance.choice(rows), f"changed {event.at} {event.pick}")


@action("delete_note", per_year=3)
def delete_note(world: World, event: Event) -> None:
    """A user deletes a note."""
    person, chance = world.people[event.user], event.chance()
    rows = rows_of(world, person, noted=True)
    if rows:
        row = chance.choice(rows)
        before = note_on(world, row)
        world.backend.store.delete_note(*row)
        if before is not None:
            person.forget_note(before)
