"""The contracts of looking for documents inside of documents: archives and attachments."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from ragflow.core.records import Instance, Listed

#: Stands in a key between a document and one that it holds: ``mail.eml!/a.pdf``.
INSIDE = "!/"


@runtime_checkable
class Peeks(Protocol):
    """What a source offers whose documents may hold others, beside being a source.

    Its own keys do not contain ``!/``. What they hold is listed after them, under
    ``KEY!/NAME``, with the metadata of the outermost.
    """

    def head(self, key: str) -> bytes:
        """Return the first 64 KiB of a document, or all of it; raises `OSError`."""

    def takes_inside(self, key: str, name: str) -> bool:
        """Tell whether a document is wanted that lies at the path `name` in the one at `key`."""

    def rules(self) -> Any:
        """Return plain values that say what `takes_inside` answers."""


class Manifests(Protocol):
    """Remembers what documents hold, by the token that they were opened with.

    What is kept is true whoever keeps it: a run, or a plan. It goes with the document.
    """

    def stamp(self, instance: Instance, source: str) -> bytes | None:
        """Return what `put` was last given for the empty key: how the source was unpacked."""

    def get(self, instance: Instance, source: str, key: str) -> tuple[bytes, bytes] | None:
        """Return the token that a document was opened with and what it held, as it was put."""

    def put(
        self, instance: Instance, source: str, manifests: Sequence[tuple[str, bytes, bytes]]
    ) -> None:
        """Keep of each key its token and what it holds; durable when it returns."""

    def remove(self, instance: Instance, source: str, keys: Sequence[str]) -> None:
        """Forget what these hold."""

    def clear(self, instance: Instance, source: str) -> None:
        """Forget what every document of a source holds; nothing is written where none does."""


class Unpacking(Protocol):
    """A listing to which what documents hold is added before it is compared."""

    def opened(self) -> Sequence[tuple[Listed, bytes, bytes]]:
        """Return what is listed and has a manifest, with the token of that and what it says."""

    def unread(self) -> Sequence[Listed]:
        """Return what is listed, not left out, and added or modified; what lies inside is not."""

    def typed(self, media_types: Sequence[str]) -> Sequence[Listed]:
        """Return what else is listed, and was of one of these types when it was last read."""

    def keep(self, key: str) -> None:
        """List what the ledger knows inside of an owner, all of it as it stands."""

    def leave_out(self, key: str, reason: tuple[str, str]) -> None:
        """Give what is listed a reason not to be read: a code and a sentence."""
