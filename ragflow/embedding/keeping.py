"""Where is kept what was found out about a model on a machine?"""

import hashlib
import os
import platform
import tempfile
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TypeVar

import msgspec

from ragflow.cores import usable_cores
from ragflow.embedding.model_spec import ModelSpec
from ragflow.embedding.weights import WEIGHTS

T = TypeVar("T")

#: Whose versions change how fast, or how exactly, a model is computed.
_LIBRARIES = ("torch", "transformers", "sentence-transformers", "openvino")
#: Raised when what is kept means something else than before.
_FORM = 2


def user_folder() -> Path:
    """Return the folder of this user for what can be found out again."""
    from platformdirs import user_cache_path

    return user_cache_path("ragflow", appauthor=False)


def weights_name(spec: ModelSpec, folder: Path) -> str:
    """Return what tells the weights from any others: their digest, else the file as it stands."""
    if spec.digest:
        return spec.digest
    found = (folder / WEIGHTS).stat()
    return f"{folder / WEIGHTS}:{found.st_size}:{found.st_mtime_ns}"


def place_of(spec: ModelSpec, folder: Path, kind: str) -> Path:
    """Return the file for a model (by its weights) on this machine and a kind of device.

    Another processor, number of cores, or version of a library that computes is another place.
    """
    names = [str(_FORM), weights_name(spec, folder), str(spec.limit), kind, machine_of(kind)]
    digest = hashlib.sha256("\0".join([*names, _flags()]).encode()).hexdigest()
    return user_folder() / "calibrations" / f"{spec.name}-{digest[:16]}.json"


def machine_of(kind: str) -> str:
    """Return the machine and its libraries in one line."""
    versions = [f"{name} {found}" for name in _LIBRARIES if (found := _version(name))]
    parts = [_processor(), f"{usable_cores()} cores", *versions]
    if kind == "cuda":
        parts[:0] = _accelerators()
    return ", ".join(parts)


def recall(place: Path, wanted: type[T]) -> T | None:
    """Return what is kept there, None for nothing and for what cannot be read any more."""
    try:
        return msgspec.json.decode(place.read_bytes(), type=wanted)
    except (OSError, msgspec.DecodeError):
        return None


def keep(place: Path, found: object) -> bool:
    """Write what was found, whole or not at all; tell whether it could be."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(found), indent=2))
        Path(draft).replace(place)
    except OSError:
        return False
    return True


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


@cache
def _facts() -> dict[str, str]:
    """Return what the system says of its first processor; empty where it keeps no such file."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    lines = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


def _flags() -> str:
    facts = _facts()
    return " ".join(sorted((facts.get("flags") or facts.get("Features", "")).split()))


def _processor() -> str:
    facts = _facts()
    numbers = [facts.get(key, "") for key in ("cpu family", "model")]
    name = facts.get("model name") or platform.processor() or platform.machine()
    return f"{name} ({'/'.join(numbers)})" if all(numbers) else name


def _accelerators() -> list[str]:
    """Return the accelerators by name, as the driver lists them."""
    files = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    names = []
    for file in files:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        names += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return names
