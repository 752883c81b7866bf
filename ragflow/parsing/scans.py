"""How does what was recognized on pages become part of their document's content?"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import msgspec

from ragflow.core.drafts import SKIPPED
from ragflow.core.items import Part
from ragflow.documents import Content, Element, Page, Scan, digest_of
from ragflow.parsing.blocks import MOST_TEXT, PARAGRAPH_GAP, too_much_text
from ragflow.parsing.page_text_quality import is_better
from ragflow.parsing.reasons import Reason, skipped

#: Where the envelope of a part says on which page of its document it stands, from 1.
PAGE = "page"


def with_pages(content: Content, recognized: Sequence[Part[Content | None]]) -> Content:
    """Return the content with what was recognized on pages, each in its place.

    What was recognized stands in for the text of a page where it is better. Pages
    that could not be recognized are named in the notes. Raises `SkipDocument` when there is no
    text at all.
    """
    found = {part.envelope[PAGE]: part.value for part in recognized if part.value is not None}
    missing: dict[str, list[int]] = {}
    for part in recognized:
        if part.value is None:
            why = part.envelope.get(SKIPPED)
            missing.setdefault(f", because {why}" if why else "", []).append(part.envelope[PAGE])
    better = {
        number: page
        for number, page in found.items()
        if is_better(page.text, _text_on(content, number))
    }
    merged = _Merging(content, better).merged()
    if not merged.elements:
        raise skipped(Reason.NO_TEXT, "there is neither text nor writing on its pages")
    notes = [f"Not recognized{why}: {page_numbers(pages)}." for why, pages in missing.items()]
    return msgspec.structs.replace(merged, notes=(*merged.notes, *notes)) if notes else merged


def _text_on(content: Content, page: int) -> str:
    return "".join(content.text[e.start : e.end] for e in content.elements if e.page == page)


def scan_parts(scans: Iterable[tuple[int, bytes]]) -> list[Part[Scan]]:
    """Return pages, counted from 0, that are scans of these digests, as parts of a draft."""
    return [Part(Scan(digest), {PAGE: index + 1}) for index, digest in scans]


def digests_in(data: bytes, pages: Sequence[int]) -> list[bytes]:
    """Return digests of pages by the whole file they are in, for want of a better name."""
    whole = digest_of(data)
    return [digest_of(whole + index.to_bytes(8, "little")) for index in pages]


def page_numbers(pages: Sequence[int]) -> str:
    """Return pages as people write them: ``page 3``, ``pages 1-4, 7``."""
    runs = []
    for _, run in groupby(enumerate(sorted(pages)), key=lambda numbered: numbered[1] - numbered[0]):
        numbers = [page for _, page in run]
        runs.append(str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}")
    return ("page " if len(pages) == 1 else "pages ") + ", ".join(runs)


class _Merging:
    """Writes the text of a document anew, from stretches of what it was and of its pages."""

    def __init__(self, content: Content, found: Mapping[int, Content]) -> None:
        self._content = content
        self._found = found
        self._text: list[str] = []
        self._length = 0
        # Stretches of the old text: where each begins in it, and where in the new one.
        self._old: list[int] = []
        self._new: list[int] = []
        self._elements: list[Element] = []
        self._pages: dict[int, Page] = {}

    def merged(self) -> Content:
        if not self._found:
            return self._content
        content, at = self._content, 0
        for page in content.pages:
            if page.number in self._found:
                start, end = self._replaced(page, at)
                self._keep(at, start)
                self._insert(page)
                at = end
        self._keep(at, len(content.text))
        if self._length > MOST_TEXT:
            raise too_much_text()
        for element in content.elements:
            if element.page not in self._found:
                start, end = self._moved(element.start, element.end)
                self._elements.append(msgspec.structs.replace(element, start=start, end=end))
        for page in content.pages:
            if page.number not in self._found:
                start, end = self._moved(page.start, page.end)
                self._pages[page.number] = msgspec.structs.replace(page, start=start, end=end)
        return msgspec.structs.replace(
            content,
            text="".join(self._text),
            elements=tuple(sorted(self._elements, key=lambda element: element.start)),
            pages=tuple(self._pages[page.number] for page in content.pages),
        )

    def _replaced(self, page: Page, at: int) -> tuple[int, int]:
        """Return the stretch of the old text in whose place a page comes."""
        own = [element for element in self._content.elements if element.page == page.number]
        if own:
            return max(at, own[0].start), max(at, own[-1].end)
        before = [e.end for e in self._content.elements if e.start < page.start]
        start = max(at, *before) if before else at
        return start, start

    def _keep(self, start: int, end: int) -> None:
        if start == end:
            return
        text = self._content.text[start:end]
        if self._text and not text[0].isspace():
            self._write(PARAGRAPH_GAP)
        self._old.append(start)
        self._new.append(self._length)
        self._write(text)

    def _insert(self, page: Page) -> None:
        found = self._found[page.number]
        if self._text and not self._text[-1].endswith(PARAGRAPH_GAP):
            self._write(PARAGRAPH_GAP)
        start = self._length
        self._write(found.text)
        self._elements += [
            msgspec.structs.replace(
                each, start=start + each.start, end=start + each.end, page=page.number
            )
            for each in found.elements
        ]
        size = found.pages[0].size if found.pages else page.size
        self._pages[page.number] = Page(
            number=page.number, start=start, end=self._length, size=size
        )

    def _write(self, text: str) -> None:
        self._text.append(text)
        self._length += len(text)

    def _moved(self, start: int, end: int) -> tuple[int, int]:
        """Return where a span of the old text is now; it is in one stretch of it, or empty."""
        # What is empty stands at the end of what comes before it.
        place = bisect_right(self._old, start if end > start else start - 1) - 1
        if place < 0:
            return 0, 0
        shift = self._new[place] - self._old[place]
        return start + shift, end + shift
