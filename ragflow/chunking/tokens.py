"""How long is a stretch of text, in tokens of the model that will read it?"""

from array import array
from bisect import bisect_left
from itertools import islice
from operator import sub

from ragflow.errors import ParameterError
from ragflow.interfaces.ingestion import Tokenizer

#: Characters that one token may stand for, at most, in a chunk. Text has four or five, a table
#: padded with blanks ten; more is no text, and must not make a chunk without bounds.
REACH = 64
#: Below this, one character (four bytes of UTF-8, say) could have more tokens than a chunk.
SMALLEST = 8
#: Where every tokenizer parts words that parts any.
_BLANKS = " \n\t\r"
#: Characters tokenized at once: a tokenizer takes 200 bytes and more for each.
_BLOCK = 1 << 16


def room(tokenizer: Tokenizer, size: int) -> int:
    """Return the tokens a chunk may have: `size`, or with 0 as many as the model reads.

    Raises `ParameterError` for a size that is too small, that the model would not read
    whole, or that is needed because the tokenizer states no limit.
    """
    most = tokenizer.limit - tokenizer.special if tokenizer.limit else None
    if size == 0:
        if most is None:
            raise ParameterError(
                "a size is needed: this tokenizer states no limit", hint="give `size` in tokens"
            )
        return most
    if size < SMALLEST:
        raise ParameterError(f"size {size} is below {SMALLEST} tokens", hint="give a larger one")
    if most is not None and size > most:
        raise ParameterError(
            f"size {size} is more than the {most} tokens the model reads of a text",
            hint=f"give at most {most}, or 0 for as much as the model reads",
        )
    return size


def fits(text: str, *, tokenizer: Tokenizer, size: int) -> bool:
    """Tell whether a text has at most `size` tokens, exactly as the model will see it."""
    return len(text) <= REACH * size and tokenizer.count(text) <= size


class Ruler:
    """The tokens of one long text, found once, to look up how many lie between two places.

    Looking up is an estimate: a slice may have a few tokens more or fewer than the text
    around it shows, so what is cut is counted by itself; but where tokens are those of words,
    and the slice is of whole words, it has as many alone.
    """

    def __init__(self, text: str, *, tokenizer: Tokenizer) -> None:
        self._text = text
        self._tokenizer = tokenizer
        self._end = len(text)
        marks = array("Q")
        start = 0
        while start < len(text):
            stop = _block_end(text, start)
            marks.extend(start + first for first, _ in tokenizer.spans(text[start:stop]))
            start = stop
        #: The tokens of the text as a whole, unless it was tokenized in several blocks.
        self._whole = len(marks) if len(text) <= _BLOCK else None
        #: Where tokens begin, in order, and a place every `REACH` characters without any.
        self.marks = _without_gaps(marks, len(text))

    def tokens(self, start: int, end: int) -> int:
        """Return how many tokens begin in a span."""
        return bisect_left(self.marks, end) - bisect_left(self.marks, start)

    def fits(self, start: int, end: int, size: int) -> bool:
        """Tell whether a span has at most `size` tokens, exactly as the model will see it."""
        if end - start > REACH * size:
            return False
        if (start, end) == (0, self._end):
            whole = self._tokenizer.count(self._text) if self._whole is None else self._whole
            return whole <= size
        if self.tokens(start, end) > size:
            return False
        return self._is_of_words(start, end) or self._tokenizer.count(self._text[start:end]) <= size

    def _is_of_words(self, start: int, end: int) -> bool:
        return (
            self._tokenizer.by_words
            and (start == 0 or self._text[start - 1] in _BLANKS)
            and (end == self._end or self._text[end] in _BLANKS)
        )

    def after(self, start: int, tokens: int) -> int:
        """Return the place so many tokens after `start`, the end where there are fewer."""
        place = bisect_left(self.marks, start) + tokens
        return self.marks[place] if place < len(self.marks) else self._end

    def before(self, end: int, tokens: int) -> int:
        """Return the place so many tokens before `end`, 0 where there are fewer."""
        place = bisect_left(self.marks, end) - tokens
        if place >= len(self.marks):
            return end
        return min(self.marks[place], end) if place >= 0 else 0


def _without_gaps(marks: "array[int]", end: int) -> "array[int]":
    """Return the marks with others every `REACH` characters where they are further apart."""
    if not marks or marks[0] > REACH:
        marks = array("Q", [0]) + marks
    if max(map(sub, islice(marks, 1, None), marks), default=0) <= REACH >= end - marks[-1]:
        return marks
    filled = array("Q")
    for first, following in zip(marks, [*islice(marks, 1, None), end], strict=True):
        filled.extend(range(first, max(following, first + 1), REACH))
    return filled


def _block_end(text: str, start: int) -> int:
    stop = start + _BLOCK
    if stop >= len(text):
        return len(text)
    while stop > start and not text[stop - 1].isspace():
        stop -= 1
    return stop if stop > start else start + _BLOCK
