"""What is in an EPUB book? Its chapters in reading order, each a web page."""

import posixpath
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from ragflow.documents import Content, Document
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.blocks import Block, compose
from ragflow.parsing.packages import Package
from ragflow.parsing.reasons import Reason, skipped, unreadable
from ragflow.parsing.web_page import shown

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = ("application/xhtml+xml", "text/html")
_ANY = "{*}"


class EpubParser:
    """Reads EPUB books; titles of chapters are headings, navigation is left out.

    A chapter that is missing is named in the notes; the others are read.
    """

    media_types: tuple[str, ...] = ("application/epub+zip",)

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the text of all chapters, a block an element."""
        package = Package(document.read())
        place = _place_of_book(package)
        book = package.markup(place)
        locked = _locked(package)
        blocks: list[Block] = []
        missing: list[str] = []
        for name in _chapters(book, posixpath.dirname(place)):
            if name in locked:
                raise skipped(
                    Reason.ENCRYPTED, "the book is encrypted and opens only in its own reader"
                )
            if name in package:
                blocks.extend(shown(package.read(name)).blocks)
            else:
                missing.append(name)
        composition = compose(blocks)
        if not composition.elements:
            raise skipped(Reason.NO_TEXT, "there is no text in the book")
        title, language = (
            " ".join((book.findtext(f".//{_ANY}metadata/{_ANY}{name}") or "").split())
            for name in ("title", "language")
        )
        return Content(
            text=composition.text,
            elements=composition.elements,
            title=title or None,
            language=language or None,
            notes=(f"Chapters that are not in the file: {', '.join(missing)}.",) if missing else (),
        )


def _place_of_book(package: Package) -> str:
    stated = package.markup(_CONTAINER).find(f".//{_ANY}rootfile")
    place = None if stated is None else stated.get("full-path")
    if not place:
        raise unreadable(Reason.DAMAGED, "the book does not say what is in it")
    return str(place)


def _chapters(book: Any, folder: str) -> Iterator[str]:
    items = {
        item.get("id"): item
        for item in book.iterfind(f"{_ANY}manifest/{_ANY}item")
        if item.get("media-type") in _PAGES and "nav" not in (item.get("properties") or "").split()
    }
    seen = set()
    for reference in book.iterfind(f"{_ANY}spine/{_ANY}itemref"):
        item = items.get(reference.get("idref"))
        if item is not None and item.get("href") and item.get("id") not in seen:
            seen.add(item.get("id"))
            yield posixpath.normpath(posixpath.join(folder, unquote(item.get("href"))))


def _locked(package: Package) -> set[str]:
    """Return the parts that are encrypted."""
    if _ENCRYPTION not in package:
        return set()
    references = package.markup(_ENCRYPTION).iter(f"{_ANY}CipherReference")
    return {unquote(reference.get("URI", "")) for reference in references}
