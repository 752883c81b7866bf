"""Why does a listing of files not have a key? For people; asks the names, as a listing does."""

# Names are bytes here, which no `Path` can hold.
# ruff: noqa: PTH112, PTH114

import os
import stat

from ragflow.sources.files.keys import spell, unspell
from ragflow.sources.files.patterns import Ignoring
from ragflow.sources.files.selection import (
    ENVIRONMENT_FILE,
    IGNORE_FILE,
    LEFT_OUT_FOLDERS,
    Selection,
    text_of,
)
from ragflow.sources.files.walking import Walk


def why_not_listed(root: bytes, selection: Selection, walk: Walk, key: str) -> str | None:
    """Return in words why a file is not listed, as what follows "it"; None where it is.

    Raises `OSError` and `SourceError` where it cannot be looked at.
    """
    try:
        path = unspell(key)
    except ValueError:
        return "is no key of a file: keys are paths relative to the folder, with slashes"
    folders = path.split(b"/")[:-1]
    ignoring: Ignoring | None = None
    for depth in range(len(folders) + 1):
        here = b"".join(name + b"/" for name in folders[:depth])
        why = _not_entered(root, selection, walk, here, ignoring)
        if why is not None:
            return why
        if os.path.lexists(root + b"/" + here + IGNORE_FILE):
            ignoring = Ignoring(walk.patterns(here), len(text_of(here)), ignoring)
    return _not_taken(root, selection, walk, path, ignoring)


def _not_entered(
    root: bytes, selection: Selection, walk: Walk, folder: bytes, ignoring: Ignoring | None
) -> str | None:
    if not folder:
        return None
    shown, name = repr(spell(folder)), folder[:-1].rpartition(b"/")[2]
    place = root + b"/" + folder[:-1]
    if not os.path.lexists(place):
        return f"is not there: there is no folder {shown}"
    if not os.path.isdir(place):
        return f"is not there: {shown} is no folder"
    if os.path.islink(place) and selection.symlinks != "follow":
        return f'lies behind {shown}, a symbolic link to a folder (symlinks = "follow" enters it)'
    if name in LEFT_OUT_FOLDERS:
        return f"lies in {shown}, a folder that never holds documents"
    if not selection.names_folder(name):
        return f"lies in {shown}, which is hidden (hidden = true lists it)"
    if walk.leaves_out(folder[:-1]):
        return f"lies in {shown}, which is ragflow's own"
    if not selection.enters(folder, ignoring):
        return _dropped(selection, folder, ignoring)
    if os.path.lexists(place + b"/" + ENVIRONMENT_FILE):
        return f"lies in {shown}, a virtual environment"
    return None


def _not_taken(
    root: bytes, selection: Selection, walk: Walk, path: bytes, ignoring: Ignoring | None
) -> str | None:
    name, place = path.rpartition(b"/")[2], root + b"/" + path
    try:
        found = os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return "is not there: the folder has no such file"
    if stat.S_ISDIR(found.st_mode):
        return "is a folder, not a file"
    if not selection.hidden and name.startswith(b"."):
        return "is hidden (hidden = true lists it)"
    if not selection.names_file(name):
        return "is a file that systems and editors leave beside documents"
    if walk.leaves_out(path):
        return "is ragflow's own"
    if selection.include is not None and not selection.include.verdict(text_of(path)):
        return "is not named by include"
    if not selection.takes(path, ignoring):
        return _dropped(selection, path, ignoring)
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISLNK(found.st_mode):
        return "is no regular file"
    return None


def _dropped(selection: Selection, path: bytes, ignoring: Ignoring | None) -> str:
    text = text_of(path)
    what = f"lies in {spell(path)!r}, which is" if path.endswith(b"/") else "is"
    if selection.exclude is not None and selection.exclude.verdict(text):
        return f"{what} left out by exclude"
    level = ignoring
    while level is not None:
        if level.patterns.verdict(text[level.start :]):
            where = text[: level.start].encode("utf-8", "surrogateescape") + IGNORE_FILE
            return f"{what} left out by {spell(where)!r}"
        level = level.above
    return f"{what} left out by a pattern"
