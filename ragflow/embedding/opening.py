"""Open what a model spec describes: its embedder or its tokenizer."""

from functools import partial
from pathlib import Path

from ragflow.embedding.model_spec import ModelSpec
from ragflow.embedding.tokenizer import ModelTokenizer, TokenEstimate, WordTokenizer
from ragflow.embedding.weights import TOKENIZER, check_weights, find_weights
from ragflow.errors import NotFoundError, UsageError
from ragflow.interfaces.ingestion import Embedder, Tokenizer


def open_embedder(
    spec: ModelSpec, *, light: bool = False, device: str | None = None, key: str = ""
) -> Embedder:
    """Open the embedder of `spec`; the caller keeps it, for opening one can take seconds.

    `light` asks for what opens fast and embeds a few texts well: the same vectors without
    torch, where the model's architecture allows it. Without `light`, and where it does, torch
    is loaded with the fiftieth text. `device` (``cuda``, ``mps``, ``cpu``) is by default the
    best there is. `key` is for a remote model, to which nothing is sent before it is asked to
    embed. Raises `NotFoundError` when the weights are not on this machine and `ParameterError`
    when they are not those the spec means.
    """
    if spec.kind == "hashing":
        from ragflow.embedding.hashing import HashingEmbedder

        return HashingEmbedder(spec)
    if spec.is_remote:
        from ragflow.embedding.remote import RemoteEmbedder

        return RemoteEmbedder(spec, key=key, tokenizer=open_tokenizer(spec))
    folder = find_weights(spec)
    from ragflow.embedding.light import LightEncoder, can_read

    if light and can_read(folder):
        return LightEncoder(spec, folder)
    if device is not None:
        from ragflow.embedding.encoder import Encoder

        return Encoder(spec, folder, device=device)
    if not can_read(folder):
        return _on_all_devices(spec, folder)
    from ragflow.embedding.sparing import SparingEncoder

    check_weights(spec, folder)
    return SparingEncoder(
        spec.dimension,
        light=partial(LightEncoder, spec, folder),
        heavy=partial(_on_all_devices, spec, folder),
    )


def open_on(spec: ModelSpec, device: str) -> Embedder:
    """Open the embedder of `spec` on one device; what the worker of a device calls."""
    return open_embedder(spec, device=device)


def _on_all_devices(spec: ModelSpec, folder: Path) -> Embedder:
    """Open the model on the best device there is, or on every GPU where there are several."""
    from ragflow.embedding.devices import several_devices

    devices = several_devices()
    if devices:
        from ragflow.embedding.device_workers import DeviceWorkers

        return DeviceWorkers(spec, devices)
    from ragflow.embedding.encoder import Encoder

    return Encoder(spec, folder)


def open_tokenizer(spec: ModelSpec) -> Tokenizer:
    """Open the tokenizer of `spec`, without torch; 0.02 s for a small model.

    The prompt for documents counts among its special tokens, since it takes room like them.
    Raises `NotFoundError` when it is not on this machine.
    """
    if spec.kind == "hashing":
        return WordTokenizer(limit=spec.limit)
    if spec.endpoint is not None and spec.endpoint.tokenizer != TOKENIZER:
        return _named_tokenizer(spec.endpoint.tokenizer, spec)
    folder = Path(spec.path) if spec.is_remote and spec.path else find_weights(spec)
    file = folder / TOKENIZER
    if not file.is_file():
        raise NotFoundError(
            f"model {spec.name!r} has no {TOKENIZER} in {str(folder)!r}",
            hint="save the model with a fast tokenizer",
        )
    return ModelTokenizer(file, limit=spec.limit, prompt=spec.prompts.document)


def _named_tokenizer(name: str, spec: ModelSpec) -> Tokenizer:
    if name == "estimate":
        return TokenEstimate(limit=spec.limit, prompt=spec.prompts.document)
    from ragflow.embedding.budget import LlmBudget

    try:
        return LlmBudget(name, limit=spec.limit, prompt=spec.prompts.document)
    except UsageError as error:
        error.hint = f'{error.hint}; or say `tokenizer = "estimate"` in a spec of your own'
        raise
