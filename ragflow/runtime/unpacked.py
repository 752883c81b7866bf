"""How is a source read whose documents hold others: archives, and mails with attachments?

What is held is listed and loaded as if the source did so itself. A document is opened only where
its token differs from the one it was last opened with; see `ragflow.runtime.unpacking`.
"""

import errno
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ragflow.core.records import Listed, Loaded
from ragflow.errors import DocumentError
from ragflow.incremental.fingerprint import fingerprint_plain
from ragflow.interfaces.orchestration import Source
from ragflow.interfaces.reasons import Explains
from ragflow.interfaces.unpacking import INSIDE

#: Raised when what is found in documents changes: each is opened once more.
VERSION = 2

#: Bytes of the digest that a token begins with.
_DIGEST = 20
#: What else decides whether a document can be opened.
_LIBRARIES = ("oxmsg",)


class Inside(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One document in another, as a manifest keeps it."""

    #: Its path in the outermost.
    name: str
    token: bytes
    size: int
    skip: tuple[str, str] | None = None


class Manifest(msgspec.Struct, frozen=True, array_like=True):
    """What one document holds."""

    inside: tuple[Inside, ...] = ()
    #: Paths of containers that could not be read, empty for itself: what is known of those stays.
    unread: tuple[str, ...] = ()
    #: Why not all of it is read.
    skip: tuple[str, str] | None = None
    #: Whether there is more that the source does not want.
    is_part: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing needs to be remembered of it."""
        return self == Manifest()


class Unpacked:
    """A source together with what its documents hold. Safe for several threads."""

    def __init__(self, source: Any) -> None:
        """Take a source that `Peeks`."""
        self.source = source
        self._shelf: Any = None

    def locator(self) -> Mapping[str, Any]:
        """Return where the source looks."""
        return self._as_source().locator()

    def list(self) -> Iterator[Sequence[Listed]]:
        """Yield what the source itself lists; `ragflow.runtime.unpacking` adds what that holds."""
        return self._as_source().list()

    def load(self, key: str, token: bytes) -> Loaded:
        """Return a document of the source, or one that lies in another.

        Raises `OSError` where it cannot be had now, and as the source does.
        """
        if INSIDE not in key:
            return self._as_source().load(key, token)
        return self._load_inside(key, token)

    def why_not(self, key: str) -> str | None:
        """Return in words why a key is not listed, as what follows "it"; None where it is."""
        outermost, inside, _ = key.partition(INSIDE)
        why = self.source.why_not(outermost) if isinstance(self.source, Explains) else None
        if not inside:
            return why
        if why is not None:
            return f"would lie in {outermost!r}, and that {why}"
        return f"is not there: {key.rpartition(INSIDE)[0]!r} holds no such document"

    def _as_source(self) -> Source:
        source: Source = self.source
        return source

    def stamp(self, token: bytes) -> bytes:
        """Return what a manifest is kept with: the token, and what else decides what is found."""
        there = [importlib.util.find_spec(name) is not None for name in _LIBRARIES]
        rules = [VERSION, *there, list(self.source.rules())]
        return token + fingerprint_plain(rules)[:8]

    def open(self, listed: Listed) -> Manifest | None:
        """Look into a document; None for one that holds nothing because of what it is.

        Raises `OSError` and `DocumentError` where it cannot be read.
        """
        from ragflow.parsing.containers.kinds import CONTAINERS
        from ragflow.parsing.containers.scanning import scan
        from ragflow.parsing.media_types import media_type
        from ragflow.parsing.reading import can_parse

        head = self.source.head(listed.key)
        kind = media_type(head, listed.key)
        if kind not in CONTAINERS:
            # An upload that is under way may be nothing yet, or look like nothing.
            return None if head and can_parse(kind) else Manifest(unread=("",))
        data = self._as_source().load(listed.key, listed.token).value.read()

        def takes(name: str) -> bool:
            return bool(self.source.takes_inside(listed.key, name))

        found = scan(data, kind, takes=takes)
        inside = tuple(Inside(each.name, each.token, each.size, each.skip) for each in found.held)
        return Manifest(inside, tuple(found.damaged), found.skip, found.is_part)

    def inside(self, listed: Listed, manifest: Manifest) -> Iterator[Listed]:
        """Yield what a document holds as owners are listed, with the metadata of the outermost."""
        more = fingerprint_plain(dict(listed.metadata)) if listed.metadata else b""
        for each in manifest.inside:
            key = f"{listed.key}{INSIDE}{each.name}"
            metadata = {**listed.metadata, "parent": key.rpartition(INSIDE)[0]}
            yield Listed(key, each.token + more, metadata, each.size, each.skip)

    def _load_inside(self, key: str, token: bytes) -> Loaded:
        from ragflow.documents import Document, digest_of
        from ragflow.incremental.fingerprint import fingerprint_value
        from ragflow.parsing.containers.scanning import DAMAGED
        from ragflow.parsing.containers.shelf import Shelf
        from ragflow.parsing.media_types import HEAD, media_type, read_as

        if self._shelf is None:
            self._shelf = Shelf(self._whole)
        is_damaged = token.startswith(DAMAGED)
        wanted = token[:_DIGEST]
        try:
            data = self._shelf.take(key, lambda data: digest_of(data) == wanted and not is_damaged)
        except DocumentError as error:
            if is_damaged:
                raise  # it was found so when its archive was opened
            raise _changed(key) from error
        if data is None:
            raise _changed(key)
        kind = media_type(data[:HEAD], key)
        document = Document(read_as(kind), wanted, len(data), lambda: data)
        return Loaded(document, fingerprint_value(document), {"media_type": kind}, len(data))

    def _whole(self, outermost: str) -> bytes:
        try:
            data: bytes = self._as_source().load(outermost, b"").value.read()
        except DocumentError as error:
            why = f"what it lies in could not be read: {error}"
            raise OSError(errno.EIO, why, outermost) from error
        return data


def _changed(key: str) -> OSError:
    # Tried again by the next run, which looks into what holds it.
    return OSError(errno.ESTALE, "what it lies in changed since it was listed", key)
