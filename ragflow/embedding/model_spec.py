"""What is a model, said in one file, and which of it makes the space of its vectors?"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from ragflow.core.secret_reference import Secret
from ragflow.errors import NotFoundError, ParameterError
from ragflow.interfaces.ingestion import EmbedKind

Positive = Annotated[int, msgspec.Meta(gt=0)]

#: What makes a space or is needed to use it rightly: a shipped spec says of each where it was read.
FACTS = ("revision", "dimension", "limit", "pooling", "normalization", "prompts", "licence")


class Prompts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model wants to read before a text."""

    document: str = ""
    query: str = ""

    def of(self, kind: EmbedKind) -> str:
        """Return the prompt for this kind of text."""
        return self.query if kind == "query" else self.document


class EndpointSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a remote model is asked, and how; see `ragflow.embedding.remote`."""

    #: The address that ``/embeddings`` is put behind: ``https://api.openai.com/v1``.
    url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^/\s@]+(/[^\s?#@]*)?$")]
    #: What the endpoint calls the model; part of the space.
    model: Annotated[str, msgspec.Meta(min_length=1)]
    #: Where the key is kept, ``env:NAME`` or ``file:PATH``; empty where none is asked for.
    secret: str = ""
    #: Most texts of one request.
    texts: Positive = 128
    #: Most tokens of one request, by estimate; None for no limit.
    tokens: Positive | None = None
    #: How numbers are asked for; base64 is a quarter of the bytes, and not known everywhere.
    encoding: Literal["float", "base64"] = "float"
    #: Whether it is asked for `dimension` components, for models that can give fewer.
    shortens: bool = False
    #: What counts tokens: ``estimate``, an encoding of tiktoken (``cl100k_base``), or
    #: ``tokenizer.json`` for the one in the package, folder or hub's folder of the spec.
    tokenizer: str = "estimate"
    #: Seconds that the endpoint may keep silent.
    timeout: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    #: US dollars for a million tokens.
    price: Annotated[float, msgspec.Meta(ge=0)] | None = None

    def __post_init__(self) -> None:
        if self.secret:
            try:
                Secret(self.secret)
            except ParameterError as error:
                raise ValueError(str(error)) from error


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that turns texts into vectors, as its file in ``models/`` states it."""

    #: The name users write, and the name of its file.
    name: str
    #: What computes the vectors; ``openai`` is an endpoint that speaks OpenAI's protocol.
    kind: Literal["sentence-transformers", "hashing", "openai"]
    #: Components of a vector.
    dimension: Positive
    #: How two vectors are compared.
    metric: Literal["cosine"]
    #: The most tokens it reads, special tokens and prompt included.
    limit: Positive
    #: How the vectors of tokens become the vector of a text; empty where nobody tells.
    pooling: str = ""
    #: What is done to a vector last. ragflow gives every vector length 1, whatever the model's
    #: own files do, so this tells spaces apart no more than `licence` does.
    normalization: Literal["unit"] = "unit"
    prompts: Prompts = Prompts()
    #: Digest of the weights, ``sha256:…``; checked when they are opened. Empty: not known.
    digest: str = ""
    #: Commit on the hub, or version of an algorithm without weights. Empty: not known.
    revision: str = ""
    #: Installable package that carries the weights.
    package: str = ""
    #: Name on the Hugging Face hub.
    hub: str = ""
    #: Folder with the weights; a relative one is beside the spec's file.
    path: str = ""
    #: The endpoint and how it is asked; for the kind ``openai``.
    endpoint: EndpointSpec | None = None
    licence: str = ""
    #: Where it comes from, one line for people.
    source: str = ""
    #: By field: where what it says was read.
    sources: Mapping[str, str] = {}
    #: Fields that nobody could check.
    unchecked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.endpoint is not None) != (self.kind == "openai"):
            has = "has an [endpoint]" if self.endpoint else "needs an [endpoint]"
            raise ValueError(f"a model of kind {self.kind!r} {has}")
        named = {*self.sources, *self.unchecked}
        unknown = sorted(named - {*self.__struct_fields__})
        if unknown:
            raise ValueError(f"there is no field {unknown[0]!r} to give a source of")
        both = sorted({*self.sources} & {*self.unchecked})
        if both:
            raise ValueError(f"{both[0]!r} has a source and is unchecked")

    def __hash__(self) -> int:
        return hash((self.name, self.kind, self.digest, self.revision, self.limit))

    @property
    def is_remote(self) -> bool:
        """Whether texts leave this process to be embedded."""
        return self.endpoint is not None

    def identity(self) -> dict[str, Any]:
        """Return the plain values that define the space; equal ones give equal vectors.

        Where the weights lie and what computes with them (path, package, device, the address
        of an endpoint) is not in it, and neither is what is said of the model. Without a
        `digest`, weights that change under the same name go unnoticed.
        """
        remote = {}
        if self.endpoint is not None:
            # What counts tokens decides where texts are cut.
            remote = {"model": self.endpoint.model, "tokenizer": self.endpoint.tokenizer}
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
            **remote,
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
