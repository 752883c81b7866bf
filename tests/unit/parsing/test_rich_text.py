import pytest

from ragflow.parsing import rich_text
from tests.unit.parsing.samples import kinds, outcome, outcomes_elsewhere, read, texts

RTF = "application/rtf"


def test_paragraphs_and_letters_beyond_ascii():
    data = rb"{\rtf1\ansi\ansicpg1251 {\b Bold} one.\par caf\u233? \'ef\'f0\'e8\par}"
    assert texts(read(data, RTF)) == ["Bold one.", "café при"]


def test_rows_of_cells_are_a_table():
    row = rb"\trowd\cellx1\cellx2 %b\cell %b\cell\row "
    data = rb"{\rtf1 before\par " + row % (b"a", b"b") + row % (b"c", b"d") + rb"\pard after}"
    content = read(data, RTF)
    assert kinds(content) == [("paragraph", 0), ("table", 0), ("paragraph", 0)]
    assert content.elements[1].cells == (("a", "b"), ("c", "d"))


def test_pictures_are_never_looked_at(monkeypatch):
    seen = []
    import ragflow.parsing.rich_text as module

    plain = module.rtf_to_text
    monkeypatch.setattr(
        module, "rtf_to_text", lambda text, **how: seen.append(len(text)) or plain(text, **how)
    )
    lines = b"\r\n".join([b"0123456789abcdef" * 8] * 10_000)
    for picture in (lines, lines.replace(b"\r\n", b"")):
        content = read(rb"{\rtf1 one {\pict\pngblip " + picture + b"} two}", RTF)
        assert content.text.split() == ["one", "two"]
    assert max(seen) < 200


def test_a_digest_in_the_text_is_no_picture():
    digest = "0123456789abcdef" * 8
    assert read(rb"{\rtf1 " + digest.encode() + b"}", RTF).text == digest


def test_what_is_cut_off_or_nested_without_end_ends_by_itself():
    assert outcome(rb"{\rtf1 words " + b"{" * 100_000, RTF) == "content"
    assert outcome(rb"{\rtf1 \bin99999999 ab", RTF) in ("content", "no_text")
    assert outcome(rb"{\rtf1 }", RTF) == "no_text"


def test_a_link_says_where_it_leads():
    link = rb'{\rtf1 a {\field{\*\fldinst{HYPERLINK "http://x"}}{\fldrslt%b}} b}'
    for shown in (b" link", rb" {\ul link}", b"\r\n link"):
        found = read(link % shown, RTF).text
        assert " ".join(found.split()) == 'a link("http://x") b'


def test_fonts_keep_their_character_sets():
    fonts = rb"{\fonttbl{\f0\fnil Arial;}{\f1\fcharset204 Times \{x\};}{\f2\fcharset161 G;}}"
    data = rb"{\rtf1\ansi\deff0" + fonts + rb"\f1 \'ef\f2 \'e1\f0 \'e4\par}"
    assert read(data, RTF).text == "пαä"


def test_a_path_that_is_called_as_a_picture_is_none():
    data = rb"{\rtf1 C:\\pictures C:\\bin {\pict\bin3 }}}} end}"
    assert " ".join(read(data, RTF).text.split()) == r"C:\pictures C:\bin end"


def test_patterns_made_to_be_tried_in_every_way_are_tried_once():
    link = rb"{\rtf1 {\field{\*\fldinst{" + b'HYPERLINK "' * 64 + b'"}}{' * 64 + b" " * 64 + b"x"
    fonts = rb"\f1\fcharset1 " * 200
    begun = rb"{\field{\*\fldinst{"
    cut = rb"{\field{\*\fldinst\pict}{"
    found = outcomes_elsewhere(
        (link, RTF),
        (rb"{\rtf1{\fonttbl" + fonts + b"}x}", RTF),
        (rb"{\rtf1{\fonttbl" + rb"{\f1\fcharset1}" * 20_000 + b"}x}", RTF),
        (rb"{\rtf1{\fonttbl" + rb"\f1 " * 100_000 + b"}x}", RTF),
        (rb"{\rtf1{" + fonts + rb"\fonttbl}x}", RTF),
        (rb"{\rtf1 x " + begun * 100_000, RTF),
        (rb"{\rtf1 x \bin0 " + cut * 60_000, RTF),
        (rb"{\rtf1 x " + b'{\\field{\\*\\fldinst{HYPERLINK "a"}}{' * 20_000, RTF),
        (rb"{\rtf1 x " + ((b"a" * 999 + b"\n") * 3 + b"z") * 3_000, RTF),
    )
    assert set(found) <= {"content", "no_text"}


@pytest.mark.parametrize("limit", ["_MOST_BYTES", "_MOST_WITH_PICTURES"])
def test_a_document_beyond_a_limit_is_too_large(limit, monkeypatch):
    monkeypatch.setattr(rich_text, limit, 10)
    monkeypatch.setattr(rich_text, "rtf_to_text", None)
    assert outcome(rb"{\rtf1 words}", RTF) == "too_large"
