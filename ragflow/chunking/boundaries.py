"""Where is a text cut?"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from ragflow.chunking.headings import Section, sections, trim
from ragflow.chunking.sentences import last_sentence_end
from ragflow.chunking.tokens import REACH, Ruler, fits, room
from ragflow.documents import Content
from ragflow.errors import ParameterError
from ragflow.interfaces.ingestion import Tokenizer


class Cut(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where one chunk stands: ``content.text[start:end]`` is its text."""

    #: First character; never white space.
    start: int
    #: One past the last character; never after white space.
    end: int
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
    fits is one chunk. A longer one is filled up with whole paragraphs, so that each chunk
    ends where the last fitting paragraph does, else a sentence, else a line, a word, a token;
    none of its chunks has much fewer than `minimum` tokens.

    Guarantees: chunks are in order, do not overlap and leave out nothing but white space
    and nothing at all within them; the tokens of each slice, counted by themselves, are at
    most `size`; boundaries in one section do not depend on any other. (One character that
    has more tokens than `size` is a chunk all the same.) Raises `ParameterError` for a size
    the tokenizer does not allow and a minimum above half the size.
    """
    size = room(tokenizer, size)
    if not 0 <= minimum <= size // 2:
        raise ParameterError(
            f"minimum {minimum} is not between 0 and half the size of {size} tokens",
            hint="chunks between the two must be possible",
        )
    page_of = _pages(content)
    return [
        Cut(start=start, end=end, page=page_of(start), headings=section.headings)
        for section in sections(content)
        for start, end in _stretches(
            content.text, section, tokenizer=tokenizer, size=size, minimum=minimum
        )
    ]


def cut_whole(content: Content, tokenizer: Tokenizer, *, size: int = 0) -> list[Cut]:
    """Return one chunk: the whole text, as far as `size` tokens or the model reach.

    It is marked `truncated` where that left something out. A text without anything but
    white space gives none. Raises `ParameterError` for a size the tokenizer does not allow.
    """
    size = room(tokenizer, size)
    text = content.text
    span = trim(text, 0, len(text))
    if span is None:
        return []
    start, end = span
    page = _pages(content)(start)
    if fits(text, start, end, tokenizer=tokenizer, size=size):
        return [Cut(start=start, end=end, page=page)]
    ruler = Ruler(text, start, min(end, start + REACH * size), tokenizer=tokenizer, size=size)
    end = _furthest(ruler, start, lambda high: high)
    end = start + len(text[start:end].rstrip())
    return [Cut(start=start, end=end, page=page, truncated=True)]


def _stretches(
    text: str, section: Section, *, tokenizer: Tokenizer, size: int, minimum: int
) -> Iterator[tuple[int, int]]:
    """Yield the spans of the chunks of one section."""
    start, stop = section.start, section.end
    if fits(text, start, stop, tokenizer=tokenizer, size=size):
        yield start, stop
        return
    ruler = Ruler(text, start, stop, tokenizer=tokenizer, size=size)
    paragraphs = section.paragraphs(text)
    while ruler.reach(start, size) < stop or ruler.excess(start, stop) > 0:
        # A first character at least, and headings with something below them.
        low = section.body + 1 if start < section.body else start + 1
        if minimum:
            low = max(low, ruler.reach(start, minimum))
        spare = ruler.before_end(minimum)
        choose = partial(
            _last_break,
            text=text,
            section=section,
            paragraphs=paragraphs,
            start=start,
            low=low,
            most=spare if spare > low else stop,
        )
        end = _furthest(ruler, start, choose)
        span, rest = trim(text, start, end), trim(text, end, stop)
        if span:
            yield span
        if rest is None:
            return
        start = rest[0]
    yield start, stop


def _furthest(ruler: Ruler, start: int, choose: Callable[[int], int]) -> int:
    """Return the break that `choose` finds, looking back from as far as a slice may go.

    The look-up is an estimate, so each answer is counted; what is too long is tried again
    with so many tokens less, and in the end with half the characters.
    """
    tokens = ruler.size
    high = ruler.reach(start, tokens)
    while True:
        end = choose(high)
        excess = ruler.excess(start, end)
        if excess <= 0 or end == start + 1:
            return end
        tokens -= excess
        nearer = ruler.reach(start, tokens) if tokens > 0 else start + (end - start) // 2
        high = min(nearer, end - 1)


def _last_break(
    high: int,
    *,
    text: str,
    section: Section,
    paragraphs: list[int],
    start: int,
    low: int,
    most: int,
) -> int:
    """Return the best break from `low` to `high`, or `high` itself if there is none.

    `most` is where the last chunk would begin to be too short.
    """
    high = min(high, most)
    if low <= high:
        place = bisect_right(paragraphs, high) - 1
        if place >= 0 and paragraphs[place] >= low:
            return paragraphs[place]
        line = text.rfind("\n", low, high + 1)
        if any(first <= line < last for first, last in section.lined):
            return line
        sentence = last_sentence_end(text, low, high)
        if sentence is not None:
            return sentence
        if line >= 0:
            return line
    # One blank early in a text without blanks must not make a tiny chunk.
    word = high
    while word > (max(start, min(low, high)) + high) // 2:
        if text[word - 1].isspace() or text[word : word + 1].isspace():
            return word
        word -= 1
    return high


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
