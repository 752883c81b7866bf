"""The files of a folder, as a source."""

from collections.abc import Sequence
from typing import Any

from ragflow.core.source_reference import SourceReference
from ragflow.errors import ParameterError


def files(
    folder: str,
    *,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    **options: Any,
) -> SourceReference:
    """Name the files of a folder; a relative folder starts at the folder of ragflow.toml.

    `include` and `exclude` are globs over relative paths. Further options: ``hidden``,
    ``symlinks``, ``max_bytes``, ``times`` (see `ragflow.sources.files.Files`). Raises
    `ParameterError` for an empty name.
    """
    if not folder.strip():
        raise ParameterError("the folder is empty", hint="name one; the project's own is '.'")
    parameters: dict[str, Any] = {"folder": folder, **options}
    if include is not None:
        parameters["include"] = _patterns(include)
    if exclude is not None:
        parameters["exclude"] = _patterns(exclude)
    return SourceReference("files", parameters)


def _patterns(patterns: str | Sequence[str]) -> tuple[str, ...]:
    # A single pattern is a sequence of strings too, one a character.
    return (patterns,) if isinstance(patterns, str) else tuple(patterns)
