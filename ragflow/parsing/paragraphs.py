"""Where are the paragraphs of a text, and how do printed lines become one?"""

import re
from collections.abc import Iterator, Sequence

_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")


def paragraph_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each paragraph: text without blank lines and without margins.

    What lies before, between and after the spans is white space.
    """
    start = len(text) - len(text.lstrip())
    for blank in _BLANK_LINES.finditer(text, start):
        if blank.end() == len(text):
            break
        yield start, trimmed_end(text, start, blank.start())
        start = blank.end()
    end = trimmed_end(text, start, len(text))
    if end > start:
        yield start, end


def trimmed_end(text: str, start: int, end: int) -> int:
    """Return `end` moved back over white space, to `start` at most."""
    while end > start and text[end - 1].isspace():
        end -= 1
    return end


def joined(lines: Sequence[str]) -> str:
    """Return printed lines as one text, with words that were divided at a line's end made whole.

    A hyphen is taken for a division where a small letter follows it, else it stays.
    """
    text = lines[0] if lines else ""
    for line in lines[1:]:
        if text.endswith("-") and text[-2:-1].isalpha() and line[:1].islower():
            text = text[:-1] + line
        else:
            text += "\n" + line
    return text
