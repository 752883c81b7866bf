"""Documents made by the tests themselves, and what must be true of all content."""

import ast
import io
import pickle
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest
from PIL import Image, ImageDraw, ImageFont

from ragflow.documents import Content, Document
from ragflow.errors import DocumentError
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.reading import parse
from ragflow.parsing.reasons import Reason

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="Tesseract is not installed"
)

#: Text on a page: distance from the left, from the bottom, size, words.
Print = tuple[float, float, float, str]


def read(data: bytes | str, media_type: str, **options) -> Content:
    """Parse and check what every content guarantees."""
    data = data.encode() if isinstance(data, str) else data
    content = parse(Document.of(data, media_type), ParseOptions(**options))
    assert_whole(content)
    return content


def outcome(data: bytes, media_type: str, **options) -> str:
    """Return ``content`` or the code of the reason for which there is none."""
    try:
        read(data, media_type, **options)
    except DocumentError as reason:
        found = reason
    else:
        return "content"
    assert found.code in {known.value for known in Reason}
    assert len(str(found)) > 15
    assert "Error" not in str(found)
    return found.code


def assert_whole(content: Content) -> None:
    done = 0
    for element in content.elements:
        assert done <= element.start < element.end <= len(content.text)
        assert not content.text[done : element.start].strip()
        assert content.text[element.start : element.end].strip()
        done = element.end
    assert not content.text[done:].strip()
    done = 0
    for page in content.pages:
        assert done <= page.start <= page.end <= len(content.text)
        done = page.end
    for element in content.elements:
        assert element.page is None or content.page_of(element.start) == element.page
        assert (element.confidence is None) == (element.obtained == "text")
    content.text.encode()


def texts(content: Content) -> list[str]:
    return [content.text[element.start : element.end] for element in content.elements]


def kinds(content: Content) -> list[tuple[str, int]]:
    return [(element.kind, element.level) for element in content.elements]


def pdf(
    *pages: Sequence[Print],
    title: str = "",
    outline: Sequence[tuple[str, int]] = (),
    extra: str = "",
    drawn: Mapping[int, str] = MappingProxyType({}),
) -> bytes:
    """A PDF with these words on its pages; `outline` gives titles and pages from 0.

    `drawn` is what else is drawn on a page, from 0.
    """
    first_page, first_entry = 10, 1000
    objects = {1: f"<</Type/Catalog/Pages 2 0 R{extra}", 4: f"<</Title({title})>>"}
    objects[3] = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"
    kids = " ".join(f"{first_page + 2 * index} 0 R" for index in range(len(pages)))
    objects[2] = f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>"
    for index, prints in enumerate(pages):
        number = first_page + 2 * index
        shown = "".join(
            f"BT /F {size} Tf {x} {y} Td ({words}) Tj ET\n" for x, y, size, words in prints
        )
        shown = f"{drawn.get(index, '')}\n{shown}"
        objects[number] = (
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F 3 0 R>>>>"
            f"/Contents {number + 1} 0 R>>"
        )
        objects[number + 1] = f"<</Length {len(shown)}>>\nstream\n{shown}\nendstream"
    if outline:
        objects[1] += "/Outlines 5 0 R"
        last = first_entry + len(outline) - 1
        objects[5] = f"<</Type/Outlines/First {first_entry} 0 R/Last {last} 0 R>>"
    for index, (words, page) in enumerate(outline):
        number = first_entry + index
        following = f"/Next {number + 1} 0 R" if index + 1 < len(outline) else ""
        objects[number] = (
            f"<</Title({words})/Parent 5 0 R/Dest[{first_page + 2 * page} 0 R/Fit]{following}>>"
        )
    objects[1] += ">>"
    return _file(objects)


def _file(objects: dict[int, str]) -> bytes:
    written, offsets = b"%PDF-1.7\n", {}
    for number, body in sorted(objects.items()):
        offsets[number] = len(written)
        written += f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252")
    table = "".join(f"{number} 1\n{place:010d} 00000 n \n" for number, place in offsets.items())
    size = max(objects) + 1
    trailer = f"xref\n{table}trailer\n<</Size {size}/Root 1 0 R/Info 4 0 R>>\n"
    return written + f"{trailer}startxref\n{len(written)}\n%%EOF\n".encode()


def pdf_of(objects: Mapping[int, tuple[bytes, bytes | None]]) -> bytes:
    """A PDF of these objects: what each says, and the bytes of one that is a stream."""
    written, offsets = b"%PDF-1.7\n", {}
    for number, (told, data) in sorted(objects.items()):
        offsets[number] = len(written)
        stream = b"<<%b/Length %d>>\nstream\n%b\nendstream"
        body = told if data is None else stream % (told, len(data), data)
        written += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%d 1\n%010d 00000 n \n" % each for each in offsets.items())
    trailer = b"xref\n%btrailer\n<</Size %d/Root 1 0 R>>\n" % (table, max(objects) + 1)
    return written + b"%bstartxref\n%d\n%%%%EOF\n" % (trailer, len(written))


def prose(*lines: str, x: float = 72, top: float = 720, size: float = 11) -> list[Print]:
    """Lines of a paragraph, one below the other."""
    return [(x, top - 13 * index, size, line) for index, line in enumerate(lines)]


def ruled(xs: Sequence[float], ys: Sequence[float]) -> str:
    """The rules of a table, as a page draws them."""
    across = [f"{xs[0]} {y} m {xs[-1]} {y} l S" for y in ys]
    return "\n".join([*across, *(f"{x} {ys[0]} m {x} {ys[-1]} l S" for x in xs)])


def picture(*lines: str, size: tuple[int, int] = (1000, 260)) -> Image.Image:
    """Black words on white paper."""
    image = Image.new("L", size, "white")
    font = ImageFont.load_default(48)
    for index, line in enumerate(lines):
        ImageDraw.Draw(image).text((60, 50 + 70 * index), line, fill="black", font=font)
    return image


def file_of(image: Image.Image, kind: str, **options) -> bytes:
    """The bytes of an image file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def scan(*pictures: Image.Image) -> bytes:
    """A PDF that has nothing but pictures."""
    return file_of(
        pictures[0], "PDF", save_all=True, append_images=list(pictures[1:]), resolution=100
    )


def joined_pdfs(*files: bytes) -> bytes:
    """One PDF of the pages of several."""
    from pypdf import PdfWriter

    writer = PdfWriter()
    for file in files:
        writer.append(io.BytesIO(file))
    joined = io.BytesIO()
    writer.write(joined)
    return joined.getvalue()


def overlaid(file: bytes, stamp: bytes) -> bytes:
    """The PDF with the first page of another printed over its own."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(file)))
    writer.pages[0].merge_page(PdfReader(io.BytesIO(stamp)).pages[0])
    stamped = io.BytesIO()
    writer.write(stamped)
    return stamped.getvalue()


def encrypted(file: bytes, *, password: str) -> bytes:
    """The PDF, readable only with the password."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(file)))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    locked = io.BytesIO()
    writer.write(locked)
    return locked.getvalue()


def outcomes_elsewhere(*samples: tuple[bytes, str]) -> list[str]:
    """Return the outcome of each document, found in a process that is ended if it hangs."""
    program = (
        "import pickle, sys\n"
        "from tests.unit.parsing.samples import outcome\n"
        "print([outcome(*sample) for sample in pickle.load(sys.stdin.buffer)])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps(samples),
        capture_output=True,
        check=True,
        cwd=Path(__file__).resolve().parents[3],
        timeout=200,
    )
    return ast.literal_eval(found.stdout.decode())


def most_memory(act: Callable[[], object]) -> int:
    """Return how many bytes Python held at most, at one time, for what `act` does."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
