"""Where do sentences end?"""

import re
from collections.abc import Iterator

_STOP = re.compile(
    r"""[.!?…]+["'’”»)\]]*(?=\s)"""
    # Chinese and Japanese leave no space after a sentence.
    r"""|[。！？｡]+[」』”’）》]*"""
)
_WORD_BEFORE = re.compile(r"[\w.]+$")
_ABBREVIATIONS = re.compile(
    r"al|approx|ca|cf|ch|co|dept|dr|eds?|eqs?|figs?|inc|jr|ltd|mrs?|ms|nos?|pp?|prof|refs?|resp"
    r"|sec|sr|st|tab|vol|vs",
    re.IGNORECASE,
)


def sentence_ends(text: str, start: int, end: int) -> Iterator[int]:
    """Yield the positions in ``start < position <= end`` where a sentence ends, in order.

    A stop counts if white space follows and it is not that of an abbreviation, an initial,
    or a number of a list; marks of Chinese and Japanese count wherever they are. Looks at
    the text around a position only, so an edit elsewhere does not move it.
    """
    for match in _STOP.finditer(text, start, min(end + 1, len(text))):
        if match.end() <= end and _ends(text, match):
            yield match.end()


def _ends(text: str, match: re.Match[str]) -> bool:
    if match.group() != ".":
        return True
    following = text[match.end() : match.end() + 8].lstrip()[:1]
    if following.islower():
        return False
    before = _WORD_BEFORE.search(text, max(0, match.start() - 16), match.start())
    if before is None:
        return True
    word = before.group()
    initial = len(word) == 1 and (word.isupper() or word.isdigit())
    return not (initial or "." in word.strip(".") or _ABBREVIATIONS.fullmatch(word))
