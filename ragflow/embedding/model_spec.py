"""What is a model, said in one file, and which of it makes the space of its vectors?"""

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from ragflow.errors import NotFoundError, ParameterError
from ragflow.interfaces.ingestion import EmbedKind

Positive = Annotated[int, msgspec.Meta(gt=0)]


class Prompts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model wants to read before a text."""

    document: str = ""
    query: str = ""

    def of(self, kind: EmbedKind) -> str:
        """Return the prompt for this kind of text."""
        return self.query if kind == "query" else self.document


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that turns texts into vectors, as its file in ``models/`` states it."""

    #: The name users write, and the name of its file.
    name: str
    #: What computes the vectors.
    kind: Literal["sentence-transformers", "hashing"]
    #: Components of a vector.
    dimension: Positive
    #: How two vectors are compared.
    metric: Literal["cosine"]
    #: The most tokens it reads, special tokens and prompt included.
    limit: Positive
    #: How the vectors of tokens become the vector of a text.
    pooling: str
    prompts: Prompts = Prompts()
    #: Digest of the weights, ``sha256:…``; checked when they are opened. Empty: not known.
    digest: str = ""
    #: Commit on the hub, or version of an algorithm without weights.
    revision: str = ""
    #: Installable package that carries the weights.
    package: str = ""
    #: Name on the Hugging Face hub.
    hub: str = ""
    #: Folder with the weights; a relative one is beside the spec's file.
    path: str = ""
    licence: str = ""
    #: Where it comes from, one line for people.
    source: str = ""

    def identity(self) -> dict[str, Any]:
        """Return the plain values that define the space; equal ones give equal vectors.

        Where the weights lie and what computes with them (path, package, device) is not in
        it. Without a `digest`, weights that change under the same name go unnoticed.
        """
        return {
            "name": self.name,
            "kind": self.kind,
            "digest": self.digest,
            "revision": self.revision,
            "dimension": self.dimension,
            "metric": self.metric,
            "limit": self.limit,
            "pooling": self.pooling,
            "prompts": {"document": self.prompts.document, "query": self.prompts.query},
        }


def load_spec(name: str, *, folders: Iterable[Path] = ()) -> ModelSpec:
    """Return the spec called `name`, from the first folder that has ``NAME.toml``.

    Looks in `folders`, then among the specs ragflow ships. Raises `NotFoundError` for a name
    that none of them has and `ParameterError` for a file that is no spec.
    """
    folders = [*folders]
    places = [*map(Path, folders), _shipped()]
    for place in places:
        known = {file.stem: file for file in place.glob("*.toml")}
        if name in known:
            return _read(known[name])
    names = known_models(folders)
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    meant = f"did you mean {near[0]!r}? " if near else ""
    raise NotFoundError(
        f"model {name!r} is not known",
        hint=f"{meant}known models: {', '.join(names) or 'none'}",
    )


def known_models(folders: Iterable[Path] = ()) -> list[str]:
    """Return the names that `load_spec` knows with these folders, sorted."""
    places = [*map(Path, folders), _shipped()]
    return sorted({file.stem for place in places for file in place.glob("*.toml")})


def _shipped() -> Path:
    package = Path(__file__).resolve().parents[1]
    installed = package / "_models"
    # Beside an installed package, a folder called models may be anybody's.
    return installed if installed.is_dir() else package.parent / "models"


def _read(file: Path) -> ModelSpec:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
        spec = msgspec.convert(values, ModelSpec)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(f"model spec {str(file)!r} is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ParameterError(
            f"model spec {str(file)!r} is wrong: {error}",
            hint=f"its keys are {', '.join(ModelSpec.__struct_fields__)}",
        ) from error
    if spec.name != file.stem:
        raise ParameterError(
            f"model spec {str(file)!r} is wrong: it is called {spec.name!r}",
            hint="the name of the file and the name in it must be equal",
        )
    if not spec.path:
        return spec
    return msgspec.structs.replace(spec, path=str(file.parent.joinpath(spec.path).resolve()))
