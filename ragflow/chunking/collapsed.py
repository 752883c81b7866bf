"""What of a text is embedded, and where does each of its characters stand in the text?"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Sequence

_WORD = re.compile(r"\S+")


class Collapsed:
    """A stretch of a text as a model reads it: white space of prose is one blank.

    Tables and code are as they are; a line end stands between them and prose. So neither where
    prose is wrapped nor how far its paragraphs are apart can be seen in it.
    """

    def __init__(self, text: str, start: int, end: int, lined: Sequence[tuple[int, int]]) -> None:
        """Collapse ``text[start:end]``; `lined` are the spans of tables and code in it, in order.

        The stretch neither begins nor ends with white space, and no two of `lined` touch.
        """
        self._source = text
        self._start = start
        self._end = end
        #: Where the tables and code stand in `text`.
        self.lined: list[tuple[int, int]] = []
        parts: list[str] = []
        length = 0
        reached = start
        for first, last in lined:
            before = " ".join(text[reached:first].split())
            if before:
                # Only what is set off by white space is set off here: no word is made or divided.
                before += "\n" if text[first - 1].isspace() else ""
            after = "\n" if text[last : last + 1].isspace() and last < end else ""
            length += len(before)
            self.lined.append((length, length + last - first))
            parts += (before, text[first:last], after)
            length += last - first + len(after)
            reached = last
        parts.append(" ".join(text[reached:end].split()))
        #: The string that is embedded when the stretch is one chunk.
        self.text = "".join(parts) if len(parts) > 1 else parts[0]
        # Both have the same words, each at its place; found when first needed.
        self._places: tuple[array[int], array[int]] | None = None

    def words(self) -> Sequence[int]:
        """Return where the words of `text` begin."""
        return self._both()[0]

    def source(self, start: int, end: int) -> tuple[int, int]:
        """Return the span in the source of a span of `text` without white space at its ends."""
        if start == 0 and end == len(self.text):
            return self._start, self._end
        return self._back(start), self._back(end - 1) + 1

    def place(self, position: int) -> int:
        """Return where the first word at or after a `position` of the source is in `text`."""
        here, there = self._both()
        found = _WORD.search(self._source, position, self._end)
        if found is None:
            return len(self.text)
        word = bisect_right(there, found.start()) - 1
        return here[word] + found.start() - there[word]

    def _back(self, position: int) -> int:
        here, there = self._both()
        word = bisect_right(here, position) - 1
        return there[word] + position - here[word]

    def _both(self) -> tuple["array[int]", "array[int]"]:
        if self._places is None:
            self._places = (
                array("Q", [match.start() for match in _WORD.finditer(self.text)]),
                array(
                    "Q",
                    [m.start() for m in _WORD.finditer(self._source, self._start, self._end)],
                ),
            )
        return self._places
