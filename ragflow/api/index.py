"""A collection as readers see it."""

import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from ragflow.api.results import Repair, Verification
from ragflow.config import find_project
from ragflow.core.records import Generation
from ragflow.core.secret_reference import Secret
from ragflow.documents import Vector
from ragflow.errors import EndpointError, NotFoundError, ParameterError
from ragflow.interfaces.ingestion import Embedder, Match
from ragflow.runtime.home import Home
from ragflow.runtime.known_collections import find_collection

if TYPE_CHECKING:
    from ragflow.api.citations import Citation


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One chunk found, with where it stands."""

    #: Cosine similarity to the query, from -1 to 1; higher is better.
    score: float
    id: str
    text: str
    #: Key of the document.
    key: str
    page: int | None
    #: Character span in the document's text.
    start: int | None
    end: int | None
    headings: list[str]
    #: Everything kept beside the text.
    payload: Mapping[str, Any]


class Index:
    """Searches the published generation of a collection.

    Sees what a refresh in another process has committed, and never a row it deleted; neither
    blocks the other. Safe to use from several threads. Close it, or use it in a ``with``.
    """

    def __init__(self, home: Home, collection: str) -> None:
        self._home = home
        self.collection = collection
        self._embedders: dict[str, Embedder] = {}
        self._opening = threading.Lock()

    @classmethod
    def open(cls, collection: str, *, project: Path | str | None = None) -> Self:
        """Open a collection of the project that `project` (the working directory) lies in.

        Raises `NotFoundError` with the nearest name when there is none of this name.
        """
        home = Home(find_project(None if project is None else Path(project)))
        try:
            find_collection(home, collection)
        except BaseException:
            home.close()
            raise
        return cls(home, collection)

    def search(
        self,
        query: str,
        k: int = 5,
        *,
        where: Mapping[str, Any] | None = None,
        min_score: float | None = None,
    ) -> list[Hit]:
        """Return the `k` chunks most similar to the query, best first.

        `where` filters by payload: ``{"key": "a.md"}``, ``{"page": {"$gte": 3}}``,
        ``{"$or": [...]}``. Raises `ParameterError` for an empty query or a `k` below 1, and
        `EndpointError` where a remote model does not answer.
        """
        if not query.strip():
            raise ParameterError("the query is empty", hint="ask for something")
        if k < 1:
            raise ParameterError(f"k is {k}", hint="ask for at least one hit")
        matches = self._query(query, k, where)
        hits = [_hit(match) for match in matches]
        return [hit for hit in hits if min_score is None or hit.score >= min_score]

    def cite(self, chunk: Hit | str) -> "Citation":
        """Return the source of a hit, or of the chunk with this id, to be shown and drawn.

        Its document is loaded from its source. Raises `NotFoundError` for an id that is not in
        the collection.
        """
        from ragflow.api.citations import cite

        chunk = chunk.id if isinstance(chunk, Hit) else chunk
        return cite(self._home, chunk, collection=self.collection)

    def _query(self, query: str, k: int, where: Mapping[str, Any] | None) -> list[Match]:
        for last in (False, True):
            generation = find_collection(self._home, self.collection)
            vector = self._vector(query, generation)
            try:
                return self._home.vectors.query(
                    generation.physical, vector.floats(), k=k, where=where
                )
            except NotFoundError:
                # A rebuild was switched to, and the old place dropped, after we looked.
                if last and not self._home.metadata.ledger.row_count(generation.id):
                    return []  # nothing was ever written, so nothing was made
                if last:
                    raise
        raise AssertionError

    def _vector(self, query: str, generation: Generation) -> Vector:
        try:
            return self._embedder(generation).embed([query], kind="query")[0]
        except (ConnectionError, TimeoutError) as error:  # of a remote model
            raise EndpointError(
                str(error), hint="ask again once it answers; `ragflow models check --ask` tells"
            ) from error

    def _embedder(self, generation: Generation) -> Embedder:
        """Return the embedder of the generation's space, not of its name alone."""
        name, space = str(generation.space["name"]), repr(sorted(generation.space.items()))
        with self._opening:
            return self._opened(name, space, generation)

    def _opened(self, name: str, space: str, generation: Generation) -> Embedder:
        from ragflow.embedding.model_spec import load_spec
        from ragflow.embedding.opening import open_embedder
        from ragflow.secrets import resolve

        if space not in self._embedders:
            project = self._home.project
            spec = load_spec(name, folders=[project.root / project.config.models])
            if spec.identity() != dict(generation.space):
                raise ParameterError(
                    f"collection {self.collection!r} was made with another model {name!r} "
                    "than the one installed",
                    hint="run its pipeline again with --accept, or install that model",
                )
            secret = spec.endpoint.secret if spec.endpoint else ""
            key = resolve(Secret(secret)) if secret else ""
            self._embedders[space] = open_embedder(spec, light=True, key=key)
        return self._embedders[space]

    def __len__(self) -> int:
        """Return the number of chunks."""
        generation = find_collection(self._home, self.collection)
        return self._home.metadata.ledger.row_count(generation.id)

    def verify(self, *, deep: bool = False, wait: bool = False) -> Verification:
        """Compare the collection with what it should have, row by row; true where nothing is wrong.

        Writes nothing, and embeds only with `deep`, to find out which model made a wrong vector.
        Where something is wrong it looks again with the store held: raises `BusyError` while
        another process writes, unless `wait`.
        """
        from ragflow.api.repairs import requests_of
        from ragflow.runtime.verify import verify

        requests = requests_of(self._home)
        return Verification(verify(self._home, self.collection, requests, deep=deep, wait=wait))

    def repair(self, *, compute: bool = True, wait: bool = False) -> Repair:
        """Mend the collection; true where nothing is wrong any more.

        Out of what is remembered; what is not is made again by a run of these documents alone,
        unless `compute` is False. Rows that ragflow did not write are left alone. Raises
        `BusyError` while another process writes, unless `wait`.
        """
        from ragflow.api.people import user_name
        from ragflow.api.repairs import requests_of
        from ragflow.runtime.repair import repair

        mended = repair(
            self._home,
            self.collection,
            requests_of(self._home),
            actor=user_name(),
            wait=wait,
            allow=lambda _: compute,
        )
        return Repair(mended)

    def close(self) -> None:
        """Let go of the stores and of endpoints; may be called twice."""
        with self._opening:
            for embedder in self._embedders.values():
                if hasattr(embedder, "close"):  # one that keeps connections
                    embedder.close()
            self._embedders.clear()
        self._home.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<index of collection {self.collection!r}>"


def _hit(match: Match) -> Hit:
    payload = match.row.payload
    return Hit(
        score=match.score,
        id=match.row.id,
        text=match.row.text,
        key=str(payload.get("key", "")),
        page=payload.get("page"),
        start=payload.get("start"),
        end=payload.get("end"),
        headings=list(payload.get("headings", ())),
        payload=payload,
    )
