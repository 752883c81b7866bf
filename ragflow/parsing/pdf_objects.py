"""What is a page of a PDF drawn from? The digest of its own objects, wherever it stands.

Two pages of one digest look the same, in whatever file they are and as whatever page. What
says where a page belongs (parents, links, structure, dates) is no part of it.
"""

import io
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from pypdf import PdfReader
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    IndirectObject,
    NullObject,
    StreamObject,
)

#: What of a page decides how it looks.
_LOOKS = ("/MediaBox", "/CropBox", "/Rotate", "/UserUnit", "/Group")
#: What an annotation is drawn by.
_SHOWN = ("/AP", "/AS", "/F", "/Rect", "/Subtype", "/OC", "/MK", "/DA", "/V", "/FT")
#: What an object says of its surroundings and not of its looks.
_BESIDE = frozenset(
    {
        "/Parent",
        "/P",
        "/StructParent",
        "/StructParents",
        "/Metadata",
        "/PieceInfo",
        "/LastModified",
        "/Name",
        "/OPI",
        "/Length",
    }
)
#: The most objects that are looked at for one page; one of more is named by its whole file.
_MOST_OBJECTS = 50_000


def page_digests(data: bytes, pages: Sequence[int], *, count: int) -> list[bytes] | None:
    """Return a digest for each of these pages, counted from 0; None where that cannot be told.

    `count` is how many pages another reader found. Nothing is drawn or decoded but what pages
    are written in.
    """
    try:
        file = PdfReader(io.BytesIO(data), strict=False)
        if file.is_encrypted:
            file.decrypt("")
        if len(file.pages) < count:
            return None
        layers = _Digest().of(file.root_object.get("/OCProperties"))
        return [_page(file.pages[index], layers) for index in pages]
    except Exception:  # noqa: BLE001 - a file that this reader cannot read is named as a whole
        return None


def _page(page: Any, layers: bytes) -> bytes:
    digest = _Digest()
    looks = [digest.of(page.get(name)) for name in _LOOKS]
    written = page.get_contents()
    content = b"" if written is None else written.get_data()
    resources = page.get("/Resources", DictionaryObject()).get_object()
    unused = _unused(resources, content)
    used = []
    for kind in sorted(resources):
        named = resources[kind].get_object()
        if kind != "/XObject":
            used += [kind.encode(), digest.of(named)]
            continue
        for name in sorted(named):
            if name not in unused:
                used += [name.encode("utf-8", "surrogatepass"), digest.of(named.raw_get(name))]
    drawn = []
    for annotation in page.get("/Annots", ArrayObject()).get_object() or ():
        shown = annotation.get_object()
        drawn += [digest.of(shown.raw_get(name)) for name in _SHOWN if name in shown]
    return _hash(b"page", layers, *looks, content, *used, b"annotations", *drawn)


def _unused(resources: Any, content: bytes) -> set[str]:
    """Return the pictures that a page has and does not show.

    Scanners give all pages one dictionary of all their pictures.
    """
    named = resources.get("/XObject", DictionaryObject()).get_object()
    objects = {name: named[name].get_object() for name in named}
    forms = [each for each in objects.values() if each.get("/Subtype") != "/Image"]
    if b"#" in content or any("/Resources" not in each for each in forms):
        return set()  # a name may be spelled in another way, or be meant by a form
    pictures = objects.keys() - {n for n, each in objects.items() if each in forms}
    return {name for name in pictures if name.encode("utf-8", "surrogatepass") not in content}


class _Digest:
    """Digests objects by what they say, not by their numbers; each looked at once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], bytes] = {}
        self._open: list[tuple[int, int]] = []
        self._count = 0

    def of(self, thing: Any) -> bytes:
        """Return the digest of an object and of all that it refers to."""
        if isinstance(thing, IndirectObject):
            return self._referred(thing)
        self._count += 1
        if self._count > _MOST_OBJECTS:
            raise ValueError("too many objects")
        if isinstance(thing, StreamObject):
            return _hash(b"stream", self._entries(thing), thing._data)  # noqa: SLF001 - as it is kept
        if isinstance(thing, DictionaryObject):
            return self._entries(thing)
        if isinstance(thing, ArrayObject):
            return _hash(b"array", *map(self.of, thing))
        if thing is None or isinstance(thing, NullObject):
            return _hash(b"null")
        return _hash(type(thing).__name__.encode(), repr(thing).encode("utf-8", "surrogatepass"))

    def _referred(self, thing: IndirectObject) -> bytes:
        place = (thing.idnum, thing.generation)
        if place in self._known:
            return self._known[place]
        if place in self._open:  # it refers to itself: how far up is what counts
            return _hash(b"up", str(len(self._open) - self._open.index(place)).encode())
        self._open.append(place)
        try:
            found = self._known[place] = self.of(thing.get_object())
        finally:
            self._open.pop()
        return found

    def _entries(self, thing: DictionaryObject) -> bytes:
        parts = []
        for name in sorted(thing):
            if name not in _BESIDE:
                parts += [name.encode("utf-8", "surrogatepass"), self.of(thing.raw_get(name))]
        return _hash(b"dictionary", *parts)


def _hash(*parts: bytes) -> bytes:
    digest = blake2b(digest_size=20, person=b"ragflow.page")
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()
