"""What a home and its index say, whatever numbers their rows have and whichever run wrote them."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from ragflow.config import find_project
from ragflow.runtime.home import Home
from ragflow.stores.artifacts.folder import FolderArtifacts
from ragflow.stores.metadata.memo_values import decode

#: What is compared, by name: everything that a later run, or a reader, decides by.
QUESTIONS = {
    "instances": "SELECT hex(identity), name, pipeline, scope FROM instance",
    "sources": "SELECT i.name, c.source, c.locator, hex(c.cursor) FROM source_state AS c \
JOIN instance AS i ON i.id = c.instance",
    "generations": "SELECT target, place, space, state FROM generation",
    "seen": "SELECT c.source, s.key, hex(s.token), hex(s.content), hex(s.input), \
hex(s.metadata) FROM seen AS s JOIN source_state AS c ON c.id = s.source",
    # Where an owner was served from what was last seen of it, that is not written twice.
    "done": "SELECT s.key, g.place, g.space, d.state, hex(a.content), \
hex(iif(d.served_definition IS NULL, NULL, coalesce(d.served_input, s.input))), \
hex(iif(d.served_input IS NULL, s.content, d.served_content)), \
hex(b.content), hex(d.tried_input), d.reason, d.message, d.requirement \
FROM done AS d JOIN seen AS s ON s.owner = d.owner JOIN generation AS g ON g.id = d.generation \
LEFT JOIN definition AS a ON a.id = d.served_definition \
LEFT JOIN definition AS b ON b.id = d.tried_definition",
    "held": "SELECT s.key, g.place, g.space, hex(h.row), hex(h.value), hex(h.payload) \
FROM held AS h JOIN seen AS s ON s.owner = h.owner JOIN generation AS g ON g.id = h.generation",
    "members": "SELECT s.key, hex(m.fingerprint) FROM member AS m JOIN seen AS s \
ON s.owner = m.owner",
    "dead letters": "SELECT s.key, l.task, l.part, l.reason, l.message, l.release \
FROM dead_letter AS l JOIN seen AS s ON s.owner = l.owner WHERE l.discarded_at IS NULL",
}
#: What must be empty when nothing runs, and whose rows would point nowhere.
LEFTOVERS = {
    "assignments": "SELECT run, number, task FROM assignment",
    "intents": "SELECT number, generation FROM intent",
    "leases": "SELECT owner, pid FROM lease WHERE renewed_at IS NOT NULL",
    "deaths": "SELECT task, owner, alone, company FROM death",
    "runs": "SELECT id, state FROM run \
WHERE state IN ('queued', 'running', 'paused', 'cancelling')",
    "owners of nothing": "SELECT owner FROM done WHERE owner NOT IN (SELECT owner FROM seen) \
UNION SELECT owner FROM held WHERE owner NOT IN (SELECT owner FROM seen)",
    "generations of nothing": "SELECT generation FROM held \
WHERE generation NOT IN (SELECT id FROM generation) UNION SELECT generation FROM done \
WHERE generation NOT IN (SELECT id FROM generation)",
}


def ask(home: Path, question: str) -> list[tuple[Any, ...]]:
    """Put a question to the database of a home."""
    with closing(sqlite3.connect(home / "ragflow.db", timeout=60)) as database:
        return database.execute(question).fetchall()


def is_made(home: Path) -> bool:
    """Tell whether a home has its tables."""
    return bool(ask(home, "SELECT 1 FROM sqlite_master WHERE name = 'memo'"))


def memos(home: Path) -> dict[tuple[str, str], bytes | None]:
    """Return every memo by its task and key."""
    artifacts = FolderArtifacts(home / "artifacts")
    if not is_made(home):
        return {}
    rows = ask(
        home,
        "SELECT d.content, m.key, m.encoding, v.value FROM memo AS m "
        "JOIN memo_value AS v ON v.id = m.id JOIN definition AS d ON d.id = m.task",
    )
    kept = {key: (encoding, value) for _, key, encoding, value in rows}

    def value(key: bytes) -> bytes | None:
        return decode(*kept[key], artifacts, value) if key in kept else None

    return {(task.decode(), key.hex()): value(key) for task, key, _, _ in rows}


def leftovers(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a run that is over has no business to leave."""
    return {name: rows for name, question in LEFTOVERS.items() if (rows := ask(home, question))}


def ledgers(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the home believes, in an order that depends on nothing else."""
    return {name: sorted(ask(home, text), key=repr) for name, text in QUESTIONS.items()}


def index(home: Path, folder: Path) -> dict[str, Any]:
    """Return what the store holds: by collection every row, and what a search for each finds."""
    project = find_project(folder)
    opened = Home(type(project)(project.root, home, project.config))
    try:
        store = opened.vectors
        found = {}
        # By its space, since a generation's physical name has a number in it.
        named = {
            physical: f"{place} {space}"
            for physical, place, space in ask(
                home, "SELECT physical, place, space FROM generation WHERE target = 'collection'"
            )
        }
        for place in store.places():
            rows = list(store.rows(place, vectors=True))
            nearest = [
                store.query(place, row.vectors[""].floats(), k=1, where=None) for row in rows
            ]
            found[named.get(place, f"{place}, which no generation names")] = {
                "rows": {
                    row.id: (row.text, dict(row.payload), row.vectors[""].half) for row in rows
                },
                "count": store.count(place),
                "nearest": [[match.row.id for match in matches] for matches in nearest],
            }
        return found
    finally:
        opened.close()


def meaning(home: Path, folder: Path) -> dict[str, Any]:
    """Return all that must be the same after a crash as without one."""
    return {**ledgers(home), "memos": memos(home), "index": index(home, folder)}
