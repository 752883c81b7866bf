"""What is a document called that an archive holds? Whatever the archive says, a relative path."""

import re
from hashlib import blake2b

_LONGEST, _LONGEST_PART = 1_000, 200
_DRIVE = re.compile(r"[A-Za-z]:")
#: Controls, line ends, and halves of pairs, which are no text.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def cleaned_name(stated: str) -> str:
    """Return the path that an archive means, with slashes, never absolute and never climbing."""
    parts = [
        _UNPRINTABLE.sub("_", part).strip()
        for part in stated[: 10 * _LONGEST].replace("\\", "/").split("/")
    ]
    if _DRIVE.fullmatch(parts[0]):
        del parts[0]
    # What ends with an exclamation mark would look like a document that holds the next.
    kept = [_short(part) for part in parts if part not in ("", ".", "..")]
    path = "/".join([*(re.sub("!$", "_", part) for part in kept[:-1]), *kept[-1:]])
    if len(path) > _LONGEST:
        path = f"{_digest(path)}/{kept[-1]}"
    return path or "unnamed"


class Names:
    """Gives every document of one archive a name of its own, the same each time."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}

    def give(self, stated: str) -> str:
        """Return a document's name; of several that are stated alike the later get a number."""
        name = free = cleaned_name(stated)
        folder, slash, last = name.rpartition("/")
        stem, dot, suffix = last.rpartition(".")
        while free in self._taken:
            number = self._numbers[name] = self._numbers.get(name, 1) + 1
            numbered = f"{stem} ({number}).{suffix}" if stem and dot else f"{last} ({number})"
            free = f"{folder}{slash}{numbered}"
        self._taken.add(free)
        return free


def _short(part: str) -> str:
    if len(part) <= _LONGEST_PART:
        return part
    stem, _, suffix = part.rpartition(".")
    ending = f".{suffix}" if stem and len(suffix) < 16 else ""
    return f"{part[: _LONGEST_PART - 24]}-{_digest(part)}{ending}"


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=6).hexdigest()
