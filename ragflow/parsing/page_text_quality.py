"""Does the text layer of a page say what is printed on it?"""

import re
import unicodedata
from collections.abc import Iterable

from ragflow.parsing.pdf_lines import Line

#: Text of which more than this part has no meaning is none; of which more than the other part
#: has none is doubtful.
_MOSTLY_MEANINGLESS = 0.3
_PARTLY_MEANINGLESS = 0.05
#: Whether words can be spoken shows in so many letters, and where less of them are vowels than in
#: any language that is written with these letters they are another alphabet's numbers.
_ENOUGH = 100
_FEWEST_VOWELS = 0.2
_VOWELS = "aeiouyäöüæøœı"
#: A page with fewer letters has little to lose. One that is mostly picture and has fewer than
#: the other may have no more than a stamp, or the line that a fax machine prints.
FEW_LETTERS = 40
LITTLE_TEXT = 200
#: What recognition reads of a page whose text is doubtful counts if it has so large a part of
#: its letters.
_AS_MUCH = 0.5

#: Line ends and tabs stand between words.
_MEANINGLESS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd]")
_LATIN = re.compile(r"[a-zäöüæøœı]")


def has_meaning(lines: Iterable[Line]) -> bool:
    """Say whether the text can be anything but numbers of shapes that only a printer knows."""
    text = "".join(line.text for line in lines)
    return _meaningless(text) <= _MOSTLY_MEANINGLESS * len(text)


def is_doubtful(lines: Iterable[Line]) -> bool:
    """Say whether the text may be wrong, so that recognizing the page is worth a try.

    It is where characters without meaning stand between others, or where words of Latin letters
    have nearly no vowels, as they do where a font names its shapes by other letters.
    """
    text = "".join(line.text for line in lines)
    return _is_odd(text)


def is_better(read: str, text: str) -> bool:
    """Say whether what was recognized of a page is to be taken for its text."""
    least = letters(text)
    if least < FEW_LETTERS:
        return bool(read.strip())
    if _is_odd(read):
        return False
    if least >= LITTLE_TEXT or _is_odd(text):
        return letters(read) >= _AS_MUCH * least
    # Nothing is known against the text but that there may be more on the page.
    return letters(read) >= least and sorted(read.split()) != sorted(text.split())


def letters(text: str) -> int:
    """Return how many letters and digits there are in a text."""
    return sum(map(str.isalnum, text))


def _is_odd(text: str) -> bool:
    if _meaningless(text) > _PARTLY_MEANINGLESS * len(text):
        return True
    latin = _LATIN.findall(unicodedata.normalize("NFD", text).casefold())
    return len(latin) >= _ENOUGH and sum(
        latin.count(vowel) for vowel in _VOWELS
    ) < _FEWEST_VOWELS * len(latin)


def _meaningless(text: str) -> int:
    return len(_MEANINGLESS.findall(text))
