"""A process that lives long runs what it imported, whatever became of the file since."""

import importlib
import linecache
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from ragflow.incremental import syntax
from ragflow.incremental.code_report import Kind
from ragflow.incremental.task_code import code_fingerprint, code_report

TEXT = '''
class Rule:
    size = 3

    def cut(self, text):
        return text[: self.size]


def clean(text, mark="a"):
    """Clean it."""
    return text + mark


def f(text: str) -> str:
    found = clean(text)
    return Rule().cut(found)


pair = (lambda text: text + "a", lambda text: text + "b")
'''


class Module:
    """A module whose file is edited while it stays as it was imported."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.loaded: ModuleType

    def write(self, text: str) -> None:
        before = self.file.stat().st_mtime if self.file.exists() else 0.0
        self.file.write_text(text, encoding="utf-8")
        # An editor is slower than the grain of the clock.
        os.utime(self.file, (before + 10, before + 10))

    def load(self) -> "Module":
        sys.modules.pop("own_edited", None)
        importlib.invalidate_caches()
        self.loaded = importlib.import_module("own_edited")
        return self

    @property
    def name(self) -> bytes:
        return code_fingerprint(self.loaded.f)

    @property
    def kinds(self) -> set[Kind]:
        return {each.kind for each in code_report(self.loaded.f).counted}


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(syntax, "_known", type(syntax._known)())
    monkeypatch.setattr(syntax, "_known_classes", type(syntax._known_classes)())
    linecache.clearcache()
    made = Module(tmp_path / "own_edited.py")
    made.write(TEXT)
    monkeypatch.setitem(sys.modules, "own_edited", made.load().loaded)
    return made


Edit = Callable[[str], str]
SEMANTIC: dict[str, Edit] = {
    "its body": lambda text: text.replace("clean(text)\n", "clean(text + text)\n"),
    "a helper": lambda text: text.replace("text + mark", "mark + text"),
    "a method": lambda text: text.replace("[: self.size]", "[self.size :]"),
}
COSMETIC: dict[str, Edit] = {
    "a comment above": lambda text: "# a comment\n" + text,
    "a local name": lambda text: text.replace("found", "result"),
    "a line below": lambda text: f"{text}\n\nOTHER = 3\n",
}


@pytest.mark.parametrize("edit", SEMANTIC.values(), ids=SEMANTIC)
def test_what_runs_is_never_given_the_name_of_what_was_written_since(module, edit):
    module.write(edit(TEXT))
    running = module.name
    assert module.load().name != running
    module.write(TEXT)
    assert module.load().name != running  # by its bytecode: another name, and no wrong one


@pytest.mark.parametrize("edit", SEMANTIC.values(), ids=SEMANTIC)
def test_what_was_named_before_the_edit_keeps_its_name(module, edit):
    before = module.name
    module.write(edit(TEXT))
    assert module.name == before
    assert module.load().name != before


@pytest.mark.parametrize("edit", SEMANTIC.values(), ids=SEMANTIC)
def test_only_a_function_that_was_edited_is_named_by_its_bytecode(module, edit):
    module.write(edit(TEXT))
    kinds = [each.kind for each in code_report(module.loaded.f).counted]
    assert kinds.count(Kind.BYTECODE) == 1
    assert kinds.count(Kind.FUNCTION) == 2


@pytest.mark.parametrize("edit", ["a comment above", "a line below"])
def test_lines_that_moved_since_are_found_again(module, edit):
    module.write(COSMETIC[edit](TEXT))
    moved = module.name
    assert Kind.BYTECODE not in module.kinds
    assert module.load().name == moved


def test_a_default_and_an_attribute_are_those_that_were_made(module):
    module.write(TEXT.replace('mark="a"', 'mark="b"').replace("size = 3", "size = 4"))
    running = module.name
    assert module.load().name != running
    module.write(TEXT)
    module.load()
    values = [each.value for each in code_report(module.loaded.f).counted]
    assert "a" in values
    assert 3 in values


def test_the_body_of_a_class_that_was_edited_is_not_read(module, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    text = TEXT.replace("    size = 3\n", "    size = 3\n    if size > 9: size = size\n")
    module.write(text)
    module.load()
    module.write(text.replace("> 9", "> 8"))
    running = module.name
    monkeypatch.setattr(syntax, "_known_classes", type(syntax._known_classes)())
    assert module.load().name != running
    assert Kind.BYTECODE not in module.kinds


def test_a_file_that_is_gone_leaves_the_bytecode(module):
    module.file.unlink()
    assert Kind.BYTECODE in module.kinds
    assert Kind.FUNCTION not in module.kinds


def test_a_file_that_no_longer_parses_leaves_the_bytecode(module):
    module.write("def f(:\n")
    assert Kind.BYTECODE in module.kinds


def test_bytecode_is_the_same_in_another_place(module):
    module.file.unlink()
    before = module.name
    module.write("# a comment\n\n" + TEXT)
    module.load()
    module.file.unlink()
    assert module.name == before


def test_lambdas_on_one_line_are_told_apart_when_they_moved(module):
    first, second = module.loaded.pair
    module.write("# a comment\n" + TEXT)
    assert code_fingerprint(first) != code_fingerprint(second)
    assert code_report(second).counted[0].kind is Kind.FUNCTION


def test_what_pytest_rewrote_is_named_as_it_runs():
    def checked(text: str) -> str:
        assert text
        return text

    def plain(text: str) -> str:
        return text

    assert code_report(checked).counted[0].kind is Kind.BYTECODE
    assert code_report(plain).counted[0].kind is Kind.FUNCTION
