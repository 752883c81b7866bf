import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.errors import SkipDocument
from ragflow.parsing.decoding import cleaned
from tests.unit.parsing.samples import kinds, read, texts


def test_blank_lines_part_paragraphs():
    content = read("One\ntwo.\n\n  Three \n \t\n\n\nfour\n", "text/plain")
    assert texts(content) == ["One\ntwo.", "Three", "four"]
    assert kinds(content) == [("paragraph", 0)] * 3
    assert content.text == "One\ntwo.\n\n  Three \n \t\n\n\nfour\n"


def test_line_ends_are_line_feeds():
    assert read("a\r\nb\r\rc", "text/plain").text == "a\nb\n\nc"


def test_source_code_is_code():
    assert kinds(read("def f():\n    pass\n", "text/x-python")) == [("code", 0)]


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [("text/csv", "table"), ("application/yaml", "code"), ("application/json", "code")],
)
def test_where_line_ends_mean_something_it_is_no_prose(media_type, kind):
    assert kinds(read("a: 1\nb: 2\n", media_type)) == [(kind, 0)]


@pytest.mark.parametrize("text", [" ", "\n\n", "\ufeff", "\0\0", "\u2003\t"])
def test_white_space_alone_is_empty(text):
    with pytest.raises(SkipDocument) as skipped:
        read(text, "text/plain")
    assert skipped.value.code == "empty"


def test_a_bad_byte_is_noted():
    assert read("größer, später, früher".encode() + b"\xff", "text/plain").notes


def test_reading_a_plain_text_imports_no_library_for_other_formats():
    code = """
import sys
from ragflow.documents import Document
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.reading import parse
parse(Document.of(b"hello", "text/plain"), ParseOptions())
heavy = {"PIL", "bs4", "charset_normalizer", "lxml", "markdown_it", "numpy", "pypdf", "pypdfium2"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# Text with as many NULs as letters is UTF-16, and rightly so.
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=300))
def test_every_text_keeps_its_characters_and_its_paragraphs_cover_it(text):
    if not cleaned(text).strip():
        return
    content = read(text, "text/plain")
    assert content.text == cleaned(text)
    assert not any("\n\n" in paragraph for paragraph in texts(content))


@given(st.lists(st.sampled_from(["word", " ", "\n", "\t", "\u2003", "\f", "\x1c"]), max_size=40))
def test_white_space_of_every_kind_parts_or_is_trimmed(pieces):
    text = "".join(pieces)
    if text.strip():
        content = read(text, "text/plain")
        assert all(paragraph == paragraph.strip() for paragraph in texts(content))
