from tests.unit.parsing.samples import kinds, outcome, read, texts

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
