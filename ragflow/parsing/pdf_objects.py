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
#: Dictionaries of these types say what an object is, as those of streams do. In any other each
#: name may be one that a page gives to a picture, a glyph or a color.
_TYPES = frozenset(
    {"/Annot", "/Catalog", "/Font", "/OCG", "/Page", "/Pages", "/Sig", "/StructElem"}
)
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
    digest, shown = _Digest(), _Digest(draws=True)
    looks = [digest.of(page.get(name)) for name in _LOOKS]
    written = page.get_contents()
    content = b"" if written is None else written.get_data()
    drawn = []
    for annotation in page.get("/Annots", ArrayObject()).get_object() or ():
        about = annotation.get_object()
        drawn += [shown.of(about.raw_get(name)) for name in _SHOWN if name in about]
    resources = page.get("/Resources", DictionaryObject()).get_object()
    used = []
    for kind in sorted(resources):
        if kind != "/XObject":
            used += [_bytes(kind), digest.of(resources.raw_get(kind))]
    objects = resources.get("/XObject", DictionaryObject()).get_object()
    pictures = {name for name in objects if _is_picture(objects[name].get_object())}
    # First what may mean pictures by their names, too.
    names = [*sorted(objects.keys() - pictures), *sorted(pictures)]
    for name in names:
        is_known = name not in pictures or digest.borrows or shown.borrows
        if is_known or _may_show(content, name):
            used += [_bytes(name), digest.of(objects.raw_get(name))]
    return _hash(b"page", layers, *looks, content, *used, b"annotations", *drawn)


def _may_show(content: bytes, picture: str) -> bool:
    """Tell whether a page shows a picture that it has.

    Scanners give all pages one dictionary of all their pictures.
    """
    # A name with # may be spelled in other ways; one that is not ASCII was decoded by a guess.
    return b"#" in content or not picture.isascii() or _bytes(picture) in content


def _is_picture(thing: Any) -> bool:
    return isinstance(thing, StreamObject) and thing.get("/Subtype") == "/Image"


def _has_own_pictures(thing: DictionaryObject) -> bool:
    """Tell whether names of pictures in what a form, pattern or font draws are its own.

    Without a dictionary of them they mean those of the page.
    """
    resources = thing.get("/Resources", NullObject()).get_object()
    if not isinstance(resources, DictionaryObject):
        return False
    return isinstance(resources.get("/XObject", NullObject()).get_object(), DictionaryObject)


class _Digest:
    """Digests objects by what they say, not by their numbers; each looked at once.

    With `draws` any stream but a picture is taken for one that draws.
    """

    def __init__(self, *, draws: bool = False) -> None:
        #: Whether anything digested may draw pictures of the page, by the names they have there.
        self.borrows = False
        self._draws = draws
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
        if isinstance(thing, DictionaryObject):
            self.borrows |= self._is_drawn(thing) and not _has_own_pictures(thing)
        if isinstance(thing, StreamObject):
            return _hash(b"stream", self._entries(thing), thing._data)  # noqa: SLF001 - as it is kept
        if isinstance(thing, DictionaryObject):
            return self._entries(thing)
        if isinstance(thing, ArrayObject):
            return _hash(b"array", *map(self.of, thing))
        if thing is None or isinstance(thing, NullObject):
            return _hash(b"null")
        return _hash(type(thing).__name__.encode(), _bytes(repr(thing)))

    def _is_drawn(self, thing: DictionaryObject) -> bool:
        """Tell whether a form, a pattern or a font of drawings, or what may be one."""
        if not isinstance(thing, StreamObject):
            # What makes a mask is drawn, whatever it says of itself.
            return "/CharProcs" in thing or thing.get("/S") in ("/Alpha", "/Luminosity")
        if self._draws:
            return not _is_picture(thing)
        return thing.get("/Subtype") == "/Form" or "/BBox" in thing or "/PatternType" in thing

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
        is_object = isinstance(thing, StreamObject) or str(thing.get("/Type")) in _TYPES
        parts = []
        for name in sorted(thing):
            if not (is_object and name in _BESIDE):
                parts += [_bytes(name), self.of(thing.raw_get(name))]
        return _hash(b"dictionary", *parts)


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _hash(*parts: bytes) -> bytes:
    digest = blake2b(digest_size=20, person=b"ragflow.page")
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()
