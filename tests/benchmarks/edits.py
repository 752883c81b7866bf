"""Real texts of four kinds, and small edits as people make them.

An edit inserts, deletes or replaces 1 to 30 words at a place that is drawn uniformly from all
words of a kind, with words of the same document. Prose that was wrapped by hand is wrapped
again, from the edit to the paragraph's end. In HTML only what is read is edited, no tag.
"""

import json
import random
import re
import sysconfig
import tarfile
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragflow.documents import Content, Document
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.reading import parse

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
MOST_WORDS = 30

_WORD = re.compile(r"\S+")
_BLANK_LINE = re.compile(r"\n\s*\n")
_TAG = re.compile(
    r"<(script|style|head)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", re.DOTALL | re.IGNORECASE
)
#: Lines that are no prose: headings, lists, tables, quotations, code, markup of PEPs.
_NO_PROSE = re.compile(r"\s*([#|>`*+=~-]|\d+[.)]|\.\. )|\s{3}")
_STANDARD = (
    "argparse",
    "subprocess",
    "typing",
    "tarfile",
    "zipfile",
    "inspect",
    "ast",
    "logging/__init__",
)


@dataclass(frozen=True, slots=True)
class Source:
    """One document, as its author keeps it."""

    name: str
    media_type: str
    text: str

    def content(self) -> Content:
        """Return what is read from it."""
        return parse(Document.of(self.text.encode(), self.media_type), ParseOptions(ocr=False))


def corpora(folder: Path = CORPORA) -> dict[str, list[Source]]:
    """Return the documents of each kind; those of a few chunks are left out."""
    peps = _final(folder / "replay-peps-move")
    book = _final(folder / "replay-rust-book-2015")
    library = Path(sysconfig.get_paths()["stdlib"])
    pages = sorted((folder / "docling-testdata" / "html" / "sources").glob("wiki_duck.html"))
    pages += [
        folder / "unstructured-docs" / f"{name}.html"
        for name in ("example-10k-1p", "example-with-scripts")
    ]
    printed = folder / "pdf-groundtruth"
    pdf = Document.of((printed / "GeoTopo-komprimiert.pdf").read_bytes(), "application/pdf")
    return {
        "wrapped prose": [
            Source(
                "GeoTopo-komprimiert.pdf", "text/plain", parse(pdf, ParseOptions(ocr=False)).text
            ),
            Source("GeoTopo-book.txt", "text/plain", (printed / "GeoTopo-book.txt").read_text()),
            *_longest(peps, "text/plain", 12),
        ],
        "Markdown": _longest(book, "text/markdown", 24),
        "code": [
            Source(name, "text/x-python", (library / f"{name}.py").read_text())
            for name in _STANDARD
        ],
        "HTML": [
            Source(page.name, "text/html", page.read_text(errors="replace")) for page in pages
        ],
    }


def _final(folder: Path) -> dict[str, str]:
    """Return the files of the last state of a replay."""
    tree: dict[str, str] = {}
    for line in (folder / "steps.jsonl").read_text().splitlines():
        for change in json.loads(line)["ops"]:
            if change["op"] == "D":
                tree.pop(change["path"], None)
            elif change["op"] == "R":
                tree.pop(change["from"], None)
                tree[change["path"]] = change["blob"]
            else:
                tree[change["path"]] = change["blob"]
    with tarfile.open(folder / "blobs.tar.xz") as blobs:
        wanted = {f"blobs/{blob}": blob for blob in tree.values()}
        texts = {
            wanted[member.name]: blobs.extractfile(member).read().decode(errors="replace")
            for member in blobs
            if member.name in wanted
        }
    return {path: texts[blob] for path, blob in tree.items()}


def _longest(files: dict[str, str], media_type: str, count: int) -> list[Source]:
    suffixes = (".md",) if media_type == "text/markdown" else (".txt", ".rst")
    found = [(path, text) for path, text in files.items() if path.endswith(suffixes)]
    found.sort(key=lambda each: (-len(each[1]), each[0]))
    return [Source(path, media_type, text) for path, text in found[:count]]


def edits(sources: Sequence[Source], count: int, seed: int) -> Iterator[tuple[int, str]]:
    """Yield so many edits: the number of the document and its text after it."""
    chance = random.Random(seed)
    places = [_words(source) for source in sources]
    weights = [len(each) for each in places]
    for _ in range(count):
        (number,) = chance.choices(range(len(sources)), weights)
        yield number, _edited(sources[number], places[number], chance)


def _words(source: Source) -> list[tuple[int, int]]:
    text = source.text
    if source.media_type == "text/html":
        # What is no text is blanked out, so that every place stays where it is.
        text = _TAG.sub(lambda match: " " * len(match.group()), text)
    return [match.span() for match in _WORD.finditer(text)]


def _edited(source: Source, places: Sequence[tuple[int, int]], chance: random.Random) -> str:
    text = source.text
    first = chance.randrange(len(places))
    chosen = places[first : first + chance.randint(1, MOST_WORDS)]
    way = chance.choice(("insert", "delete", "replace"))
    drawn = (text[slice(*chance.choice(places))] for _ in range(chance.randint(1, MOST_WORDS)))
    new = "" if way == "delete" else " ".join(drawn)
    at, end = chosen[0][0], chosen[-1][1]
    if source.media_type == "text/html":
        for start, stop in () if way == "insert" else reversed(chosen):
            text = text[:start] + text[stop:]
        return f"{text[:at]}{new} {text[at:]}"
    if way == "insert":
        edited = f"{text[:at]}{new} {text[at:]}"
    elif way == "replace":
        edited = f"{text[:at]}{new}{text[end:]}"
    else:
        edited = _without(text, at, end)
    is_code = source.media_type == "text/x-python"
    return edited if is_code else _wrapped_again(text, edited, at)


def _without(text: str, start: int, end: int) -> str:
    """Return the text without a span of words and without a gap or an empty line in their place."""
    before, rest = text[:start], text[end:].lstrip()
    gap = text[end : len(text) - len(rest)]
    if "\n" not in gap:
        return before + rest
    before = before.rstrip(" \t")
    if before.endswith("\n") or not before:
        gap = gap.partition("\n")[2]
    return before + gap + rest


def _wrapped_again(before: str, text: str, at: int) -> str:
    """Return the text wrapped again from the line of `at` on to the paragraph's end, if it was."""
    lines = before[slice(*_paragraph(before, at))].split("\n")
    start, end = _paragraph(text, at)
    now = text[start:end].split("\n")
    if len(lines) < 2 or any(map(_NO_PROSE.match, [*lines, *now])):
        return text
    # What was cut off a line's end left that line short.
    line = max(text.rfind("\n", start, max(at - 1, start)) + 1, start)
    rest = text[line:end]
    filled = textwrap.fill(
        " ".join(rest.split()), max(map(len, lines)), break_long_words=False, break_on_hyphens=False
    )
    return text[:line] + filled + text[end:]


def _paragraph(text: str, at: int) -> tuple[int, int]:
    begins = [match.end() for match in _BLANK_LINE.finditer(text, 0, at)]
    end = _BLANK_LINE.search(text, at)
    return begins[-1] if begins else 0, end.start() if end else len(text.rstrip())
