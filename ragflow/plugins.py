"""Which class answers to this name?

Sources, targets, stores and executors are found by name through entry points, ours like
anyone's, and imported on first use.
"""

import difflib
import functools
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from typing import Any

from ragflow.errors import PluginError

#: The kinds of plugin, each an entry point group ``ragflow.KIND``.
KINDS = (
    "metadata_stores",
    "artifact_stores",
    "vector_stores",
    "sources",
    "targets",
    "executors",
)


def find(kind: str, name: str) -> Any:
    """Return what the plugin's entry point names, importing it now.

    Raises `PluginError` with the names there are when there is none of that name, and when
    it cannot be imported.
    """
    for point in _own():
        if (point.group, point.name) == (f"ragflow.{kind}", name):
            return _load(point, kind)
    known = {point.name: point for point in entry_points(group=f"ragflow.{kind}")}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise PluginError(
            f"no plugin of kind {kind} is called {name!r}",
            hint=f"did you mean {near[0]!r}?"
            if near
            else f"installed: {', '.join(sorted(known)) or 'none'}; "
            f"a package adds one through the entry point group ragflow.{kind}",
        )
    return _load(known[name], kind)


@functools.cache
def _own() -> tuple[EntryPoint, ...]:
    """Return the entry points of ragflow itself; those of every package take 0.06 s to read."""
    try:
        return tuple(distribution("ragflow").entry_points)
    except PackageNotFoundError:  # run from its source, without having been installed
        return ()


def _load(point: EntryPoint, kind: str) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise PluginError(
            f"the plugin {point.name!r} of kind {kind} cannot be imported: {error}",
            hint=f"reinstall the package that brings {point.value}",
        ) from error
