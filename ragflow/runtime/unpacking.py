"""How is what documents hold listed, opening only those that changed?

What a document held is kept with the token that it was opened with, its *manifest*. A manifest
is true whatever became of the run that made it, so a crash needs no care. What cannot be read
now leaves what the ledger knows inside of it as it stands.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from ragflow.core.records import Instance, Listed
from ragflow.errors import DocumentError
from ragflow.interfaces.listing import Listing
from ragflow.interfaces.unpacking import INSIDE, Manifests
from ragflow.runtime.unpacked import Manifest, Unpacked

PAGE = 1000
#: Manifests written at once.
_PORTION = 200
#: What documents that hold others were called by whoever read them before: for homes of older
#: versions, and sources that were not unpacked until now.
_ONCE = (
    "application/gzip",
    "application/octet-stream",
    "application/vnd.ms-outlook",
    "application/x-bzip2",
    "application/x-tar",
    "application/x-xz",
    "application/zip",
    "compressed-tar",
    "message/rfc822",
)


def unpack(
    source: Unpacked,
    listing: Listing,
    manifests: Manifests,
    instance: Instance,
    name: str,
    *,
    may_open: bool,
    add: Callable[[Sequence[Listed]], None],
) -> None:
    """List what the documents hold that a listing has, before it is compared.

    Unless it `may_open` documents, what those hold that changed stays as it stands.
    """
    unpacking = _Unpacking(
        source=source,
        listing=listing,
        manifests=manifests,
        instance=instance,
        name=name,
        add=add,
    )
    changed = unpacking.add_known()
    if not may_open:
        for listed in changed:
            listing.keep(listed.key)
        return
    stamp = source.stamp(b"")
    is_first = manifests.stamp(instance, name) != stamp
    seen = {listed.key for listed in changed}
    more = [*listing.unread(), *(listing.typed(_ONCE) if is_first else ())]
    for listed in more:
        if listed.key not in unpacking.known and listed.key not in seen:
            changed.append(listed)
    for listed in changed:
        unpacking.open(listed, was_known=listed.key in seen)
    if is_first:
        unpacking.write("", stamp, Manifest())
    unpacking.flush()


@dataclass(slots=True, kw_only=True)
class _Unpacking:
    """One listing while what its documents hold is added."""

    source: Unpacked
    listing: Listing
    manifests: Manifests
    instance: Instance
    name: str
    add: Callable[[Sequence[Listed]], None]
    #: Keys whose manifest is that of their token.
    known: set[str] = field(default_factory=set)
    written: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def add_known(self) -> list[Listed]:
        """List what manifests say; return what was opened with another token than it has."""
        changed = []
        decoder = msgspec.msgpack.Decoder(Manifest)
        for listed, token, held in self.listing.opened():
            if token == self.source.stamp(listed.token):
                self.known.add(listed.key)
                self._list(listed, decoder.decode(held))
            elif listed.skip is not None:
                self.gone.append(listed.key)  # it is left out, and what it holds with it
            else:
                changed.append(listed)
        return changed

    def open(self, listed: Listed, *, was_known: bool) -> None:
        """Look into one document, and list what it holds."""
        try:
            found = self.source.open(listed)
        except (OSError, DocumentError):
            self.listing.keep(listed.key)  # it says why itself when it is read
            if not was_known:
                # It may well be read a moment later: that it was not opened must not be lost.
                self.write(listed.key, b"", Manifest())
            return
        if found is None or found.is_empty:
            if was_known:
                self.gone.append(listed.key)
            return
        if found == Manifest(unread=("",)) and not was_known:
            return  # nothing is known of it, and it is opened again when it changes
        self.write(listed.key, self.source.stamp(listed.token), found)
        self._list(listed, found)

    def _list(self, listed: Listed, manifest: Manifest) -> None:
        inside = self.source.inside(listed, manifest)
        while page := list(islice(inside, PAGE)):
            self.add(page)
        for path in manifest.unread:
            self.listing.keep(f"{listed.key}{INSIDE}{path}" if path else listed.key)
        if manifest.skip is not None:
            self.listing.leave_out(listed.key, manifest.skip)

    def write(self, key: str, token: bytes, manifest: Manifest) -> None:
        """Keep a manifest, with others."""
        self.written.append((key, token, msgspec.msgpack.encode(manifest)))
        if len(self.written) >= _PORTION:
            self.flush()

    def flush(self) -> None:
        """Write what was not written yet."""
        self.manifests.put(self.instance, self.name, self.written)
        self.manifests.remove(self.instance, self.name, self.gone)
        self.written, self.gone = [], []
