"""Does a hyphen at the end of a printed line belong to the word?"""

import re
from collections.abc import Iterable, Sequence

from ragflow.parsing.pdf_lines import Line

#: Both begin where a word does, so that a line of nothing but letters is looked at once.
_COMPOUND = re.compile(r"(?<![^\W\d_])[^\W\d_]+-[^\W\d_]+")
_LAST = re.compile(r"(?<![^\W\d_])[^\W\d_]+$")
_FIRST = re.compile(r"[^\W\d_]+")
_HYPHENS = "-\u00ad\u2010"
#: Before these a hyphen stands for the rest of a word that comes later: "pre- and post-war".
_BETWEEN = frozenset({"and", "or", "und", "oder", "bzw", "bis", "sowie", "et", "ou", "y", "o", "e"})


class Hyphens:
    """What a document shows of how it spells: the words it writes with a hyphen."""

    def __init__(self, lines: Iterable[Line]) -> None:
        """Take all lines, or all parts of lines, of the document."""
        self._compounds = {
            word.casefold()
            for line in lines
            if "-" in line.text
            for word in _COMPOUND.findall(line.text)
        }

    def glue(self, above: Line, below: Line, otherwise: str) -> tuple[str, str]:
        """Return the text of a line as another goes on from it, and what stands between both.

        A hyphen goes where a small letter follows, unless the document has that very word with
        a hyphen within a line.
        """
        text = above.text
        if not above.is_divided:
            if text[-1:] not in _HYPHENS or not text[-2:-1].isalpha():
                return text, otherwise
            text = text[:-1]
        last, first = _LAST.search(text), _FIRST.match(below.text)
        if first is None:
            return text + "-", "" if below.text[:1].isalnum() else otherwise
        if first[0] in _BETWEEN:
            return text + "-", otherwise
        whole = f"{last[0] if last else ''}-{first[0]}".casefold()
        if below.text[:1].islower() and whole not in self._compounds:
            return text, ""
        return text + "-", ""

    def joined(self, lines: Sequence[Line], between: str) -> str:
        """Return lines that follow one another as one text."""
        text = ""
        for place, line in enumerate(lines):
            below = lines[place + 1] if place + 1 < len(lines) else None
            text += "".join(self.glue(line, below, between)) if below else shown(line)
        return text


def shown(line: Line) -> str:
    """Return the text of a line as it is printed."""
    return line.text + "-" if line.is_divided else line.text
