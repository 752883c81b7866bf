"""What does an e-mail say? Its subject, who wrote to whom, its text and what is attached."""

import email
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from email.errors import (
    CloseBoundaryNotFoundDefect,
    MissingHeaderBodySeparatorDefect,
    NoBoundaryInMultipartDefect,
    StartBoundaryNotFoundDefect,
)
from email.header import decode_header
from email.message import Message
from email.policy import Compat32
from typing import NamedTuple

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
#: The library looks at all of a head again for each of its parameters.
_LONGEST_STATED = 1_000
_MOST_PARAMETERS = 50
#: In memory, each line takes some two hundred bytes beside its own, be it a head, a part or text.
_MOST_BYTES = 48 * 1024 * 1024
MOST_LINES = 1_000_000

#: What a message that is signed or packed and not encrypted says of itself.
_READABLE_BY_ALL = ("signed-data", "certs-only", "compressed-data")
#: Parts that say nothing to a person.
_SIGNATURES = (
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
    "application/pgp-signature",
)
#: What the library says of parts whose end it did not find.
_ENDLESS = (CloseBoundaryNotFoundDefect, NoBoundaryInMultipartDefect, StartBoundaryNotFoundDefect)
#: Ends a head.
_HEAD_ENDS = re.compile(rb"\r?\n\r?\n|\r\r")
_BLANKS = re.compile(r"\s+")
#: How the library keeps bytes that are no ASCII.
_RAW = re.compile("[\udc80-\udcff]")


class MailParser:
    """Reads e-mails (EML): subject, sender, recipients and date, then the text.

    Where a message says the same as HTML and as plain text, the HTML is read: it has the
    tables. Attachments are named; they are documents of their own.
    """

    media_types: tuple[str, ...] = ("message/rfc822",)

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the message, a paragraph an element."""
        message, found = _opened(document.read())
        subject, *heads = (
            head_text(message.get(name, ""), declared=message.get_content_charset())
            for name in ("Subject", *HEADS)
        )
        return mail_content(
            subject,
            dict(zip(HEADS, heads, strict=True)),
            found.blocks,
            [_name(part) for part in found.attached],
            notes=[f"The message {found.over}, and nothing beyond was read."] * bool(found.over),
        )


class Attached(NamedTuple):
    """One attachment as its message states it."""

    name: str
    media_type: str
    data: bytes
    #: Whether the message ends in the midst of it.
    is_cut: bool = False


def attachments(data: bytes) -> Iterator[Attached | str]:
    """Yield the attachments of a message in their order.

    Pictures that its text shows and signatures are none. After them, if the message has more
    parts than are read, what is over the limit as follows "it". Raises as reading it does, and
    `EOFError` at the end where the message is cut off.
    """
    message, found = _opened(data)
    is_cut = any(isinstance(each, _ENDLESS) for each in message.defects)
    last = _last(message) if is_cut else None
    for part in found.attached:
        kind = part.get_content_type()
        is_shown = part.get("Content-ID") and kind.startswith("image/")
        if is_shown and part.get_content_disposition() != "attachment":
            continue
        if kind in _SIGNATURES:
            continue
        if part is last and _is_headless(part):
            continue  # nobody knows what it is called
        yield Attached(_name(part), kind, _attached_bytes(part), part is last)
    if found.over:
        yield found.over
    # What has no heads at all is no part of an e-mail, but a text.
    if is_cut or not data or (message.keys() and not _HEAD_ENDS.search(data)):
        raise EOFError("the e-mail is cut off")


def _last(part: Message) -> Message:
    """Return the part that a message ends with."""
    while part.get_content_maintype() == "multipart":
        inner = part.get_payload()
        if not isinstance(inner, list) or not isinstance(inner[-1], Message):
            break
        part = inner[-1]
    return part


def _is_headless(part: Message) -> bool:
    """Return whether the last part of a message that is cut off ends within its own head."""
    is_broken = any(isinstance(each, MissingHeaderBodySeparatorDefect) for each in part.defects)
    return is_broken or part.get_content_maintype() == "multipart" or not part.get_payload()


def _attached_bytes(part: Message) -> bytes:
    inner = part.get_payload()
    if isinstance(inner, list):  # a message, or several
        return b"\n".join(each.as_bytes() for each in inner if isinstance(each, Message))
    return _bytes(part)


def lines_in(data: bytes) -> int:
    """Return how many lines a message has, which is what it costs to take it apart."""
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def _opened(data: bytes) -> tuple[Message, "_Found"]:
    """Return a message and what is in it, or raise `SkipDocument`."""
    if len(data) > _MOST_BYTES or lines_in(data) > MOST_LINES:
        raise skipped(
            Reason.TOO_LARGE,
            f"the e-mail has more than the {_MOST_BYTES >> 20} MiB or the {MOST_LINES} lines"
            " that are read",
        )
    message = email.message_from_bytes(data, policy=_Policy())
    _refuse_sealed(message)
    found = _Found()
    found.take(message, depth=0)
    return message, found


class _Policy(Compat32):
    """Reads heads as the library does, but none that is longer than any means to be."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """Return the name of a head, and as much of what it states as is looked at."""
        name, stated = super().header_source_parse(sourcelines)
        if name.lower().startswith("content-"):
            stated = ";".join(stated[:_LONGEST_STATED].split(";")[:_MOST_PARAMETERS])
        return name, stated[:_LONGEST_HEAD]

    def header_fetch_parse(self, name: str, value: str) -> str:
        """Return a head as it is; the library would lose what is written without encoding it."""
        return value


def _refuse_sealed(message: Message) -> None:
    kind = message.get_content_type()
    if kind in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        if str(message.get_param("smime-type", "")).lower() in _READABLE_BY_ALL:
            raise skipped(
                Reason.UNSUPPORTED_TYPE,
                "the e-mail is not encrypted, but its text is packed into its signature, which"
                " cannot be read",
                hint="save its text as a file of its own",
            )
    elif kind != "multipart/encrypted":
        return
    raise skipped(Reason.ENCRYPTED, "the e-mail is encrypted and can be read only by its recipient")


def mail_content(
    subject: str,
    heads: Mapping[str, str],
    body: Iterable[Block],
    attached: Sequence[str],
    *,
    notes: Sequence[str] = (),
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
    return Content(
        text=composition.text,
        elements=composition.elements,
        title=subject or None,
        notes=tuple(notes),
    )


def plain_blocks(text: str) -> Iterator[Block]:
    """Yield the paragraphs of a message in plain text."""
    text = cleaned(text)
    for start, end in paragraph_spans(text):
        yield Block(text=text[start:end])


def head_text(stated: str, *, declared: str | None = None) -> str:
    """Return a line of a message's head as people read it.

    `declared` is the encoding of bytes in it that are not encoded as the format demands.
    """
    stated = stated[:_LONGEST_HEAD]
    pieces = []
    try:
        if _RAW.search(stated):
            stated = decode(stated.encode(errors="surrogateescape"), declared=declared).text
        for piece, charset in decode_header(stated):
            if isinstance(piece, str):
                pieces.append(piece)
            elif charset is None:
                # What is between encoded words, in the encoding that the library puts it into.
                pieces.append(piece.decode("raw-unicode-escape"))
            else:
                pieces.append(decode(piece, declared=charset).text)
    except (ValueError, email.errors.HeaderParseError):
        # An encoded word that is broken stays as it is.
        pieces = [stated]
    return _BLANKS.sub(" ", cleaned("".join(pieces))).strip()


class _Found:
    """What has been found in the parts of a message."""

    def __init__(self, *, parts: int = 0) -> None:
        self.blocks: list[Block] = []
        self.attached: list[Message] = []
        #: Which limit something was left out for, as what follows "it"; empty if nothing was.
        self.over = ""
        self._parts = parts

    def take(self, part: Message, *, depth: int) -> None:
        """Take in a part and the parts in it."""
        self._parts += 1
        if self._parts > _MOST_PARTS:
            self.over = f"has more than {_MOST_PARTS:,} parts"
            return
        if depth > _DEEPEST:
            self.over = self.over or f"has parts within more than {_DEEPEST} others"
            return
        kind = part.get_content_type()
        if part.get_content_disposition() == "attachment" or kind == "message/rfc822":
            self.attached.append(part)
        elif part.is_multipart():
            parts = [inner for inner in part.get_payload() if isinstance(inner, Message)]
            if kind == "multipart/alternative":
                self._take_best(parts, depth=depth + 1)
                return
            for inner in parts:
                self.take(inner, depth=depth + 1)
        elif kind == "text/html":
            self.blocks.extend(shown(_bytes(part), declared=part.get_content_charset()).blocks)
        elif kind.startswith("text/") and part.get_filename() is None:
            text = decode(_bytes(part), declared=part.get_content_charset()).text
            self.blocks.extend(plain_blocks(text))
        elif part.get_filename() is not None or not part.get("Content-ID"):
            self.attached.append(part)

    def _take_best(self, parts: Sequence[Message], *, depth: int) -> None:
        """Take in one of several ways to say the same: the best that says anything."""
        candidates = list(reversed(parts))
        # A stable sort: of two that are alike the last is the richer.
        candidates.sort(key=_rank)
        for part in candidates:
            tried = _Found(parts=self._parts)
            tried.take(part, depth=depth)
            self._parts = tried._parts
            self.over = self.over or tried.over
            self.attached += tried.attached
            if tried.blocks:
                self.blocks += tried.blocks
                return


def _rank(part: Message) -> int:
    """Return 0 for what has HTML to show, 1 for what has plain text, 2 for anything else."""
    shown_kinds = {
        inner.get_content_type()
        for inner in part.walk()
        if inner.get_content_disposition() != "attachment"
    }
    return 0 if "text/html" in shown_kinds else 1 if "text/plain" in shown_kinds else 2


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
