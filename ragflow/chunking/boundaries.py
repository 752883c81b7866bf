"""Where is a text cut?"""

from bisect import bisect_right
from collections.abc import Callable

import msgspec

from ragflow.chunking.collapsed import Collapsed
from ragflow.chunking.headings import sections, trim
from ragflow.chunking.pieces import pieces
from ragflow.chunking.tokens import REACH, Ruler, fits, room
from ragflow.documents import Content
from ragflow.errors import ParameterError
from ragflow.interfaces.ingestion import Tokenizer


class Cut(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where one chunk stands, ``content.text[start:end]``, and what of it is embedded."""

    #: First character; never white space.
    start: int
    #: One past the last character; never after white space.
    end: int
    #: The slice with white space of prose collapsed, and tables and code as they are.
    text: str
    #: Page it begins on, from 1; None where the format has no pages.
    page: int | None = None
    #: The path of headings it stands under. If it begins with its heading, that is the last.
    headings: tuple[str, ...] = ()
    #: Whether text after it was left out, because the model would not read it.
    truncated: bool = False


def cut(content: Content, tokenizer: Tokenizer, *, size: int = 0, minimum: int = 0) -> list[Cut]:
    """Return where to cut a text into chunks of at most `size` tokens.

    `size` 0 means as many as the model reads. A chunk never holds text of two sections:
    every heading begins one, together with headings that follow it at once. A section that
    fits is one chunk. A longer one is cut between paragraphs, else between sentences (in
    tables and code between lines), else between words, else between tokens; none of its
    chunks has much fewer than `minimum` tokens. Which of several places it is depends on the
    words around them, not on what was counted from the top: see `pieces`.

    Guarantees: chunks are in order, do not overlap and leave out nothing but white space
    and nothing at all within them; the tokens of each `Cut.text`, counted by themselves, are
    at most `size`; boundaries in one section do not depend on any other, and within one not
    on how its prose is wrapped. (One character that has more tokens than `size` is a chunk
    all the same.) Raises `ParameterError` for a size the tokenizer does not allow and a
    minimum above half the size.
    """
    size = room(tokenizer, size)
    if not 0 <= minimum <= size // 2:
        raise ParameterError(
            f"minimum {minimum} is not between 0 and half the size of {size} tokens",
            hint="chunks between the two must be possible",
        )
    page_of = _pages(content)
    cuts = []
    for section in sections(content):
        of = Collapsed(content.text, section.start, section.end, section.lined)
        for first, last in pieces(
            of, section, content.text, tokenizer=tokenizer, size=size, minimum=minimum
        ):
            start, end = of.source(first, last)
            cuts.append(
                Cut(
                    start=start,
                    end=end,
                    text=of.text[first:last],
                    page=page_of(start),
                    headings=section.headings,
                )
            )
    return cuts


def cut_whole(content: Content, tokenizer: Tokenizer, *, size: int = 0) -> list[Cut]:
    """Return one chunk: the whole text, as far as `size` tokens or the model reach.

    It is marked `truncated` where that left something out. A text without anything but
    white space gives none. Raises `ParameterError` for a size the tokenizer does not allow.
    """
    size = room(tokenizer, size)
    span = trim(content.text, 0, len(content.text))
    if span is None:
        return []
    lined = [each for section in sections(content) for each in section.lined]
    of = Collapsed(content.text, *span, lined)
    page = _pages(content)(span[0])
    if fits(of.text, tokenizer=tokenizer, size=size):
        return [Cut(start=span[0], end=span[1], text=of.text, page=page)]
    text = _as_much(of.text[: REACH * size], tokenizer=tokenizer, size=size)
    start, end = of.source(0, len(text))
    return [Cut(start=start, end=end, text=text, page=page, truncated=True)]


def _as_much(text: str, *, tokenizer: Tokenizer, size: int) -> str:
    """Return the beginning of a text that is as long as fits.

    The look-up is an estimate, so each answer is counted; what is too long is tried again
    with so many tokens less, and in the end with half the characters.
    """
    ruler = Ruler(text, tokenizer=tokenizer)
    tokens = size
    end = max(ruler.after(0, tokens), 1)
    while True:
        found = text[:end].rstrip()
        excess = tokenizer.count(found) - size
        if excess <= 0 or len(found) == 1:
            return found
        tokens -= excess
        nearer = ruler.after(0, tokens) if tokens > 0 else end // 2
        end = max(min(nearer, len(found) - 1), 1)


def _pages(content: Content) -> Callable[[int], int | None]:
    """Return what tells the page of a position, fast also for thousands of chunks."""
    marks = [(page.start, page.number) for page in content.pages] or [
        (element.start, element.page) for element in content.elements if element.page is not None
    ]
    starts = [start for start, _ in marks]

    def page_of(position: int) -> int | None:
        place = bisect_right(starts, position) - 1
        return marks[place][1] if place >= 0 else None

    return page_of
