"""What is in a plain text? Its paragraphs, set off by blank lines."""

from ragflow.documents import Content, Document, Element, ElementKind
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.decoding import cleaned, decode
from ragflow.parsing.media_types import SOURCE_CODE
from ragflow.parsing.paragraphs import paragraph_spans
from ragflow.parsing.reasons import Reason, skipped

#: Where line ends and indentation mean something: what their text comes as.
_LINED: dict[str, ElementKind] = {
    "text/csv": "table",
    "text/tab-separated-values": "table",
    "application/json": "code",
    "application/yaml": "code",
    "application/toml": "code",
    "application/xml": "code",
    **dict.fromkeys(SOURCE_CODE, "code"),
}


class PlainTextParser:
    r"""Reads text in any encoding as it is, but for what `cleaned` takes away.

    Lines end in ``\n`` whatever ended them before. Source code and data come as elements of
    code, rows of fields as tables.
    """

    media_types: tuple[str, ...] = (
        "text/plain",
        "text/x-rst",
        "text/x-tex",
        "text/asciidoc",
        "text/org",
        "application/json",
        "application/yaml",
        "application/toml",
        "application/xml",
        *sorted(SOURCE_CODE),
    )

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the text, a paragraph an element."""
        decoded = decode(document.read())
        text = cleaned(decoded.text)
        kind = _LINED.get(document.media_type, "paragraph")
        elements = tuple(
            [Element(kind=kind, start=start, end=end) for start, end in paragraph_spans(text)]
        )
        if not elements:
            raise skipped(Reason.EMPTY, "the text has nothing but white space")
        return Content(text=text, elements=elements, notes=decoded.notes)
