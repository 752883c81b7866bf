"""How well was a document read? A few shares by which what is unreadable gives itself away."""

import re
from collections.abc import Iterator
from typing import Annotated

import msgspec

from ragflow.documents import Content
from ragflow.parsing.paragraphs import paragraph_spans

#: Characters that mean nothing to a reader: control characters, halves of surrogate pairs,
#: private ones, those that never are any, and the one that stands for what was not understood.
#: Which code points are assigned is left out: every Python knows others.
_ODD = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\uf8ff\ufdd0-\ufdef\ufffd-\uffff"
    "\U000f0000-\U0010ffff]"
)
_BLANK = re.compile(r"\s+")
#: A paragraph of fewer characters may well stand in a document twice.
_LEAST_REPEATED = 40
#: What stands on every page by intention.
_MEANT_TO_REPEAT = frozenset({"title", "header_footer"})

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Signals(msgspec.Struct, frozen=True, kw_only=True):
    """What tells how well a document was read; shares are from 0 to 1."""

    #: Characters of the text.
    characters: int
    #: None where the format has no pages.
    pages: int | None
    #: Share of the pages without any text.
    empty_pages: float | None
    #: Share of the text that OCR recognized.
    recognized: float
    #: Mean confidence of OCR, by the letter; None where nothing was recognized.
    ocr_confidence: float | None
    #: Share of the characters that mean nothing to a reader.
    odd_characters: float
    #: Share of the text in paragraphs that stand in the document before.
    duplicates: float


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """How badly a document may be read and still be good; what is not named is not asked.

    `is_good` answers for one: ``split(content, by=readable)`` with a function that calls it.
    """

    #: At most this share of its pages may be empty.
    empty_pages: Share | None = None
    #: At most this share of its characters may mean nothing.
    odd_characters: Share | None = None
    #: What was recognized, if anything was, must have at least this mean confidence.
    ocr_confidence: Share | None = None
    #: At most this share of its text may repeat what stands before.
    duplicates: Share | None = None

    def is_good(self, content: Content) -> bool:
        """Tell whether a document is within all thresholds."""
        return not self.faults(content)

    def faults(self, content: Content) -> list[str]:
        """Return what is not as it should be, each in words that name signal and value."""
        found = signals(content)
        told = []
        most = (
            ("empty_pages", "of the pages are empty"),
            ("odd_characters", "of the characters mean nothing"),
            ("duplicates", "of the text stands in it twice"),
        )
        for name, words in most:
            value, limit = getattr(found, name), getattr(self, name)
            if None not in (value, limit) and value > limit:
                told.append(f"{percent(value)} {words}, more than {name}={limit:g}")
        sure, least = found.ocr_confidence, self.ocr_confidence
        if sure is not None and least is not None and sure < least:
            told.append(
                f"its text was recognized with a confidence of {sure:.2f}, "
                f"less than ocr_confidence={least:g}"
            )
        return told


def signals(content: Content) -> Signals:
    """Return the signals of a document; equal contents have equal ones."""
    text = content.text
    letters = _visible(text)
    empty = sum(not text[page.start : page.end].strip() for page in content.pages)
    recognized, sure, weight = 0, 0.0, 0
    for element in content.elements:
        if element.obtained != "ocr":
            continue
        size = _visible(text[element.start : element.end])
        recognized += size
        if element.confidence is not None:
            weight += size
            sure += size * element.confidence
    return Signals(
        characters=len(text),
        pages=len(content.pages) or None,
        empty_pages=_share(empty, len(content.pages)) if content.pages else None,
        recognized=_share(recognized, letters),
        ocr_confidence=round(sure / weight, 4) if weight else None,
        odd_characters=_share(len(_ODD.findall(text)), letters),
        duplicates=_share(_repeated(content), letters),
    )


def percent(share: float) -> str:
    """Return a share as people read it; what is there at all is never 0%."""
    return "<0.1%" if 0 < share < 0.001 else f"{share * 100:.3g}%"


def _repeated(content: Content) -> int:
    """Return the visible characters of the paragraphs that stood in the document before."""
    known: set[str] = set()
    repeated = 0
    for start, end in _paragraphs(content):
        words = " ".join(content.text[start:end].split())
        if len(words) < _LEAST_REPEATED:
            continue
        if words in known:
            repeated += _visible(words)
        known.add(words)
    return repeated


def _paragraphs(content: Content) -> Iterator[tuple[int, int]]:
    if not content.elements:
        yield from paragraph_spans(content.text)
    for element in content.elements:
        if element.kind not in _MEANT_TO_REPEAT:
            yield element.start, element.end


def _visible(text: str) -> int:
    return len(text) - sum(map(len, _BLANK.findall(text)))


def _share(part: int, whole: int) -> float:
    return round(min(part / whole, 1.0), 4) if whole else 0.0
