"""How long is a stretch of text, in tokens of the model that will read it?"""

from array import array
from bisect import bisect_left

from ragflow.errors import ParameterError
from ragflow.interfaces.ingestion import Tokenizer

#: Characters that one token may stand for, at most, in a chunk. Text has four or five, a table
#: padded with blanks ten; more is no text, and must not make a chunk without bounds.
REACH = 64
#: Below this, one character (four bytes of UTF-8, say) could have more tokens than a chunk.
SMALLEST = 8
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


def fits(text: str, start: int, end: int, *, tokenizer: Tokenizer, size: int) -> bool:
    """Tell whether a slice has at most `size` tokens, exactly as the model will see it."""
    return end - start <= REACH * size and tokenizer.count(text[start:end]) <= size


class Ruler:
    """The tokens of one long stretch, found once, to look up where `n` of them end.

    Looking up is an estimate: a slice may have a few tokens more or fewer than the text
    around it shows, so what is cut is counted by itself with `excess`.
    """

    def __init__(self, text: str, start: int, end: int, *, tokenizer: Tokenizer, size: int) -> None:
        self._text = text
        self._end = end
        self._tokenizer = tokenizer
        #: The most tokens a slice may have.
        self.size = size
        self._starts = array("Q")
        while start < end:
            stop = _block_end(text, start, end)
            spans = tokenizer.spans(text[start:stop])
            self._starts.extend(start + first for first, _ in spans)
            start = stop

    def reach(self, start: int, tokens: int) -> int:
        """Return one past the last character within `tokens` tokens of `start`.

        More than `start`, and never past the end of the stretch.
        """
        place = bisect_left(self._starts, start) + max(tokens, 1)
        found = self._starts[place] if place < len(self._starts) else self._end
        return max(min(found, self._end, start + REACH * self.size), start + 1)

    def before_end(self, tokens: int) -> int:
        """Return the last position that `tokens` tokens of the stretch follow, 0 if none."""
        if tokens == 0:
            return self._end
        return self._starts[-tokens] if tokens <= len(self._starts) else 0

    def excess(self, start: int, end: int) -> int:
        """Return by how many tokens a slice is too long, exactly; 0 or less if it fits.

        White space at its end is left out, as it will be from the chunk: with some
        tokenizers ``};`` alone has more tokens than with the line end after it.
        """
        return self._tokenizer.count(self._text[start:end].rstrip()) - self.size


def _block_end(text: str, start: int, end: int) -> int:
    stop = start + _BLOCK
    if stop >= end:
        return end
    while stop > start and not text[stop - 1].isspace():
        stop -= 1
    return stop if stop > start else start + _BLOCK
