"""From chunks to vectors."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ragflow.core.resource_use import resource
from ragflow.core.secret_reference import Secret
from ragflow.core.task import task
from ragflow.documents import Chunk, Vector
from ragflow.embedding.model_spec import load_spec
from ragflow.interfaces.ingestion import Embedder, Tokenizer


def _space(model: str, model_folders: tuple[str, ...] = ()) -> dict[str, Any]:
    return load_spec(model, folders=map(Path, model_folders)).identity()


def _key(model: str, model_folders: tuple[str, ...] = ()) -> dict[str, Secret]:
    endpoint = load_spec(model, folders=map(Path, model_folders)).endpoint
    return {"key": Secret(endpoint.secret)} if endpoint and endpoint.secret else {}


@resource(identity=_space, secrets=_key)
@contextmanager
def embedder(model: str, model_folders: tuple[str, ...] = (), key: str = "") -> Iterator[Embedder]:
    """Open the embedder of a model, on the best device there is; once a process.

    It outlives its run: another may use it, or want it next. A remote one is its run's own,
    which is told what it cost.
    """
    from ragflow.embedding.opening import open_embedder
    from ragflow.embedding.shared import shared_embedder

    spec = load_spec(model, folders=map(Path, model_folders))
    if not spec.is_remote:
        yield shared_embedder(spec)
        return
    remote: Any = open_embedder(spec, key=key)
    with closing(remote):
        yield remote


class TokensRead:
    """Counts the tokens that a model reads of a chunk, special ones too; none past its limit."""

    unit = "tokens"

    def __init__(self, tokenizer: Tokenizer, price: float | None = None) -> None:
        self._tokenizer = tokenizer
        self.most = tokenizer.limit
        self.price = price

    def of(self, chunk: Chunk) -> int:
        """Return how many tokens the model reads of the string that is embedded."""
        return min(self.most, self._tokenizer.count(chunk.embedded) + self._tokenizer.special)


@resource(identity=_space)
def tokens_read(model: str, model_folders: tuple[str, ...] = ()) -> TokensRead:
    """Open the tokenizer of a model, to say what embedding costs; without the model itself."""
    from ragflow.embedding.opening import open_tokenizer

    spec = load_spec(model, folders=map(Path, model_folders))
    price = None if spec.endpoint is None else spec.endpoint.price
    return TokensRead(open_tokenizer(spec), None if price is None else price / 1e6)


@task(per="batch", version="1", space="embedder", plan="count", cost=tokens_read, batch=512)
def embed(
    chunks: list[Chunk],
    *,
    model: str = "all-minilm-l6-v2",
    embedder: Embedder = embedder,  # type: ignore[assignment]
) -> list[Vector]:
    """Turn chunks into vectors of the model's space, in batches across documents."""
    del model  # it chose the embedder
    return embedder.embed([chunk.embedded for chunk in chunks], kind="document")
