"""What does one project have open: metadata store, vector store, targets?"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ragflow.clock import Clock, SystemClock
from ragflow.config import Project, find_project, quiet_libraries
from ragflow.core.source_reference import SourceReference, Whole
from ragflow.cores import usable_cores
from ragflow.interfaces.ingestion import VectorStore
from ragflow.interfaces.orchestration import MetadataStore, Source, Target
from ragflow.interfaces.unpacking import Peeks
from ragflow.plugins import find
from ragflow.runtime.unpacked import Unpacked


class Home:
    """A project with its stores; each is opened on first use and closed with the home."""

    def __init__(self, project: Project, clock: Clock | None = None) -> None:
        quiet_libraries()
        self.project = project
        self.clock: Clock = clock or SystemClock()
        self._metadata: MetadataStore | None = None
        self._vectors: VectorStore | None = None
        self._targets: dict[str, Target] = {}
        self._opening = threading.RLock()

    @property
    def folder(self) -> Path:
        """The folder that keeps the state."""
        return self.project.home

    @property
    def metadata(self) -> MetadataStore:
        """The metadata store; raises `HomeError` when it cannot be opened."""
        if self._metadata is None:
            artifacts = find("artifact_stores", self.project.config.artifacts.plugin)
            opening = find("metadata_stores", self.project.config.metadata.plugin)
            self._metadata = opening(
                self.folder, clock=self.clock, artifacts=artifacts(self.folder / "artifacts")
            )
        return self._metadata

    @property
    def vectors(self) -> VectorStore:
        """The vector store."""
        with self._opening:
            if self._vectors is None:
                name = self.project.config.vectors.plugin
                store = find("vector_stores", name)
                self._vectors = store(self.folder / name, clock=self.clock)
            return self._vectors

    def target(self, name: str) -> Target:
        """Return the target of this name, opened once."""
        if name not in self._targets:
            self._targets[name] = find("targets", name)(self.vectors)
        return self._targets[name]

    def source(self, subject: Any) -> Source:
        """Open the source that a pipeline named, or return the one it was given.

        Its documents are looked into for others, unless it is a `Whole`.
        """
        if isinstance(subject, Whole):
            return self._opened(subject.source)
        source = self._opened(subject)
        if isinstance(source, Peeks):
            return Unpacked(source)
        return source

    def _opened(self, subject: Any) -> Source:
        if not isinstance(subject, SourceReference):
            given: Source = subject
            return given
        plugin = find("sources", subject.plugin)
        located = getattr(plugin, "located", None)
        source: Source
        if located is None:
            source = plugin(**subject.parameters)
        else:
            leave_out = [self.folder]
            source = located(self.project.root, leave_out=leave_out, **subject.parameters)
        return source

    def workers(self) -> int:
        """Return how many calls run at the same time."""
        return self.project.config.run.workers or usable_cores()

    def close(self) -> None:
        """Close what was opened; may be called twice."""
        vectors, metadata = self._vectors, self._metadata
        targets = list(self._targets.values())
        self._vectors = self._metadata = None
        self._targets.clear()
        with ExitStack() as closing:  # whatever one of them raises, the others are closed
            for each in (metadata, vectors, *targets):
                if each is not None:
                    closing.callback(each.close)


@contextmanager
def open_home(start: Path | None = None) -> Iterator[Home]:
    """Open the home of the project that `start` (the working directory) lies in."""
    home = Home(find_project(start))
    try:
        yield home
    finally:
        home.close()
