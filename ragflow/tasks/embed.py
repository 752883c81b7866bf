"""From chunks to vectors."""

from pathlib import Path
from typing import Any

from ragflow.core.resource_use import resource
from ragflow.core.task import task
from ragflow.documents import Chunk, Vector
from ragflow.embedding.model_spec import load_spec
from ragflow.interfaces.ingestion import Embedder


def _space(model: str, model_folders: tuple[str, ...] = ()) -> dict[str, Any]:
    return load_spec(model, folders=map(Path, model_folders)).identity()


@resource(identity=_space)
def embedder(model: str, model_folders: tuple[str, ...] = ()) -> Embedder:
    """Open the embedder of a model, on the best device there is."""
    from ragflow.embedding.opening import open_embedder

    return open_embedder(load_spec(model, folders=map(Path, model_folders)))


@task(per="batch", version="1", space="embedder", plan="count", batch=128)
def embed(
    chunks: list[Chunk],
    *,
    model: str = "all-minilm-l6-v2",
    embedder: Embedder = embedder,  # type: ignore[assignment]
) -> list[Vector]:
    """Turn chunks into vectors of the model's space, in batches across documents."""
    del model  # it chose the embedder
    return embedder.embed([chunk.embedded for chunk in chunks], kind="document")
