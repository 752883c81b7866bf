"""People are told of everything that counts, and of what could not be followed."""

import importlib
import sys
import textwrap

import pytest

from ragflow.incremental.code_report import CodeReport, Reason
from ragflow.incremental.task_code import code_fingerprint, code_report

TEXT = '''
import importlib
import json
import own_settings
from dataclasses import dataclass
from functools import lru_cache
from ragflow import task
from ragflow.tasks import chunk

LIMIT = 3
WORDS = ["a long text that nobody wants to read to its end " * 9] * 9

@dataclass
class Rule:
    size: int = 3
    def cut(self, text):
        return text[: self.size]

RULE = Rule()

def clean(text, *, lower=True, lock=object()):
    return text.strip()[:LIMIT]

def made(mark):
    def marked(text):
        return text + mark
    return marked

mark = made("!")

@task
def shorten(text: str, *, name: str = "") -> str:
    """Make it short."""
    asked = getattr(own_settings, name)
    importlib.import_module(name)
    chunk(text)
    return json.dumps([clean(text), mark(text), RULE.cut(text), WORDS, own_settings.SIZE, asked])
'''


@pytest.fixture
def report(tmp_path, monkeypatch) -> CodeReport:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_reported.py").write_text(textwrap.dedent(TEXT), encoding="utf-8")
    (tmp_path / "own_settings.py").write_text("SIZE = 7\n", encoding="utf-8")
    for name in ("own_reported", "own_settings"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    importlib.invalidate_caches()
    task = importlib.import_module("own_reported").shorten
    found = code_report(task.function)
    assert found.fingerprint == code_fingerprint(task.function)
    for name in ("own_reported", "own_settings"):
        monkeypatch.delitem(sys.modules, name)
    return found


def test_all_that_counts_is_named_by_how_it_was_come_by(report):
    found = {each.path: each for each in report.counted}
    assert found["shorten"].kind == "function"
    assert found["shorten"].place[0].endswith("own_reported.py")
    assert found["shorten"].place[1] == TEXT.splitlines().index("@task") + 1
    assert found["shorten -> clean"].kind == "function"
    assert found["shorten -> clean -> LIMIT"].shown == "3"
    assert found["shorten -> clean -> default lower"].shown == "True"
    assert found["shorten -> mark -> mark"].shown == "'!'"
    assert found["shorten -> RULE"].kind == "instance"
    assert found["shorten -> RULE.size"].shown == "3"
    assert found["shorten -> RULE -> Rule"].place[1] == TEXT.splitlines().index("class Rule:") + 1
    assert found["shorten -> RULE -> Rule.cut"].kind == "function"
    assert found["shorten -> own_settings.SIZE"].shown == "7"
    assert found["shorten -> chunk"].kind == "version"


def test_values_are_abridged(report):
    assert all(len(each.shown) <= 300 for each in report.counted)


def test_what_could_not_be_followed_is_named_with_its_reason(report):
    found = {(each.name, each.reason) for each in report.missed}
    assert ("json.dumps", Reason.INSTALLED) in found
    assert ("getattr(own_settings, name)", Reason.DYNAMIC) in found
    assert ("importlib.import_module(name)", Reason.DYNAMIC) in found
    assert ("getattr", Reason.BUILT_IN) in found
    assert ("an object", Reason.BY_TYPE) in found
    assert {each.path for each in report.missed if each.name == "an object"} == {
        "shorten -> clean -> default lock"
    }


def test_a_thing_is_missed_once(report):
    assert len({(each.name, each.reason) for each in report.missed}) == len(report.missed)


def test_a_version_is_all_there_is_to_say():
    from ragflow.tasks import chunk

    report = code_report(chunk.function, "7")
    assert [(each.kind, each.path) for each in report.counted] == [("version", "chunk")]
    assert report.missed == []


API_KEY = "sk-0123456789"
SERVICE = {"url": "http://localhost", "password": "correct horse"}
TOKEN_LIMIT = 512


def ask() -> object:
    return API_KEY, SERVICE, TOKEN_LIMIT


def test_a_text_whose_name_says_that_it_is_secret_counts_and_is_not_shown(monkeypatch):
    report = code_report(ask)
    shown = {each.path: each.shown for each in report.counted}
    assert "sk-0123456789" not in str(shown)
    assert "correct horse" not in str(shown)
    assert shown["ask -> TOKEN_LIMIT"] == "512"
    monkeypatch.setitem(globals(), "API_KEY", "sk-9876543210")
    assert code_fingerprint(ask) != report.fingerprint
