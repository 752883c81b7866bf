"""What the tests of fingerprints may ask for."""

import importlib
import linecache
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from ragflow.incremental.task_code import code_fingerprint
from tests.unit.incremental.written import Prints


@pytest.fixture
def prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prints:
    """Return a function that writes modules, imports them afresh and names a task in one."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def prints(text: str, name: str = "shorten", **others: str) -> bytes:
        for module, source in {"own_tasks": text, **others}.items():
            (tmp_path / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
            sys.modules.pop(module, None)
        importlib.invalidate_caches()
        linecache.clearcache()
        task = getattr(importlib.import_module("own_tasks"), name)
        try:
            return code_fingerprint(getattr(task, "function", task), getattr(task, "version", None))
        finally:
            for module in [each for each in sys.modules if each.startswith("own_")]:
                del sys.modules[module]

    return prints


@pytest.fixture
def filled(prints: Prints, tmp_path: Path) -> Callable[[str, str], bytes]:
    """Return a function that names a task whose FILL, and what stands beside it, is a letter."""
    # A package without an `__init__`.
    folder = tmp_path / "own_folder"
    folder.mkdir()

    def filled(text: str, letter: str) -> bytes:
        inner = f"def clean(text):\n    return text + {letter!r}\n"
        (folder / "inner.py").write_text(inner, encoding="utf-8")
        helpers = f"SIZE = {letter!r}\nNESTED = {{'SIZE': {ord(letter)}}}\n"
        text = text.replace("FILL1", str(ord(letter))).replace("FILL", letter)
        return prints(text, "f", own_helpers=helpers)

    return filled
