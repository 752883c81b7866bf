"""Ways to damage a collection, one of each kind; each returns the id it damaged."""

from collections.abc import Callable
from typing import Any

import msgspec

from ragflow.documents import Vector
from ragflow.embedding.halves import to_vectors
from ragflow.interfaces.ingestion import StoredRow
from ragflow.runtime.damage import Kind
from ragflow.runtime.recollection import Recollection
from tests.unit.runtime.damaged import NAME, Raw, World

#: Rows that another program writes into the collection.
FOREIGN = ("a note", "f" * 32, "0123456789abcdef0123456789abcdef")


def prepare(world: World) -> None:
    """Make a collection that went through an edit and a deletion, with rows of others in it."""
    world.write("changed.txt", "An older version of this document, which says nothing of use.\n")
    world.write("gone.txt", "This document is deleted before anything is damaged, row and all.\n")
    world.run()
    with world.raw() as raw:
        world.older = raw.row("changed.txt")
        world.of_gone = raw.row("gone.txt")
    world.write("changed.txt", "The version that is served, which is of some use to somebody.\n")
    (world.docs / "gone.txt").unlink()
    world.run()
    with world.raw() as raw:
        for name in FOREIGN:
            raw.foreign(name, note="mine", key="doors.md")
        raw.foreign("without entries")
    world.embedded.clear()


def a_vector(*numbers: float) -> Vector:
    import numpy as np

    return to_vectors(np.asarray([[*numbers] * (256 // len(numbers))]))[0]


def changed(row: StoredRow, **fields: Any) -> StoredRow:
    return msgspec.structs.replace(row, **fields)


def missing(world: World, raw: Raw) -> str:
    row = raw.row("doors.md")
    raw.delete(row.id)
    return row.id


def wrong_text(world: World, raw: Raw) -> str:
    row = raw.row("doors.md")
    raw.put(changed(row, text="something else"))
    return row.id


def wrong_vector(world: World, raw: Raw) -> str:
    row = raw.row("doors.md")
    raw.put(changed(row, vectors={"": a_vector(1, 2, 3, 4)}))
    return row.id


def wrong_index(world: World, raw: Raw) -> str:
    """What is searched is another vector than the row says."""
    row = raw.row("doors.md")
    raw.put(row, index=a_vector(1, 2).floats())
    return row.id


def other_model(world: World, raw: Raw) -> str:
    (row,) = [each for each in world.rows("second") if each.payload["key"] == "doors.md"]
    mine = raw.row("doors.md")
    assert mine.text == row.text
    assert mine.vectors != row.vectors
    raw.put(changed(mine, vectors=row.vectors))
    return mine.id


def wrong_payload(world: World, raw: Raw) -> str:
    row = raw.row("doors.md")
    raw.put(changed(row, payload={**row.payload, "start": 77}))
    return row.id


def wrong_filters(world: World, raw: Raw) -> str:
    """What filters look at is something else than the row says."""
    row = raw.row("doors.md")
    raw.put(row, key="other.md")
    return row.id


def unreadable(world: World, raw: Raw) -> str:
    row = raw.row("doors.md")
    raw.body(row.id, '{"payload":')
    return row.id


def duplicate(world: World, raw: Raw) -> str:
    row = raw.row("doors.md")
    name = raw.id_of("doors.md", row.text, number=2)
    raw.put(changed(row, id=name))
    return name


def deleted_owner(world: World, raw: Raw) -> str:
    raw.put(world.of_gone)
    return world.of_gone.id


def older_version(world: World, raw: Raw) -> str:
    raw.put(world.older)
    return world.older.id


def extra(world: World, raw: Raw) -> str:
    row = raw.row("doors.md")
    name = raw.id_of("doors.md", "made of this")
    raw.put(changed(row, id=name, text="but saying that", vectors={"": a_vector(1, 3)}))
    return name


def unrecorded(world: World, raw: Raw) -> str:
    """The row stays, the ledger forgets it."""
    row = raw.row("doors.md")
    with world.home() as home:
        home.metadata._writer.run(
            lambda c: c.exec_driver_sql("DELETE FROM held WHERE row = ?", (bytes.fromhex(row.id),))
        )
    return row.id


INJURIES: dict[Callable[[World, Raw], str], Kind] = {
    missing: Kind.MISSING,
    wrong_text: Kind.WRONG_TEXT,
    wrong_vector: Kind.WRONG_VECTOR,
    wrong_index: Kind.WRONG_VECTOR,
    other_model: Kind.OTHER_MODEL,
    wrong_payload: Kind.WRONG_PAYLOAD,
    wrong_filters: Kind.WRONG_PAYLOAD,
    unreadable: Kind.UNREADABLE,
    duplicate: Kind.DUPLICATE,
    deleted_owner: Kind.DELETED_OWNER,
    older_version: Kind.OLDER_VERSION,
    extra: Kind.EXTRA,
    unrecorded: Kind.UNRECORDED,
}


def second_model(world: World) -> None:
    """Embed the same documents with another model of the same length, in another collection."""
    world.add_model()
    world.run(collection="second", model="other")
    world.embedded.clear()


def found(report: Any) -> dict[str, set[str]]:
    """Return the ids that are damaged, by kind, rows of others left out."""
    by_kind: dict[str, set[str]] = {}
    for each in report["findings"]:
        if each["kind"] != Kind.FOREIGN:
            by_kind.setdefault(each["kind"], set()).add(each["id"])
    return by_kind


def forget(world: World, row: StoredRow) -> None:
    """Forget the memo that has the vector of a row."""
    with world.home() as home:
        store: Any = home.metadata
        generation = store.generations.published("collection", NAME)
        (instance,) = [each for each in store.instances() if each.scope["collection"] == NAME]
        number = store.ledger.find_owners(instance, "", [row.payload["key"]])[row.payload["key"]]
        (standing,) = store.ledger.standings(generation.id, [number]).values()
        with Recollection(home, generation, world.requests) as recollection:
            recalled: Any = recollection.rows(standing)
        (key,) = [call.key for call, part in recalled.embedded if part.value() == row.vectors[""]]
        store._writer.run(lambda c: c.exec_driver_sql("DELETE FROM memo WHERE key = ?", (key,)))
