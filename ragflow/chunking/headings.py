"""Where do the sections of a text begin, and under which headings does each stand?"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ragflow.documents import Content, Element

_BLANK_LINE = re.compile(r"\n\s*\n|\f")
_SOMETHING = re.compile(r"\S")
#: Kinds whose lines are units; a full stop in them ends no sentence.
_LINED = ("table", "code")
_INDENTATION = " \t"


class Section(NamedTuple):
    """A heading, or several in a row, and the text up to the next heading."""

    #: First character that is no white space.
    start: int
    #: Where the text below the headings begins; equals `end` if there is none.
    body: int
    #: One past the last character.
    end: int
    #: The path of headings it stands under, its own last.
    headings: tuple[str, ...]
    #: Where its paragraphs, list items, tables … begin.
    blocks: tuple[int, ...]
    #: Spans of tables and code with the indentation of their first lines; no two touch.
    lined: tuple[tuple[int, int], ...]

    def paragraphs(self, text: str) -> list[int]:
        """Return where its paragraphs begin, in order: at an element or after a blank line.

        The first is left out, since a heading stays with the text below it.
        """
        blank = (match.end() for match in _BLANK_LINE.finditer(text, self.body, self.end))
        return sorted({*blank, *(block for block in self.blocks if block > self.body)})


def sections(content: Content) -> Iterator[Section]:
    """Yield the sections of a text in order; together they hold all but white space.

    Each depends on its own text and the headings above it alone: an edit in one moves
    nothing in another. Headings in a row begin one section. Text outside all elements,
    which there should be none of, counts as a paragraph.
    """
    text = content.text
    if not content.elements:
        span = trim(text, 0, len(text))
        if span:
            yield Section(span[0], span[0], span[1], (), (), ())
        return
    path: list[tuple[int, str]] = []
    group: list[Element] = []
    for element in _complete(content):
        if element.kind != "title":
            group.append(element)
            continue
        if group and group[-1].kind != "title":
            yield _section(text, group, path)
            group = []
        group.append(element)
        level = max(element.level, 1)
        while path and path[-1][0] >= level:
            path.pop()
        path.append((level, " ".join(text[element.start : element.end].split())))
    if group:
        yield _section(text, group, path)


def trim(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return the span without white space at its ends, or None if there is nothing else."""
    found = _SOMETHING.search(text, start, end)
    if found is None:
        return None
    first = found.start()
    return first, first + len(text[first:end].rstrip())


def _section(text: str, group: list[Element], path: list[tuple[int, str]]) -> Section:
    end = group[-1].end
    body = next((each.start for each in group if each.kind != "title"), end)
    return Section(
        start=group[0].start,
        body=body,
        end=end,
        headings=tuple(title for _, title in path),
        blocks=tuple(each.start for each in group if each.kind != "title"),
        lined=tuple(_lined(text, group)),
    )


def _lined(text: str, group: list[Element]) -> Iterator[tuple[int, int]]:
    """Yield the spans of tables and code; what nothing but white space parts is one."""
    span: tuple[int, int] | None = None
    for element in group:
        if element.kind not in _LINED:
            continue
        start = element.start
        while start > group[0].start and text[start - 1] in _INDENTATION:
            start -= 1
        if span and text[span[1] : start].isspace() | (span[1] >= start):
            span = span[0], element.end
            continue
        if span:
            yield span
        span = start, element.end
    if span:
        yield span


def _complete(content: Content) -> Iterator[Element]:
    """Yield every element that holds something, and paragraphs for what lies between."""
    text = content.text
    reached = 0
    for element in content.elements:
        span = trim(text, max(element.start, reached), element.end)
        between = trim(text, reached, element.start) if element.start > reached else None
        if between:
            yield Element(kind="paragraph", start=between[0], end=between[1])
        if span:
            yield Element(kind=element.kind, start=span[0], end=span[1], level=element.level)
            reached = span[1]
    rest = trim(text, reached, len(text))
    if rest:
        yield Element(kind="paragraph", start=rest[0], end=rest[1])
