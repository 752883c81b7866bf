"""How does a pipeline name a source without opening it?"""

from collections.abc import Mapping
from typing import Any

import msgspec


class SourceReference(msgspec.Struct, frozen=True):
    """A source by the name of its plugin and its parameters; opened when the run begins."""

    plugin: str
    parameters: Mapping[str, Any]


class Whole(msgspec.Struct, frozen=True):
    """A source, or a reference to one, whose documents are not looked into for others."""

    source: Any
