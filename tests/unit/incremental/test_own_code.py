"""What is own code: written here, not installed."""

import functools
import importlib
import json
import sys
from pathlib import Path

import pytest

from ragflow import tasks
from ragflow.incremental.own_code import is_own, is_own_module


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder with own code and, inside it, an environment with installed code."""
    installed = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    (installed / "theirs").mkdir(parents=True)
    (installed / "theirs" / "__init__.py").write_text(
        "import functools\n"
        "def wrapped(function):\n"
        "    @functools.wraps(function)\n"
        "    def wrapper(*args):\n        return function(*args)\n"
        "    return wrapper\n"
    )
    (tmp_path / "ours" / "inner").mkdir(parents=True)
    (tmp_path / "ours" / "__init__.py").write_text("from theirs import wrapped\n")
    (tmp_path / "ours" / "inner" / "deep.py").write_text("def clean(text):\n    return text\n")
    (tmp_path / "spread" / "part").mkdir(parents=True)
    (tmp_path / "spread" / "part" / "deep.py").write_text("SIZE = 3\n")
    for place in (tmp_path, installed):
        monkeypatch.syspath_prepend(str(place))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    importlib.invalidate_caches()
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        ("ours", True),
        ("ours.inner.deep", True),
        ("spread", True),  # a folder without `__init__`
        ("spread.part.deep", True),
        ("theirs", False),
        ("json", False),
        ("json.decoder", False),
        ("sys", False),
        ("msgspec", False),
        ("ragflow.tasks", False),
        ("builtins", False),
        ("__main__", True),
        (None, False),
    ],
)
@pytest.mark.parametrize("is_imported", [True, False])
def test_a_module_is_own_where_it_is_not_installed(project, name, is_ours, is_imported):
    if is_imported and name is not None:
        importlib.import_module(name)
    assert is_own_module(name) == is_ours


def test_a_package_that_is_installed_as_editable_is_own(tmp_path: Path, monkeypatch):
    """Its files are edited where they lie, and no version tells."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "edited.py").write_text("SIZE = 3\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "elsewhere")])  # as a .pth does
    assert is_own_module("edited")


def test_a_function_is_whose_its_code_is_whatever_it_wraps(project):
    ours = importlib.import_module("ours")
    deep = importlib.import_module("ours.inner.deep")
    wrapped = ours.wrapped(deep.clean)
    assert wrapped.__module__ == "ours.inner.deep"
    assert not is_own(wrapped)
    assert is_own(deep.clean)
    assert not is_own(json.loads)
    assert not is_own(functools.partial)
    assert not is_own(tasks.parent_folder)
