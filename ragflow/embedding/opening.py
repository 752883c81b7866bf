"""Open what a model spec describes: its embedder or its tokenizer."""

from ragflow.embedding.model_spec import ModelSpec
from ragflow.embedding.tokenizer import ModelTokenizer, WordTokenizer
from ragflow.embedding.weights import TOKENIZER, find_weights
from ragflow.errors import NotFoundError
from ragflow.interfaces.ingestion import Embedder, Tokenizer


def open_embedder(spec: ModelSpec, *, light: bool = False, device: str | None = None) -> Embedder:
    """Open the embedder of `spec`; the caller keeps it, for opening one can take seconds.

    `light` asks for what opens fast and embeds a few texts well: the same vectors without
    torch, where the model's architecture allows it. `device` (``cuda``, ``mps``, ``cpu``)
    is by default the best there is. Raises `NotFoundError` when the weights are not on this
    machine and `ParameterError` when they are not those the spec means.
    """
    if spec.kind == "hashing":
        from ragflow.embedding.hashing import HashingEmbedder

        return HashingEmbedder(spec)
    folder = find_weights(spec)
    if light:
        from ragflow.embedding.light import LightEncoder, can_read

        if can_read(folder):
            return LightEncoder(spec, folder)
    from ragflow.embedding.encoder import Encoder

    return Encoder(spec, folder, device=device)


def open_tokenizer(spec: ModelSpec) -> Tokenizer:
    """Open the tokenizer of `spec`, without torch; 0.02 s for a small model.

    The prompt for documents counts among its special tokens, since it takes room like them.
    Raises `NotFoundError` when it is not on this machine.
    """
    if spec.kind == "hashing":
        return WordTokenizer(limit=spec.limit)
    folder = find_weights(spec)
    file = folder / TOKENIZER
    if not file.is_file():
        raise NotFoundError(
            f"model {spec.name!r} has no {TOKENIZER} in {str(folder)!r}",
            hint="save the model with a fast tokenizer",
        )
    return ModelTokenizer(file, limit=spec.limit, prompt=spec.prompts.document)
