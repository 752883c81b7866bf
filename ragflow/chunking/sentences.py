"""Where do sentences end?"""

import re

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


def last_sentence_end(text: str, low: int, high: int) -> int | None:
    """Return the last position in ``low <= position <= high`` where a sentence ends, or None.

    A stop counts if white space follows and it is not that of an abbreviation, an initial,
    or a number of a list; marks of Chinese and Japanese count wherever they are. Looks at
    the text around the position only, so an edit elsewhere does not move it.
    """
    for match in reversed(list(_STOP.finditer(text, low - 1, high + 1))):
        if low <= match.end() <= high and _ends(text, match):
            return match.end()
    return None


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
