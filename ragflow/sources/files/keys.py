r"""How is a file name, which is bytes, spelled as a key, which is text?

As the UTF-8 it is, a backslash doubled, and every byte that is no UTF-8 as ``\xNN``. So a key
is valid Unicode, two names never share one, and the name can be had back. A folder's name that
ends with an exclamation mark ends with ``\x21``, for ``!/`` stands between an archive and what
that holds. Nothing is
normalized: names that differ only in how an accent is composed are different files.
"""

import re

ESCAPE = re.compile(rb"\\(\\|x[0-9a-f]{2})")


def spell(name: bytes) -> str:
    """Return the key of a name or path."""
    if b"\\" in name:
        name = name.replace(b"\\", b"\\\\")
    return name.decode("utf-8", "backslashreplace").replace("!/", "\\x21/")


def unspell(key: str) -> bytes:
    """Return the relative path that is spelled so.

    Raises `ValueError` for what no listing gives: another spelling of a name, an absolute
    path, or one that climbs (``..``).
    """
    name = ESCAPE.sub(_byte, key.encode())
    if spell(name) != key or b"\0" in name or not _stays_below(name):
        raise ValueError(f"{key!r} is no key of a file")
    return name


def _byte(escape: re.Match[bytes]) -> bytes:
    return b"\\" if escape[1] == b"\\" else bytes.fromhex(escape[1][1:].decode())


def _stays_below(name: bytes) -> bool:
    return {b"", b".", b".."}.isdisjoint(name.split(b"/"))
