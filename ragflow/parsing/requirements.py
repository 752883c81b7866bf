"""Is what a skipped document waits for there by now?"""

import shutil

from ragflow.parsing.tesseract import installed_languages


def satisfied(requirement: str) -> bool:
    """Say whether a requirement that `SkipDocument` named is met on this machine.

    ``program:NAME`` is met when the program is found, ``tesseract:LANGUAGE`` when Tesseract
    is and has the language. One of another kind, which a task of the user's named, is met by
    nothing that can be known here.
    """
    kind, _, name = requirement.partition(":")
    if kind == "program" and name:
        return shutil.which(name) is not None
    if kind == "tesseract" and name:
        return name in installed_languages()
    return False
