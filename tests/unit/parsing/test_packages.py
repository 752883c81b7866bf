import io
import zipfile
import zlib

import pytest

from ragflow.errors import ParseError, SkipDocument
from ragflow.parsing import packages
from ragflow.parsing.packages import MOST_MARKUP, Package, root_of
from tests.unit.parsing.packed import (
    EPUB,
    OPEN_TEXT,
    SLIDES,
    WORD,
    WORKBOOK,
    epub,
    open_text,
    packed,
    paragraph,
    parts_of,
    word,
    workbook,
)
from tests.unit.parsing.samples import most_memory, outcome, read, texts

SMALL = {
    WORD: (word(paragraph("words")), "word/document.xml"),
    WORKBOOK: (workbook(["words"]), "xl/worksheets/sheet1.xml"),
    OPEN_TEXT: (open_text("<text:p>words</text:p>"), "content.xml"),
    EPUB: (epub("<p>words"), "OEBPS/b.opf"),
}


@pytest.mark.parametrize("media_type", SMALL)
def test_what_expands_beyond_the_limit_is_never_expanded(media_type, monkeypatch):
    data, name = SMALL[media_type]
    bomb = packed({**parts_of(data), name: b" " * (65 << 20)})
    assert len(bomb) < 200_000

    def read(*arguments):
        raise AssertionError("expanded")

    monkeypatch.setattr(zipfile.ZipFile, "open", read)
    assert outcome(bomb, media_type) == "too_large"


@pytest.mark.parametrize("media_type", SMALL)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused(media_type, encoding, no_network, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("open sesame")
    data, name = SMALL[media_type]
    written = parts_of(data)[name].decode()
    written = written[written.find("?>") + 2 if written.startswith("<?") else 0 :]
    declared = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{secret.as_uri()}">]>' + written.replace(
        "words", "&e;"
    )
    attack = packed({**parts_of(data), name: declared.encode(encoding)})
    assert outcome(attack, media_type) == "damaged"


def test_markup_that_names_no_entity_of_its_own_may_have_a_doctype():
    assert root_of(b"<!DOCTYPE a><a>&lt;</a>").text == "<"


def test_markup_nested_without_end_is_damaged():
    with pytest.raises(ParseError) as found:
        root_of(b"<a>" * 5_000 + b"</a>" * 5_000)
    assert found.value.code == "damaged"


def test_more_parts_than_any_document_has_are_too_many(monkeypatch):
    monkeypatch.setattr(packages, "MOST_PARTS", 3)
    with pytest.raises(SkipDocument) as found:
        Package(packed(dict.fromkeys("abcd", "")))
    assert found.value.code == "too_large"


def test_a_part_that_is_locked_says_so():
    data = bytearray(packed({"a.xml": "<a/>"}))
    place = data.rindex(b"PK\x01\x02")
    data[place + 8] |= 1
    with pytest.raises(SkipDocument) as found:
        Package(bytes(data))
    assert found.value.code == "encrypted"


def test_a_part_that_lies_about_its_size_is_damaged():
    data = bytearray(packed({"a.xml": b" " * 5_000}))
    place = data.rindex(b"PK\x01\x02")
    data[place + 24 : place + 28] = (10).to_bytes(4, "little")
    with pytest.raises(ParseError):
        Package(bytes(data)).read("a.xml")


def test_a_part_is_expanded_no_further_than_it_says():
    # The first four bytes are all that it says it has, and their checksum is right.
    data = bytearray(packed({"a.xml": b"<a/>" + b" " * (64 << 20)}))
    for signature, checksum in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        place = data.rindex(signature) + checksum
        data[place : place + 4] = zlib.crc32(b"<a/>").to_bytes(4, "little")
        data[place + 8 : place + 12] = (4).to_bytes(4, "little")
    package = Package(bytes(data))
    got = []
    assert most_memory(lambda: got.append(package.read("a.xml"))) < 4 << 20
    assert got == [b"<a/>"]


def test_parts_of_one_name_are_counted_too(monkeypatch):
    monkeypatch.setattr(packages, "MOST_PARTS", 3)
    data = packed({"a.xml": "<a/>"})
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    listed = data[start:end] * 4
    ending = bytearray(data[end:])
    ending[8:12] = (4).to_bytes(2, "little") * 2
    ending[12:16] = len(listed).to_bytes(4, "little")

    def opened(*arguments):
        raise AssertionError("opened")

    monkeypatch.setattr(zipfile, "ZipFile", opened)
    with pytest.raises(SkipDocument) as found:
        Package(data[:start] + listed + bytes(ending))
    assert found.value.code == "too_large"


def test_a_part_is_not_read_again_without_end(monkeypatch):
    monkeypatch.setattr(packages, "MOST_MARKUP", 10)

    class Part:
        blob = b"<a>bcd</a>"

    readings = packages.Readings()
    for _ in range(4):
        assert readings.root(Part).tag == "a"
    with pytest.raises(SkipDocument) as found:
        readings.root(Part)
    assert found.value.code == "too_large"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_methods_whose_expansion_can_be_held_are_read(method):
    with pytest.raises(ParseError):
        Package(packed({"a.xml": "<a/>"}, method=method))


@pytest.mark.parametrize("media_type", SMALL)
def test_a_document_cut_off_anywhere_ends_with_a_reason(media_type):
    data, _ = SMALL[media_type]
    for end in range(10, len(data) - 1, max(1, len(data) // 25)):
        assert outcome(data[:end], media_type) == "damaged"


@pytest.mark.parametrize("media_type", SMALL)
def test_a_document_without_any_one_part_ends_with_content_or_a_reason(media_type):
    data, _ = SMALL[media_type]
    parts = parts_of(data)
    for missing in parts:
        left = packed({name: part for name, part in parts.items() if name != missing})
        assert outcome(left, media_type) in ("content", "damaged", "no_text")


def test_what_refers_to_nothing_is_passed_over():
    data = word(paragraph("words"))
    relations = parts_of(data)["word/_rels/document.xml.rels"].replace(
        b"</Relationships>",
        b'<Relationship Id="rId99" Target="../NULL" Type="http://schemas.openxmlformats.org/'
        b'officeDocument/2006/relationships/image"/></Relationships>',
    )
    parts = {**parts_of(data), "word/_rels/document.xml.rels": relations}
    assert texts(read(packed(parts), WORD)) == ["words"]


def test_pictures_take_no_memory():
    data = packed({"a.xml": "<a/>", "word/media/a.png": b"x" * (2 * MOST_MARKUP)})
    file = Package(data).for_office({})
    with zipfile.ZipFile(file) as copy:
        assert copy.read("a.xml") == b"<a/>"
        assert copy.getinfo("word/media/a.png").file_size == 0


def test_no_part_is_named_twice():
    data = word(paragraph("words"))
    file = io.BytesIO()
    file.write(data)
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("word/document.xml", parts_of(data)["word/document.xml"])
    assert texts(read(file.getvalue(), WORD)) == ["words"]


def test_slides_that_are_no_slides_are_damaged():
    assert outcome(word(paragraph("words")), SLIDES) == "damaged"
