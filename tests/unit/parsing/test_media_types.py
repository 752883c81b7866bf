import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.parsing.descriptions import described
from ragflow.parsing.media_types import ENCRYPTED_OFFICE, HEAD, OCTETS, OLE, ZIP, media_type

OFFICE = "application/vnd.openxmlformats-officedocument."

MEMO = (
    "To: All staff\nFrom: The board\nDate: 3 May 2024\nRe: Closing of the Ulm plant\n"
    "Deadline: 30 June\n\nPlease see below.\n"
)
LONG_HEAD = (
    "Received: from a by b\n\tfor c\nX-A: 1\nX-A: 2\n" * 300 + "From: a@b\nTo: c@d\nSubject: e\n\nf"
)


def archive(*names: str, mimetype: str = "") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as entries:
        if mimetype:
            entries.writestr("mimetype", mimetype)
        for name in names:
            entries.writestr(name, "content", zipfile.ZIP_DEFLATED)
    return file.getvalue()


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"%PDF-1.4\n%\xe2\xe3", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"GIF89a\1\0\1\0", "image/gif"),
        (b"II*\0\x08\0\0\0", "image/tiff"),
        (b"MM\0*\0\0\0\x08", "image/tiff"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
        (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0", "image/bmp"),
        (b"\x1f\x8b\x08\0", "application/gzip"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "application/x-7z-compressed"),
        (b"a.txt" + b"\0" * 252 + b"ustar\x0000", "application/x-tar"),
        (b"{\\rtf1\\ansi hello}", "application/rtf"),
        (b"SQLite format 3\0\x10\0", "application/vnd.sqlite3"),
        (b"\x7fELF\2\1\1\0", "application/x-elf"),
        (b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0", "application/x-msdownload"),
        (b"\0\1\2\3" * 20, OCTETS),
    ],
)
def test_bytes_say_what_they_are_whatever_the_name_says(head, expected):
    assert media_type(head, "notes.txt") == expected
    assert media_type(head, "") == expected


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("# Hello", "README.md", "text/markdown"),
        ("# Hello", "README.MARKDOWN", "text/markdown"),
        ("# Hello", "README", "text/plain"),
        ("# Hello", "hello.unknown", "text/plain"),
        ("# Hello", ".md", "text/plain"),
        ("import os", "a/b.c/tool.py", "text/x-python"),
        ("import os", "a\\b.md\\tool", "text/plain"),
        ("a,b\n1,2", "table.csv", "text/csv"),
        ("BMW is not a bitmap", "cars.txt", "text/plain"),
        ("MZ is a county", "county.txt", "text/plain"),
        ("just words", "picture.png", "text/plain"),
        ("just words", "report.pdf", "text/plain"),
        ("<!doctype html><p>x", "page", "text/html"),
        ("  <!-- c --><HTML>", "page.txt", "text/html"),
        ("<div>part of a page</div>", "part", "text/html"),
        ("<div>part of a page</div>", "README.md", "text/markdown"),
        ("<p>not <b>closed", "page.htm", "text/html"),
        ("a < b and c > d", "formula.txt", "text/plain"),
        ('<?xml version="1.0"?><a/>', "data", "application/xml"),
        ('<?xml version="1.0"?>\n<!-- x --><html>', "data.xml", "text/html"),
        ("<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing", "image/svg+xml"),
        ("From: a@b\nSubject: c\n\nd", "mail.eml", "message/rfc822"),
        ("From: a@b\nTo: c@d\nSubject: e\n\nf", "mail", "message/rfc822"),
        ("Received: by x\r\n for y\r\nFrom: a@b\r\nX-Z: 1\r\n\r\nf", "m.txt", "message/rfc822"),
        ("From: a@b\nTo: c@d\nSubject: e\n\nf", "mail.md", "text/markdown"),
        ("To: me\nSubject: what to buy\nDate: today\n\nmilk", "list.txt", "text/plain"),
        ("Date: today\nFrom: home\nwe went\nto: the sea\nand back\n", "log.txt", "text/plain"),
        ("From: here on it is prose", "a.txt", "text/plain"),
        (MEMO, "memo.txt", "text/plain"),
        ("From: Ann\nTo: Bob\nDate: Monday\nNote: buy milk\n" * 2, "log.txt", "text/plain"),
        ("From: a@b\nTo: c\nSubject: d\nFrom: e@f\n\ng", "log.txt", "text/plain"),
        ("From: a@b\nTo: c@d\nSubject: e\n", "heads.txt", "text/plain"),
        ("From: the board\nTo: all\nReceived: 3 May\n\nx", "memo.txt", "text/plain"),
        ("From: Ann\n <a@b>\nTo: c@d\nSubject: e\n\nf", "mail", "message/rfc822"),
        ("Message-ID: <1@a>\nTo: c@d\nFrom: Ann\n\nf", "mail", "message/rfc822"),
        (LONG_HEAD, "mail", "message/rfc822"),
        ('{"a": 1}\n{"a": 2}\n', "data.json", "application/x-ndjson"),
        ('{"a": 1}\n{"a": 2}\n', "data.jsonl", "application/x-ndjson"),
        ('{"a":\n{"a": 2}}\n', "data.json", "application/json"),
        ('{"a": 1}', "data.json", "application/json"),
        ("[" * 5000 + "\n{", "data.json", "application/json"),
        ("", "empty.md", "text/markdown"),
    ],
)
def test_text_is_text_and_its_suffix_says_of_which_kind(text, name, expected):
    assert media_type(text.encode(), name) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "cp1251"])
def test_text_is_known_in_other_encodings(encoding):
    assert media_type("Ein Satz, Größe 3.\n".encode(encoding, "ignore"), "a.md") == "text/markdown"
    assert media_type("<!doctype html><p>x".encode(encoding), "a") == "text/html"


def test_a_character_cut_in_two_at_the_end_of_the_head_is_no_fault():
    head = ("ä" * HEAD).encode()[: HEAD - 1]
    assert media_type(head, "a.txt") == "text/plain"


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (archive("[Content_Types].xml", "word/document.xml"), "", "wordprocessingml.document"),
        (archive("[Content_Types].xml", "xl/workbook.xml"), "a.zip", "spreadsheetml.sheet"),
        (
            archive("ppt/presentation.xml", "xl/embedded.xml"),
            "",
            "presentationml.presentation",
        ),
        (archive("[Content_Types].xml", "_rels/.rels"), "a.docx", "wordprocessingml.document"),
    ],
)
def test_an_office_document_is_told_by_what_its_archive_holds(data, name, expected):
    assert media_type(data, name) == OFFICE + expected


def test_an_archive_that_states_its_type_is_believed():
    book = archive("META-INF/container.xml", mimetype="application/epub+zip")
    assert media_type(book, "") == "application/epub+zip"
    text = archive("content.xml", mimetype="application/vnd.oasis.opendocument.text")
    assert media_type(text, "a.zip") == "application/vnd.oasis.opendocument.text"


def test_any_other_archive_is_an_archive():
    assert media_type(archive("a.txt", "b/c.txt"), "a.docx") == ZIP
    assert media_type(b"PK\x05\x06" + b"\0" * 18, "empty.zip") == ZIP
    assert media_type(b"PK\x03\x04", "cut.zip") == ZIP


@pytest.mark.parametrize(
    ("stream", "name", "expected"),
    [
        ("WordDocument", "", "application/msword"),
        ("Workbook", "", "application/vnd.ms-excel"),
        ("__properties_version1.0", "", "application/vnd.ms-outlook"),
        ("EncryptedPackage", "a.docx", ENCRYPTED_OFFICE),
        ("unknown", "a.ppt", "application/vnd.ms-powerpoint"),
        ("unknown", "", OLE),
    ],
)
def test_an_old_office_document_is_told_by_its_streams(stream, name, expected):
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + stream.encode("utf-16-le")
    assert media_type(head, name) == expected


def test_a_pdf_may_begin_late_or_lack_its_header_when_it_is_named_so():
    assert media_type(b"\0\0junk%PDF-1.4\n\0", "a.pdf") == "application/pdf"
    assert media_type(b"1 0 obj <</Type/Catalog>>\0endobj", "a.pdf") == "application/pdf"
    assert media_type(b"# writes %PDF-1.4 headers", "pdf.py") == "text/x-python"


@given(st.binary(max_size=600), st.text(max_size=12))
def test_every_document_has_one_type_and_plain_words_for_it(head, name):
    found = media_type(head, name)
    assert found == media_type(head, name)
    assert found.count("/") == 1
    assert described(found)


@given(st.binary(max_size=300))
def test_folders_do_not_matter_and_nor_does_the_case_of_the_suffix(head):
    assert media_type(head, "notes.md") == media_type(head, "/home/x/notes.MD")
