"""Pages that must be looked at are named by what is drawn on them, and come back in place."""

import io

import pypdfium2
import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter

from ragflow.core.items import Draft, Part
from ragflow.documents import Content, Document, Element, Page, Scan
from ragflow.errors import SkipDocument
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.pdf_objects import page_digests
from ragflow.parsing.reading import draft
from ragflow.parsing.scans import page_numbers, with_pages
from tests.unit.parsing.samples import file_of, joined_pdfs, pdf, pdf_of, picture, scan, texts

PDF = "application/pdf"
COVER = [(60, 700, 12, "A cover with enough of words on it to be read as it is.")]


def drafted(data: bytes, media_type: str = PDF) -> Draft[Content, Scan]:
    found = draft(Document.of(data, media_type), ParseOptions())
    assert isinstance(found, Draft)
    return found


def scans(data: bytes, media_type: str = PDF) -> dict[int, bytes]:
    return {part.envelope["page"]: part.value.digest for part in drafted(data, media_type).parts}


@pytest.fixture(scope="module")
def book() -> bytes:
    return joined_pdfs(*(scan(picture(f"This is page {n}")) for n in ("one", "two", "three")))


def test_a_scan_is_the_same_wherever_it_stands(book):
    before = scans(book)
    assert len(set(before.values())) == 3
    after = scans(joined_pdfs(pdf(COVER), book))
    assert after == {page + 1: digest for page, digest in before.items()}
    assert set(scans(joined_pdfs(scan(picture("Another page")), book)).values()) > set(
        before.values()
    )


def changed(data: bytes, change) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    change(writer.pages[1])
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_only_what_changes_the_looks_of_a_page_changes_its_scan(book):
    before = scans(changed(book, lambda page: None))
    for change in (
        lambda page: page.rotate(180),
        lambda page: page.cropbox.scale(0.5, 0.5),
        lambda page: page.scale_by(0.5),
    ):
        after = scans(changed(book, change))
        assert [after[n] == before[n] for n in (1, 2, 3)] == [True, False, True]
    named = {"/LastModified": "D:20260101", "/StructParents": "7"}

    def tell(page):
        from pypdf.generic import NameObject, TextStringObject

        for name, value in named.items():
            page[NameObject(name)] = TextStringObject(value)

    assert scans(changed(book, tell)) == before


def test_pictures_that_all_pages_share_and_one_shows_are_of_that_one(book):
    def share(data: bytes) -> bytes:
        from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
        shared = DictionaryObject()
        for number, page in enumerate(writer.pages):
            objects = page["/Resources"]["/XObject"]
            (name,) = objects
            new = f"/Scan{number}"
            shared[NameObject(new)] = objects.raw_get(name)
            stream = DecodedStreamObject()
            stream.set_data(page.get_contents().get_data().replace(name.encode(), new.encode()))
            page[NameObject("/Contents")] = writer._add_object(stream)
        for page in writer.pages:
            page["/Resources"][NameObject("/XObject")] = shared
        out = io.BytesIO()
        writer.write(out)
        return out.getvalue()

    other = joined_pdfs(*(scan(picture(f"This is page {n}")) for n in ("one", "two", "four")))
    one, two = scans(share(book)), scans(share(other))
    assert [one[n] == two[n] for n in (1, 2, 3)] == [True, True, False]


#: What of a page draws a picture, by its name; NAME and the resources PICTURES are those of the
#: page, OWN those of an object itself.
SHOW = b"q 90 0 0 90 5 5 cm /NAME Do Q"
FORM = b"/Subtype/Form/BBox[0 0 100 100]"
ANNOTATION = b"/Annots[<</Subtype/Stamp/F 4/Rect[0 0 100 100]/AP<</N 5 0 R>>>>]"
MASK = b"/ExtGState<</M<</SMask<</S/Luminosity/G 5 0 R>>>>>>"
PATTERN = (
    b"/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 100 100]/XStep 100/YStep 100"
    b"/Resources<</XObject<<OWN>>>>"
)
TYPE3 = (
    b"<</Type/Font/Subtype/Type3/FontBBox[0 0 100 100]/FontMatrix[.01 0 0 .01 0 0]/FirstChar 80"
    b"/LastChar 80/Widths[100]/Encoding<</Differences[80/P]>>/CharProcs<</P 5 0 R>>%b>>"
)
DRAWN = {
    # Content of the page, resources of it beside pictures, more of the page, object 5, object 6.
    "page": (SHOW, b"", b"", None, None),
    "form": (b"/F Do", b"", b"", (FORM, SHOW), None),
    "bare form": (b"/F Do", b"", b"", (b"/Subtype/Form", SHOW), None),
    "form of its own": (b"/F Do", b"", b"", (FORM + b"/Resources<</XObject<<OWN>>>>", SHOW), None),
    "form of fonts": (b"/F Do", b"", b"", (FORM + b"/Resources<</Font<<>>>>", SHOW), None),
    "annotation": (b"q Q", b"", ANNOTATION, (FORM, SHOW), None),
    "bare annotation": (b"q Q", b"", ANNOTATION, (b"", SHOW), None),
    "mask": (
        b"/M gs 0 0 100 100 re f",
        MASK,
        b"",
        (FORM + b"/Group<</S/Transparency>>", SHOW),
        None,
    ),
    "pattern": (
        b"/Pattern cs /P scn 0 0 100 100 re f",
        b"/Pattern<</P 5 0 R>>",
        b"",
        (PATTERN, SHOW),
        None,
    ),
    "letter": (
        b"BT /T 100 Tf (P) Tj ET",
        b"/Font<</T 6 0 R>>",
        b"",
        (b"", b"100 0 d0 " + SHOW),
        (TYPE3 % b"", None),
    ),
    "letter of its own": (
        b"BT /T 100 Tf (P) Tj ET",
        b"/Font<</T 6 0 R>>",
        b"",
        (b"", b"100 0 d0 " + SHOW),
        (TYPE3 % b"/Resources<</XObject<<OWN>>>>", None),
    ),
}
NAMES = [
    b"Im1",
    b"Im\xe9",
    "图1".encode("gbk"),
    "图1".encode(),
    b"I#6d",
    b"P",
    b"Name",
    b"OPI",
    b"Metadata",
]


def drawing(way: str, name: bytes, shade: int, *, other: int = 9) -> bytes:
    """A PDF with a page that draws a picture in some way, and has one more that it does not."""
    content, resources, more, drawn, font = DRAWN[way]
    own = b"/" + name + b" 7 0 R"
    forms = b"/F 5 0 R" if "form" in way else b""
    has = b"" if drawn and b"OWN" in drawn[0] + (font or (b"",))[0] else own
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]/Contents 4 0 R%b/Resources<<%b" % (
        *(more, resources + b"/XObject<</Other 8 0 R" + forms + has),
    )
    objects = {
        1: (b"<</Type/Catalog/Pages 2 0 R>>", None),
        2: (b"<</Type/Pages/Count 1/Kids[3 0 R]>>", None),
        3: (page + b">>>>>>", None),
        4: (b"", content),
        **({5: drawn} if drawn else {}),
        **({6: font} if font else {}),
    }
    for number, grey in ((7, shade), (8, other)):
        about = b"/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8"
        objects[number] = (about, bytes([grey]))
    filled = {
        number: tuple(part and part.replace(b"OWN", own).replace(b"NAME", name) for part in parts)
        for number, parts in objects.items()
    }
    return pdf_of(filled)


def looks(data: bytes) -> bytes:
    with pypdfium2.PdfDocument(data) as file:
        return file[0].render(scale=1).to_pil().tobytes()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", DRAWN)
def test_another_picture_makes_another_scan_wherever_it_is_drawn(way, name):
    one, two = (drawing(way, name, shade) for shade in (60, 200))
    assert looks(one) != looks(two)
    assert page_digests(one, [0], count=1) != page_digests(two, [0], count=1)
    assert page_digests(one, [0], count=1) == page_digests(one + b"\n", [0], count=1)


@pytest.mark.parametrize("way", ["page", "form of its own"])
def test_a_picture_that_is_not_drawn_is_no_part_of_a_scan(way):
    one, two = (drawing(way, b"Im1", 60, other=shade) for shade in (9, 10))
    assert looks(one) == looks(two)
    assert page_digests(one, [0], count=1) == page_digests(two, [0], count=1) is not None


def test_a_page_of_a_file_that_had_to_be_repaired_is_named_by_all_of_it(book):
    cut = book[: book.rindex(b"xref")]
    found = scans(cut)
    assert sorted(found) == [1, 2, 3]
    assert len({*found.values(), *scans(book).values()}) == 6


def test_frames_are_named_by_their_own_bytes():
    pages = [picture(f"This is page {number}") for number in ("one", "two", "three")]
    tiff = file_of(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    other = file_of(picture("A cover"), "TIFF", save_all=True, append_images=[pages[0], pages[2]])
    one, two = scans(tiff, "image/tiff"), scans(other, "image/tiff")
    assert (one[1], one[3]) == (two[2], two[3])
    assert len({*one.values(), *two.values()}) == 4
    turned = file_of(pages[0], "TIFF", save_all=True, append_images=pages[1:], dpi=(200, 200))
    assert not {*scans(turned, "image/tiff").values()} & {*one.values()}


def test_a_picture_that_lies_has_its_size_as_it_is_seen():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = file_of(picture("Hello"), "JPEG", exif=exif)
    (page,) = drafted(data, "image/jpeg").value.pages
    assert page.size == (260, 1000)


# --- With their pages ---------------------------------------------------------------------------


def content(*pages: str) -> Content:
    """Return a content of pages; a blank line parts paragraphs, an empty page is a scan."""
    text, elements, found = "", [], []
    for number, words in enumerate(pages, 1):
        start = None
        for paragraph in words.split("\n\n") if words else ():
            text += "\n\n" if text else ""
            start = len(text) if start is None else start
            elements.append(
                Element(
                    kind="paragraph", start=len(text), end=len(text) + len(paragraph), page=number
                )
            )
            text += paragraph
        found.append(
            Page(number=number, start=len(text) if start is None else start, end=len(text))
        )
    return Content(text=text, elements=tuple(elements), pages=tuple(found), notes=("odd",))


def put(of: Content, **recognized: Content | None) -> Content:
    parts = [Part(page, {"page": int(name[1:])}) for name, page in recognized.items()]
    found = with_pages(of, parts)
    assert_whole_of_both(found)
    return found


def assert_whole_of_both(found: Content) -> None:
    for element in found.elements:
        assert found.page_of(element.start) == element.page
        page = found.pages[element.page - 1]
        assert page.start <= element.start < element.end <= page.end
    done = 0
    for page in found.pages:
        assert done <= page.start <= page.end <= len(found.text)
        done = page.end


@pytest.mark.parametrize(
    ("pages", "recognized"),
    [
        (("one\n\ntwo", "", "three"), {"p2": "a\n\nb"}),
        (("", "two", "three"), {"p1": "a\n\nb"}),
        (("one", "two", ""), {"p3": "a"}),
        (("", "", ""), {"p1": "a", "p2": "b", "p3": "c\n\nd"}),
        (("", "", "three"), {"p1": "a", "p2": "b\n\nc"}),
        (("one", "stamp", "three"), {"p2": "a\n\nb"}),
        (("stamp", "two\n\nmore", "", "", "five"), {"p1": "a", "p3": "b", "p4": "c"}),
        (("one", "", "three"), {"p2": ""}),
        (("one", "stamp", "three"), {"p2": ""}),
    ],
)
def test_pages_come_in_their_places(pages, recognized):
    of = content(*pages)
    found = put(of, **{name: content(words) for name, words in recognized.items()})
    wanted = [recognized.get(f"p{n}") or words for n, words in enumerate(pages, 1)]
    assert found.text == "\n\n".join(filter(None, wanted))
    assert texts(found) == "\n\n".join(filter(None, wanted)).split("\n\n")
    for page, words in zip(found.pages, wanted, strict=True):
        assert found.text[page.start : page.end] == words
    assert found.notes == ("odd",)


def test_pages_that_are_missing_are_named_with_what_they_wait_for():
    parts = [
        *(Part(None, {"page": n, "skipped": "there is no eye"}) for n in (2, 3, 5)),
        *(Part(None, {"page": 6}), Part(content("six"), {"page": 7})),
    ]
    found = with_pages(content("one", "", "", "four", "", "", ""), parts)
    assert found.notes == (
        *("odd", "Not recognized, because there is no eye: pages 2-3, 5."),
        "Not recognized: page 6.",
    )
    assert texts(found) == ["one", "four", "six"]
    assert page_numbers([3]) == "page 3"


def test_no_text_anywhere_is_said():
    with pytest.raises(SkipDocument) as skipped:
        put(content("", ""), p1=content(""), p2=None)
    assert skipped.value.code == "no_text"


def test_a_paragraph_that_goes_on_behind_a_scan_stays_one():
    of = content("one goes on", "", "three")
    of = Content(
        text=of.text,
        elements=of.elements,
        pages=(
            Page(number=1, start=0, end=4),
            Page(number=2, start=4, end=4),
            Page(number=3, start=4, end=len(of.text)),
        ),
    )
    found = with_pages(of, [Part(content("a"), {"page": 2})])
    assert texts(found) == ["one goes on", "a", "three"]
