"""What does reading a PDF cost, with elements and boxes, beside plain extraction by two libraries?

Run as ``make bench-pdf``, or ``python tests/benchmarks/pdf_reading.py [FILE …] [--rounds N]``. By
default the files are a book of 117 pages and two papers out of the shared corpora. One process
and one thread reads them all, by turns with each reader; what is printed are medians of seconds
of processor and pages a second, and the ratios that are asked for: at least a tenth of the pages
a second of pypdfium2's plain extraction and at least twice those of pypdf's. OCR is off for all.
"""

import argparse
import io
import logging
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pypdf
import pypdfium2

from ragflow.documents import Document
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.reading import parse

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
FILES = (
    "pdf-groundtruth/GeoTopo-komprimiert.pdf",
    "pypdf-samples/004-pdflatex-4-pages/pdflatex-4-pages.pdf",
    "pypdf-samples/026-latex-multicolumn/multicolumn.pdf",
)
#: By reader: how many times its pages a second ours are, at least.
TARGETS = {"pypdfium2": 0.1, "pypdf": 2.0}


def with_ragflow(data: bytes) -> int:
    """Read a PDF as a run does; return its number of pages."""
    content = parse(Document.of(data, "application/pdf"), ParseOptions(ocr=False))
    return len(content.pages)


def with_pypdfium2(data: bytes) -> int:
    """Extract the plain text of each page."""
    with closing(pypdfium2.PdfDocument(data)) as file:
        for page in file:
            with closing(page), closing(page.get_textpage()) as text:
                text.get_text_range()
        return len(file)


def with_pypdf(data: bytes) -> int:
    """Extract the plain text of each page."""
    pages = pypdf.PdfReader(io.BytesIO(data)).pages
    for page in pages:
        page.extract_text()
    return len(pages)


READERS: dict[str, Callable[[bytes], int]] = {
    "ragflow": with_ragflow,
    "pypdfium2": with_pypdfium2,
    "pypdf": with_pypdf,
}


def measure(files: Sequence[bytes], rounds: int) -> dict[str, tuple[float, int]]:
    """Return for each reader the median of seconds of processor, and the pages it read."""
    seconds: dict[str, list[float]] = {name: [] for name in READERS}
    pages = dict.fromkeys(READERS, 0)
    for number in range(rounds + 1):
        for name, reader in READERS.items():
            began = time.process_time()
            pages[name] = sum(map(reader, files))
            if number:  # the first round imports and fills the file system's memory
                seconds[name].append(time.process_time() - began)
    return {name: (statistics.median(seconds[name]), pages[name]) for name in READERS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 where a ratio is missed."""
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args(arguments)
    files = given.files or [CORPORA / name for name in FILES]
    found = measure([file.read_bytes() for file in files], given.rounds)
    rates = {name: pages / seconds for name, (seconds, pages) in found.items()}
    for name, (seconds, pages) in found.items():
        sys.stdout.write(
            f"{name:10} {pages:5} pages {seconds:8.3f} s {rates[name]:8.0f} pages a CPU second\n"
        )
    missed = 0
    for name, target in TARGETS.items():
        ratio = rates["ragflow"] / rates[name]
        missed += ratio < target
        sys.stdout.write(f"ragflow is {ratio:.2f} times as fast as {name} (asked: {target})\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
