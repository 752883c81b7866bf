"""Is a vector that is not the right one another model's of the same text?"""

from collections.abc import Sequence
from pathlib import Path

from ragflow.core.records import Generation
from ragflow.documents import Chunk, Vector
from ragflow.embedding.model_spec import known_models, load_spec
from ragflow.embedding.opening import open_embedder
from ragflow.errors import RagflowError
from ragflow.incremental.memo import unpack
from ragflow.interfaces.ingestion import Embedder
from ragflow.runtime.home import Home
from ragflow.runtime.recollection import Recalled, Recollection, by_others
from ragflow.scheduling.calls import Call, recall

#: The cosine from which on two vectors are taken for one that was rounded differently.
_SAME = 0.999


class OtherModels:
    """Tells by which other model a vector was made.

    By memos: where this home ever embedded that text with the other model. And `by_embedding`,
    which opens every model of the same dimension that is installed, and embeds the text; remote
    ones are not asked.
    """

    def __init__(
        self, home: Home, generation: Generation, recollection: Recollection, *, by_embedding: bool
    ) -> None:
        self._memos = home.metadata.memos
        self._folders = [home.project.root / home.project.config.models]
        self._generation = generation
        self._recollection = recollection
        self._by_embedding = by_embedding
        self._open: dict[str, Embedder] | None = None

    def name(self, given: Vector, *, text: str, wanted: Vector | None, recalled: Recalled) -> str:
        """Return the name of the model, or "" where none is known that makes this vector."""
        call = _call_of(wanted, recalled)
        found = "" if call is None else self._remembered(given, call)
        if found or not self._by_embedding:
            return found
        return self._embedded(given, _embedded_text(call) or text)

    def _remembered(self, given: Vector, call: Call) -> str:
        others = {}
        for other in by_others(call, self._recollection.definitions()):
            others[other.key] = other
        memos = self._memos.get_many([key for key in others if key is not None])
        for key, memo in memos.items():
            for part in recall(others[key], memo, "") if unpack(memo) else ():
                value = part.value()
                if isinstance(value, Vector) and value.half == given.half:
                    return _model_of(others[key])
        return ""

    def _embedded(self, given: Vector, text: str) -> str:
        for name, embedder in self._embedders().items():
            if _cosine(embedder.embed([text])[0].floats(), given.floats()) >= _SAME:
                return name
        return ""

    def _embedders(self) -> dict[str, Embedder]:
        """Open every model that is installed, of the same dimension and no other's space."""
        if self._open is None:
            self._open = {}
            space = dict(self._generation.space)
            for name in known_models(self._folders):
                try:
                    spec = load_spec(name, folders=map(Path, self._folders))
                    is_like = spec.dimension == space.get("dimension") and not spec.is_remote
                    if is_like and spec.identity() != space:
                        self._open[name] = open_embedder(spec, light=True)
                except RagflowError:
                    continue  # it is not installed, so it made nothing here
        return self._open


def _call_of(wanted: Vector | None, recalled: Recalled) -> Call | None:
    """Return the call that gave a vector."""
    for call, part in recalled.embedded:
        if part.value() == wanted:
            return call
    return None


def _embedded_text(call: Call | None) -> str | None:
    value = None if call is None else call.inputs[0].value()
    return value.embedded if isinstance(value, Chunk) else None


def _model_of(call: Call) -> str:
    node = call.node
    identity = node.identities()[node.task.space]
    return str(identity.get("name", identity)) if isinstance(identity, dict) else str(identity)


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    if len(one) != len(other):
        return 0.0
    lengths = sum(a * a for a in one) * sum(b * b for b in other)
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return float(product / lengths**0.5) if lengths else 0.0
