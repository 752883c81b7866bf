"""How many pages are recognized in a minute, two at a time beside one at a time?

One scanned book, read twice in one process: by the plain function, which reads one page after
another, and by a pipeline, which gives each page a worker. Tesseract has one core a page either
way. The ratio is of one run on one machine; it says something only where its cores are idle,
so how busy they were is printed beside it.
"""

import argparse
import os
import random
import tempfile
import time
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ragflow import Pipeline, pipeline
from ragflow.documents import Content, Document
from ragflow.tasks import extract, files, read
from tests.unit.parsing.samples import scan

PDF = "application/pdf"
#: The least ratio that is asked for.
WANTED = 1.7
_PROSE = (
    "a book that was laid on the glass page by page gives words which nobody typed and each of "
    "them has to be looked at before anybody can find it again in what was read"
)


def page(chance: random.Random) -> Image.Image:
    """Return a page of prose as a scanner gives it, with 200 pixels an inch."""
    paper = Image.new("L", (1654, 2339), "white")
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(34)
    words = _PROSE.split()
    for line in range(40):
        prose = " ".join(chance.choices(words, k=14))
        draw.text((120, 140 + 50 * line), prose[:80], font=font, fill=20)
    return paper


def book(pages: int) -> bytes:
    """Return a PDF of so many scanned pages, no two alike."""
    chance = random.Random(7)
    return scan(*(page(chance) for _ in range(pages)))


def one_at_a_time(data: bytes) -> tuple[float, Content]:
    """Return the seconds that the plain function takes, and what it reads."""
    began = time.perf_counter()
    content = extract(Document.of(data, PDF))
    return time.perf_counter() - began, content


def by_workers(data: bytes, folder: Path) -> tuple[float, int]:
    """Return the seconds that a run takes from nothing, and the pages it recognized."""
    (folder / "docs").mkdir()
    (folder / "docs" / "book.pdf").write_bytes(data)
    (folder / "ragflow.toml").touch()
    began = time.perf_counter()
    run = _reading().run(project=folder, folder=str(folder / "docs"))
    return time.perf_counter() - began, run.tasks["recognize"]["ran"]


def _reading() -> Pipeline:
    @pipeline
    def reading(folder: str) -> None:
        extract(read(files(folder)))

    return reading


def main() -> None:
    """Print pages a minute of both, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=24)
    pages = parser.parse_args().pages
    data = book(pages)
    extract(Document.of(book(1), PDF))  # what is imported and opened once is no page's
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        side, recognized = by_workers(data, Path(name))
    alone, content = one_at_a_time(data)
    assert recognized == pages == len({element.page for element in content.elements})
    ratio = alone / side
    cores = len(os.sched_getaffinity(0))
    print(f"{pages} pages, {cores} cores, {busy:.1f} busy before it began")
    print(f"one page at a time     {60 * pages / alone:6.1f} pages a minute")
    print(f"a worker for each page {60 * pages / side:6.1f} pages a minute")
    verdict = "" if ratio >= WANTED else f", which is less than {WANTED}"
    print(f"ratio                  {ratio:6.2f}{verdict}")


if __name__ == "__main__":
    main()
