"""A small world to run pipelines in: documents on a shelf, rows in tables, a real home."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ragflow.api.pipeline import Pipeline, pipeline
from ragflow.config import Project, ProjectConfig, RunConfig
from ragflow.core.items import Row
from ragflow.core.records import Generation, Listed, Loaded
from ragflow.core.task import task
from ragflow.incremental.fingerprint import fingerprint_value
from ragflow.interfaces.orchestration import Observer
from ragflow.runtime.home import Home
from ragflow.runtime.plan import plan
from ragflow.runtime.run import run
from ragflow.tasks import read


class Shelf:
    """A source of texts by key; each change of a text changes its token."""

    def __init__(self, **documents: str) -> None:
        self._documents: dict[str, str] = {}
        self._tokens: dict[str, int] = {}
        self._puts = 0
        self.metadata: dict[str, dict[str, Any]] = {}
        self.skips: dict[str, tuple[str, str]] = {}
        #: What loading a key raises.
        self.errors: dict[str, Exception] = {}
        self.loads: list[str] = []
        self.place: Mapping[str, Any] = {"shelf": "a"}
        for key, text in documents.items():
            self.put(key, text)

    def put(self, key: str, text: str, *, silently: bool = False) -> None:
        """Write a text; `silently` under the token it had, which a source must never do."""
        self._documents[key] = text
        if not silently:
            self.touch(key)

    def touch(self, key: str) -> None:
        """Change the token alone."""
        self._puts += 1
        self._tokens[key] = self._puts

    def take(self, key: str) -> str:
        """Remove a text and return it."""
        self._tokens.pop(key)
        return self._documents.pop(key)

    def move(self, old: str, new: str) -> None:
        """Put a text under another key."""
        self.put(new, self.take(old))

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._documents))

    def locator(self) -> Mapping[str, Any]:
        return self.place

    def list(self) -> Iterator[Sequence[Listed]]:
        for key in self:
            token = self._tokens[key].to_bytes(4, "big")
            known, skip = self.metadata.get(key, {}), self.skips.get(key)
            yield [Listed(key, token, known, len(self._documents[key]), skip)]

    def load(self, key: str, token: bytes) -> Loaded:
        self.loads.append(key)
        if key in self.errors:
            raise self.errors[key]
        text = self._documents[key]
        return Loaded(text, fingerprint_value(text), {}, len(text))


class Tables:
    """A target that keeps rows in dictionaries and remembers what it was asked."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, tuple[Any, dict[str, Any]]]] = {}
        #: (number of rows written, number of ids deleted) of each call that did something.
        self.applied: list[tuple[int, int]] = []
        self.dropped: list[str] = []
        #: Called before and after each write; what it raises ends the write there.
        self.before: Any = None
        self.after: Any = None

    def prepare(self, generation: Generation) -> None:
        self.rows.setdefault(generation.id, {})

    def apply(
        self,
        generation: Generation,
        upserts: Sequence[tuple[str, Any, Mapping[str, Any]]],
        deletes: Sequence[str],
    ) -> None:
        if self.before is not None:
            self.before()
        table = self.rows[generation.id]
        for name, value, payload in upserts:
            table[name] = (value, dict(payload))
        for name in deletes:
            table.pop(name, None)
        self.applied.append((len(upserts), len(deletes)))
        if self.after is not None:
            self.after()

    def drop(self, generation: Generation) -> None:
        self.rows.pop(generation.id, None)
        self.dropped.append(generation.place)

    @contextmanager
    def writing(self, *, owner: str, wait: bool, check: Any = None) -> Iterator[None]:
        yield

    def close(self) -> None: ...


@task(per="target", version="1", target="table", place="table")
def save(value: str, *, table: str = "t") -> Row:
    """Keep a table true to the texts."""
    del table
    return Row(value=value)


def over(shelf: Any, *tasks: Any) -> Any:
    """Return a pipeline that saves what tasks make of a source, one after the other."""

    @pipeline
    def simple():
        items = read(shelf)
        for each in tasks:
            items = each(items)
        save(items)

    return simple


class Desk:
    """A home, tables, and the runs of pipelines in them."""

    def __init__(
        self, folder: Path, *, workers: int = 2, pools: Mapping[str, int] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        config = ProjectConfig(run=RunConfig(workers=workers), pools=pools or {})
        self.project = Project(folder, folder / ".ragflow", config)
        self.tables = Tables()
        #: What homes are opened with; the machine's clock unless set.
        self.clock: Any = None

    @contextmanager
    def home(self) -> Iterator[Home]:
        home = Home(self.project, self.clock)
        home._targets["table"] = self.tables
        try:
            yield home
        finally:
            home.close()

    def run(
        self,
        pipeline: Pipeline,
        *,
        observer: Observer | None = None,
        accept: bool = False,
        allow_deletions: bool = False,
        instance: str | None = None,
        how: Mapping[str, Any] | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        with self.home() as home:
            request = pipeline.request(
                parameters,
                project=self.project,
                accept=accept,
                allow_deletions=allow_deletions,
                instance=instance,
                **(how or {}),
            )
            return run(home, request, observer)

    def plan(
        self, pipeline: Pipeline, *, instance: str | None = None, **parameters: Any
    ) -> dict[str, Any]:
        with self.home() as home:
            request = pipeline.request(parameters, project=self.project, instance=instance)
            return plan(home, request)

    def values(self, table: str = "t") -> dict[str, list[Any]]:
        """Return the values a table serves, by key, sorted."""
        found: dict[str, list[Any]] = {}
        for value, payload in self._served(table).values():
            found.setdefault(payload["key"], []).append(value)
        return {key: sorted(values) for key, values in sorted(found.items())}

    def payloads(self, table: str = "t") -> dict[str, dict[str, Any]]:
        """Return the payloads a table serves, by value."""
        return dict(self._served(table).values())

    def rows(self, table: str = "t") -> dict[str, tuple[Any, dict[str, Any]]]:
        """Return a copy of the rows a table serves, by id."""
        return dict(self._served(table))

    def _served(self, table: str) -> dict[str, tuple[Any, dict[str, Any]]]:
        with self.home() as home:
            generation = home.metadata.generations.published("table", table)
        return {} if generation is None else self.tables.rows.get(generation.id, {})

    def failures(self, number: int) -> list[Any]:
        """Return the failed attempts of a run."""
        with self.home() as home:
            return home.metadata.runs.attempts(number)

    def last_run(self) -> Any:
        with self.home() as home:
            return home.metadata.runs.recent(limit=1)[0]


def changes(summary: Mapping[str, Any]) -> dict[str, int]:
    """Return the documents of a summary, those of no number left out."""
    return {name: count for name, count in summary["documents"].items() if count}


def did(summary: Mapping[str, Any], name: str) -> tuple[int, int, int]:
    """Return how often a task ran, was remembered and failed."""
    total = summary["tasks"][name]
    return total["ran"], total["memoized"], total["failed"]
