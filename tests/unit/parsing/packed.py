"""Documents that are archives of parts, made by the tests themselves."""

import io
import zipfile
from collections.abc import Mapping

import docx
import openpyxl

OPEN_XML = "application/vnd.openxmlformats-officedocument"
WORD = f"{OPEN_XML}.wordprocessingml.document"
SLIDES = f"{OPEN_XML}.presentationml.presentation"
WORKBOOK = f"{OPEN_XML}.spreadsheetml.sheet"
OPEN_TEXT = "application/vnd.oasis.opendocument.text"
EPUB = "application/epub+zip"

_WORD_NAMES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    ' xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    ' xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    ' xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
    ' xmlns:v="urn:schemas-microsoft-com:vml"'
    ' xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml"'
)
_OPEN_NAMES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in {
        "office": "office",
        "text": "text",
        "table": "table",
        "style": "style",
        "draw": "drawing",
        "svg": "svg-compatible",
    }.items()
)


def packed(parts: Mapping[str, str | bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


def parts_of(data: bytes) -> dict[str, bytes]:
    """The parts of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def swapped(data: bytes, **parts: str | bytes) -> bytes:
    """The archive with some parts replaced or added: names with `__` for `/` and no suffix."""
    named = {f"{name.replace('__', '/')}.xml": part for name, part in parts.items()}
    return packed({**parts_of(data), **named})


def saved(document) -> bytes:
    """The bytes a document of one of the libraries is saved as."""
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def word(body: str) -> bytes:
    """A Word document with this body, in Word's own markup."""
    written = f"<w:document {_WORD_NAMES}><w:body>{body}</w:body></w:document>"
    return swapped(saved(docx.Document()), word__document=written)


def paragraph(words: str, *, style: str = "", properties: str = "") -> str:
    """The markup of a paragraph of a Word document."""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{named}{properties}</w:pPr><w:r><w:t>{words}</w:t></w:r></w:p>"


def workbook(*rows: list) -> bytes:
    """A workbook with one sheet of these rows."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return saved(book)


def open_text(body: str, *, styles: str = "", pages: str = "") -> bytes:
    """An OpenDocument text with this body, in its own markup."""
    return packed(
        {
            "mimetype": OPEN_TEXT,
            "content.xml": f"<office:document-content {_OPEN_NAMES}><office:automatic-styles>"
            f"{styles}</office:automatic-styles><office:body><office:text>{body}</office:text>"
            "</office:body></office:document-content>",
            "styles.xml": f"<office:document-styles {_OPEN_NAMES}><office:master-styles>"
            f"{pages}</office:master-styles></office:document-styles>",
        }
    )


def epub(*chapters: str, encrypted: str = "", missing: str = "") -> bytes:
    """A book with these chapters, each the body of a web page."""
    names = [f"c{number} 1.xhtml" for number in range(len(chapters))]
    listed = [*names, *([missing] if missing else [])]
    items = "".join(
        f'<item id="i{number}" href="{name.replace(" ", "%20")}"'
        ' media-type="application/xhtml+xml"/>'
        for number, name in enumerate(listed)
    )
    spine = "".join(f'<itemref idref="i{number}"/>' for number in range(len(listed)))
    parts = {
        "mimetype": EPUB,
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:'
        'container"><rootfiles><rootfile full-path="OEBPS/b.opf"/></rootfiles></container>',
        "OEBPS/b.opf": '<package xmlns="http://www.idpf.org/2007/opf"><metadata'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>A  book</dc:title>'
        f"<dc:language>de</dc:language></metadata><manifest>{items}</manifest>"
        f"<spine>{spine}</spine></package>",
    }
    for name, chapter in zip(names, chapters, strict=True):
        parts[f"OEBPS/{name}"] = f"<html><body>{chapter}</body></html>"
    if encrypted:
        parts["META-INF/encryption.xml"] = (
            '<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:CipherReference'
            f' URI="{encrypted}"/></encryption>'
        )
    return packed(parts)
