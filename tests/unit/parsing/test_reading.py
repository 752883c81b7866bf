import ast
import importlib
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ragflow.documents import Document
from ragflow.errors import ParseError, SkipDocument
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing import reading, reasons
from ragflow.parsing.reading import EXTRAS, LARGEST, PARSERS, parse
from ragflow.parsing.reasons import Reason
from ragflow.parsing.requirements import satisfied

ROOT = Path(__file__).resolve().parents[3]


def test_every_parser_in_the_table_says_it_reads_that_type():
    for media_type, place in PARSERS.items():
        module, _, name = place.partition(":")
        assert media_type in getattr(importlib.import_module(module), name).media_types


def test_every_type_a_parser_reads_reaches_it():
    for place in set(PARSERS.values()):
        module, _, name = place.partition(":")
        for media_type in getattr(importlib.import_module(module), name).media_types:
            assert type(reading._parser_for(media_type)).__name__ == name


@pytest.mark.parametrize(
    ("media_type", "words"),
    [
        ("application/msword", "a Word document of the old format"),
        ("application/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet"),
        ("application/mbox", "a mailbox"),
        ("application/vnd.rar", "a RAR archive"),
        ("audio/mpeg", "a sound file"),
        ("application/octet-stream", "a file of unknown kind"),
        ("application/x-new", "a document of the type 'application/x-new'"),
    ],
)
def test_a_type_without_a_parser_is_named_in_plain_words(media_type, words):
    with pytest.raises(SkipDocument) as skipped:
        parse(Document.of(b"x", media_type), ParseOptions())
    assert skipped.value.code == "unsupported_type"
    assert words in str(skipped.value)
    assert skipped.value.hint


@pytest.mark.parametrize(("place", "needed"), sorted(EXTRAS.items()))
def test_a_type_whose_library_is_missing_says_which_extra_brings_it(monkeypatch, place, needed):
    module, extra = needed
    (media_type,) = (of for of, at in PARSERS.items() if at == place)
    monkeypatch.setitem(EXTRAS, place, ("no_such_library", extra))
    with pytest.raises(SkipDocument) as skipped:
        parse(Document.of(b"x", media_type), ParseOptions())
    assert skipped.value.code == "library_missing"
    assert skipped.value.requirement == "library:no_such_library"
    assert skipped.value.hint == f"pip install 'ragflow[{extra}]'"
    assert "\n" not in str(skipped.value)
    # What it waits for is met where the library is.
    assert not satisfied(skipped.value.requirement)
    assert satisfied(f"library:{module}")


def test_every_extra_of_a_parser_is_one_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for _, extra in EXTRAS.values():
        assert extra in project["optional-dependencies"]


def test_no_parser_of_the_base_install_imports_an_extra():
    extras = {module for module, _ in EXTRAS.values()}
    places = [place.partition(":")[0] for place in PARSERS.values() if place not in EXTRAS]
    program = f"import {', '.join(places)}, sys; print(*sys.modules)"
    listed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert extras & set(listed.stdout.split()) == set()


def test_an_office_document_with_a_password_is_encrypted():
    with pytest.raises(SkipDocument) as skipped:
        parse(Document.of(b"x", "application/x-encrypted-office"), ParseOptions())
    assert skipped.value.code == "encrypted"


@pytest.mark.parametrize("media_type", sorted(PARSERS))
def test_a_file_without_bytes_is_empty(media_type):
    with pytest.raises(SkipDocument) as skipped:
        parse(Document.of(b"", media_type), ParseOptions())
    assert skipped.value.code == "empty"


def test_a_file_beyond_the_limit_is_never_read():
    def load():
        raise AssertionError("read")

    with pytest.raises(SkipDocument) as skipped:
        parse(Document("text/plain", b"", LARGEST + 1, load), ParseOptions())
    assert skipped.value.code == "too_large"


def test_bytes_that_cannot_be_had_are_no_damage():
    def load():
        raise PermissionError("locked")

    with pytest.raises(PermissionError):
        parse(Document("text/plain", b"", 1, load), ParseOptions())


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (ValueError("broken"), "damaged"),
        (OSError("broken"), "damaged"),
        (MemoryError(), "exhausted"),
        (RecursionError(), "exhausted"),
    ],
)
def test_whatever_a_library_raises_becomes_a_sentence(monkeypatch, raised, code):
    class Parser:
        media_types = ("text/plain",)

        def parse(self, document, options):
            raise raised

    monkeypatch.setattr(reading, "_parser_for", lambda media_type: Parser())
    with pytest.raises(ParseError) as unreadable:
        parse(Document.of(b"x", "text/plain"), ParseOptions())
    assert unreadable.value.code == code
    assert unreadable.value.__cause__ is raised
    assert type(raised).__name__ not in str(unreadable.value)


def test_an_unknown_kind_of_text_is_read_as_text():
    content = parse(Document.of(b"WEBVTT\n\nhello", "text/vtt"), ParseOptions())
    assert content.text == "WEBVTT\n\nhello"


def test_every_reason_says_what_it_means_and_is_used():
    lines = inspect.getsource(Reason).splitlines()
    used = {
        node.attr
        for path in Path(reasons.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }
    for reason in Reason:
        (line,) = (line for line in lines if f'"{reason.value}"' in line)
        assert "  #: " in line
        assert reason.name in used
