"""How may a text that is no text throughout be given to a library?"""

import re

_LONE = re.compile("[\ud800-\udfff]")


def without_surrogates(text: str) -> str:
    """Return the text with each half of a surrogate pair replaced by U+FFFD, at its place.

    Python keeps them; what encodes text as UTF-8 refuses them.
    """
    return _LONE.sub("\ufffd", text)
