"""What does an e-mail say? Its subject, who wrote to whom, its text and what is attached."""

import email
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from email.header import decode_header
from email.message import Message

from ragflow.documents import Content, Document
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.blocks import Block, compose
from ragflow.parsing.decoding import cleaned, decode
from ragflow.parsing.paragraphs import paragraph_spans
from ragflow.parsing.reasons import Reason, skipped
from ragflow.parsing.web_page import shown

#: What of a message's head people ask about.
HEADS = ("From", "To", "Cc", "Date")
#: Parts within parts beyond this depth are left out, and parts beyond so many.
_DEEPEST = 20
_MOST_PARTS = 1_000
_LONGEST_HEAD = 5_000
#: In memory, a message takes some nine times as much.
_MOST_BYTES = 48 * 1024 * 1024

_BLANKS = re.compile(r"\s+")


class MailParser:
    """Reads e-mails (EML): subject, sender, recipients and date, then the text.

    Where a message says the same as HTML and as plain text, the HTML is read: it has the
    tables. Attachments are named, not read.
    """

    media_types: tuple[str, ...] = ("message/rfc822",)

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the message, a paragraph an element."""
        data = document.read()
        if len(data) > _MOST_BYTES:
            raise skipped(
                Reason.TOO_LARGE,
                f"the e-mail has more than the {_MOST_BYTES >> 20} MiB that are read",
            )
        message = email.message_from_bytes(data)
        kind = message.get_content_type()
        if kind in ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"):
            raise skipped(
                Reason.ENCRYPTED, "the e-mail is encrypted and can be read only by its recipient"
            )
        found = _Found()
        found.take(message, depth=0)
        heads = {name: head_text(str(message.get(name, ""))) for name in HEADS}
        return mail_content(
            head_text(str(message.get("Subject", ""))), heads, found.blocks, found.attached
        )


def mail_content(
    subject: str, heads: Mapping[str, str], body: Iterable[Block], attached: Sequence[str]
) -> Content:
    """Return a message as content, or raise `SkipDocument` if it says nothing."""
    stated = "\n".join(f"{name}: {words}" for name, words in heads.items() if words)
    named = [f"- Attachment: {name}" for name in attached]
    composition = compose(
        [
            Block(text=subject, kind="title", level=1),
            Block(text=stated),
            *body,
            *(Block(text=text, kind="list_item", level=1, gap="\n") for text in named),
        ]
    )
    if not composition.elements:
        raise skipped(Reason.NO_TEXT, "there is nothing in the e-mail")
    notes = (f"Attachments were not read: {', '.join(attached)}.",) if attached else ()
    return Content(
        text=composition.text,
        elements=composition.elements,
        title=subject or None,
        notes=notes,
    )


def plain_blocks(text: str) -> Iterator[Block]:
    """Yield the paragraphs of a message in plain text."""
    text = cleaned(text)
    for start, end in paragraph_spans(text):
        yield Block(text=text[start:end])


def head_text(stated: str) -> str:
    """Return a line of a message's head as people read it."""
    pieces = []
    try:
        for piece, charset in decode_header(stated[:_LONGEST_HEAD]):
            if isinstance(piece, str):
                pieces.append(piece)
            else:
                pieces.append(decode(piece, declared=charset).text)
    except (ValueError, email.errors.HeaderParseError):
        # An encoded word that is broken stays as it is.
        pieces = [stated[:_LONGEST_HEAD]]
    return _BLANKS.sub(" ", cleaned("".join(pieces))).strip()


class _Found:
    """What has been found in the parts of a message."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.attached: list[str] = []
        self._parts = 0

    def take(self, part: Message, *, depth: int) -> None:
        """Take in a part and the parts in it."""
        self._parts += 1
        if depth > _DEEPEST or self._parts > _MOST_PARTS:
            return
        kind = part.get_content_type()
        if part.get_content_disposition() == "attachment" or kind == "message/rfc822":
            self.attached.append(_name(part))
        elif part.is_multipart():
            parts = [inner for inner in part.get_payload() if isinstance(inner, Message)]
            if kind == "multipart/alternative":
                parts = _best(parts)
            for inner in parts:
                self.take(inner, depth=depth + 1)
        elif kind == "text/html":
            self.blocks.extend(shown(_bytes(part), declared=part.get_content_charset()).blocks)
        elif kind.startswith("text/") and part.get_filename() is None:
            text = decode(_bytes(part), declared=part.get_content_charset()).text
            self.blocks.extend(plain_blocks(text))
        elif part.get_filename() is not None or not part.get("Content-ID"):
            self.attached.append(_name(part))


def _best(parts: Sequence[Message]) -> list[Message]:
    """Return the one of several ways to say the same that is read."""
    for part in reversed(parts):
        if any(inner.get_content_type() == "text/html" for inner in part.walk()):
            return [part]
    readable = [part for part in parts if part.get_content_maintype() in ("text", "multipart")]
    return readable[-1:] or list(parts[-1:])


def _bytes(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _name(part: Message) -> str:
    """Return what people call an attachment: its file name, else its subject, else its type."""
    name = head_text(part.get_filename() or "")
    if not name and part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        if isinstance(inner, list) and inner and isinstance(inner[0], Message):
            name = head_text(str(inner[0].get("Subject", "")))
    return name or part.get_content_type()
