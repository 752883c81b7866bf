"""Is what a skipped document waits for there by now?"""

import importlib
import importlib.util
import shutil
import sys

from ragflow.parsing.tesseract import installed_languages


def satisfied(requirement: str) -> bool:
    """Say whether a requirement that `SkipDocument` named is met on this machine.

    ``program:NAME`` is met when the program is found, ``tesseract:LANGUAGE`` when Tesseract
    is and has the language, ``library:MODULE`` when the module can be imported. Secrets are kept
    nowhere, so nobody can say whether a password is another by now: ``password:another`` is
    always met, and the document is tried again in every run. One of another kind, which a task of
    the user's named, is met by nothing that can be known here.
    """
    kind, _, name = requirement.partition(":")
    if kind == "program" and name:
        return shutil.which(name) is not None
    if kind == "tesseract" and name:
        return name in installed_languages()
    if kind == "library" and name.isidentifier():
        return is_installed(name)
    return requirement == "password:another"


def is_installed(module: str) -> bool:
    """Say whether a module of that name is there, without importing it."""
    if module in sys.modules:
        return True
    # What was installed since the last look is found only after this.
    importlib.invalidate_caches()
    return importlib.util.find_spec(module) is not None
