"""What is in a document that is a ZIP archive of parts? Nothing is expanded beyond a limit."""

import io
import posixpath
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

from lxml import etree

from ragflow.parsing.reasons import Reason, skipped, unreadable

#: The most parts, and the most bytes of markup, that a document may expand to. In memory, markup
#: takes some twenty times as much.
MOST_PARTS = 20_000
MOST_MARKUP = 20 * 1024 * 1024

_MOST_READINGS = 4
#: What each part in the list of an archive's parts begins with.
_LISTED = b"PK\x01\x02"
#: Parts beyond this are packed again.
_LARGE = 1 << 20
#: A part may be nothing else; what else there is may expand without an end to it.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_IS_LOCKED = 0x1
_MARKUP = (".xml", ".rels", ".xhtml", ".html", ".htm", ".opf", ".vml")
_RELATIONS = ".rels"
_PROPERTIES = "docProps/core.xml"
_DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
_ENTITY = "<!ENTITY"
_ENTITIES = tuple(_ENTITY.encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))

#: What the strict dialect of Office Open XML calls things that the libraries know by another name.
_STRICT = (
    (
        b"http://purl.oclc.org/ooxml/officeDocument/relationships/metadata/core-properties",
        b"http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties",
    ),
    (
        b"http://purl.oclc.org/ooxml/officeDocument/",
        b"http://schemas.openxmlformats.org/officeDocument/2006/",
    ),
    (
        b"http://purl.oclc.org/ooxml/drawingml/",
        b"http://schemas.openxmlformats.org/drawingml/2006/",
    ),
    *(
        (
            b"http://purl.oclc.org/ooxml/%b/main" % kind,
            b"http://schemas.openxmlformats.org/%b/2006/main" % kind,
        )
        for kind in (b"wordprocessingml", b"presentationml", b"spreadsheetml")
    ),
)


class Package:
    """The parts of a document, each read when it is asked for.

    Raises `SkipDocument` for a document that is locked or expands beyond the limits, `ParseError`
    for one that is no archive, or whose markup defines entities of its own.
    """

    def __init__(self, data: bytes, *, most_markup: int = MOST_MARKUP) -> None:
        self._most = most_markup
        #: Parts may be read again and under several names, but not without end.
        self._left = _MOST_READINGS * most_markup
        # Counted before the library makes an object of each; names may come twice.
        if data.count(_LISTED) > MOST_PARTS:
            raise skipped(Reason.TOO_LARGE, f"the document has more than {MOST_PARTS} parts")
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise _damaged("it is cut off, or is no archive of parts") from error
        self._parts = dict(self._archive.NameToInfo)
        held = sum(
            part.file_size for name, part in self._parts.items() if name.lower().endswith(_MARKUP)
        )
        if held > most_markup:
            raise skipped(
                Reason.TOO_LARGE,
                f"the document expands to {held >> 20} MiB of markup; {most_markup >> 20} are read",
            )
        for part in self._parts.values():
            if part.flag_bits & _IS_LOCKED:
                raise skipped(
                    Reason.ENCRYPTED,
                    "the document is encrypted and cannot be opened without its password",
                    hint="save it without the password",
                )
            if part.compress_type not in _METHODS:
                raise _damaged("its parts are compressed in a way that no such document uses")

    @property
    def parts(self) -> Mapping[str, int]:
        """How many bytes each part says it has; never more are read."""
        return {name: part.file_size for name, part in self._parts.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._parts

    def read(self, name: str) -> bytes:
        """Return the bytes of a part; raise `ParseError` where it is not there or is damaged."""
        try:
            part = self._parts[name]
            self._left -= part.file_size
            if part.file_size > self._most or self._left < 0:
                raise skipped(
                    Reason.TOO_LARGE, "the parts of the document are too large to be read"
                )
            # Told how much, it expands no more; not told, it expands all there is.
            with self._archive.open(part) as file:
                data = file.read(part.file_size)
        except (KeyError, EOFError, ValueError, OSError, zipfile.BadZipFile, zlib.error) as error:
            raise _damaged("a part of it is missing or damaged") from error
        return data

    def markup(self, name: str) -> Any:
        """Return the root of a part's XML; nothing it refers to is fetched."""
        return root_of(self.read(name))

    def for_office(self, renamed: Mapping[bytes, bytes]) -> io.BytesIO:
        """Return a file for a library: all markup, and other parts without their bytes.

        `renamed` types of parts are replaced by those the library knows; what refers to parts
        that are not there is left out. Pictures and what is embedded take no memory that way.
        """
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as copy:
            for name in self._parts:
                data = b""
                if name.lower().endswith(_MARKUP):
                    data = _checked(self.read(name))
                    if name == "[Content_Types].xml":
                        for stated, known in renamed.items():
                            data = data.replace(stated, known)
                    if b"purl.oclc.org" in data:
                        for strict, usual in _STRICT:
                            data = data.replace(strict, usual)
                    if name.endswith(_RELATIONS):
                        data = self._without_dangling(name, data)
                method = zipfile.ZIP_DEFLATED if len(data) > _LARGE else zipfile.ZIP_STORED
                copy.writestr(zipfile.ZipInfo(name), data, method, compresslevel=1)
        file.seek(0)
        return file

    def _without_dangling(self, name: str, data: bytes) -> bytes:
        root = root_of(data)
        folder = posixpath.dirname(posixpath.dirname(name))
        dangling = [
            relation
            for relation in root.iterfind("{*}Relationship")
            if relation.get("TargetMode") != "External"
            and self._target(folder, relation.get("Target", "")) not in self._parts
        ]
        for relation in dangling:
            root.remove(relation)
        return bytes(etree.tostring(root)) if dangling else data

    def _target(self, folder: str, stated: str) -> str:
        path = stated.partition("#")[0]
        return posixpath.normpath(posixpath.join("/", folder, path)).lstrip("/")


class Readings:
    """How much a library's parts have been read; a document may refer to one without end."""

    def __init__(self) -> None:
        self._left = _MOST_READINGS * MOST_MARKUP

    def root(self, part: Any) -> Any:
        """Return the root of a part; raise `SkipDocument` after some multiple of all markup."""
        markup = part.blob
        self._left -= len(markup)
        if self._left < 0:
            raise skipped(
                Reason.TOO_LARGE, "the document refers to its parts more often than any needs"
            )
        return root_of(markup)


def title_and_language(package: Package) -> tuple[str | None, str | None]:
    """Return what an Office document says of itself, None where it says nothing."""
    if _PROPERTIES not in package:
        return None, None
    stated = package.markup(_PROPERTIES)
    title, language = (stated.findtext(f"{_DUBLIN_CORE}{name}") for name in ("title", "language"))
    return " ".join((title or "").split()) or None, (language or "").strip() or None


def root_of(markup: bytes) -> Any:
    """Return the root of XML that may not define entities, or raise `ParseError`."""
    # libxml2 refuses markup nested deeper than 256 by itself.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(_checked(markup), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _damaged("a part of it is no well-formed XML") from error
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and any(True for _ in declared.iterentities()):
        raise _with_entities()
    return root


def _checked(markup: bytes) -> bytes:
    if any(sign in markup for sign in _ENTITIES):
        raise _with_entities()
    return markup


def _with_entities() -> Exception:
    return unreadable(
        Reason.DAMAGED, "the document defines entities of its own, which no such document needs"
    )


def _damaged(what: str) -> Exception:
    return unreadable(
        Reason.DAMAGED,
        f"the document could not be read: {what}",
        hint="open it with the program it was made with and save it again",
    )
