"""Over real documents of every format: what a row cites is what stands there."""

import gzip
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragflow import Content, pipeline, task
from ragflow.documents import Document
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.interfaces.unpacking import INSIDE
from ragflow.parsing.containers.shelf import Shelf
from ragflow.parsing.media_types import HEAD, media_type, read_as
from ragflow.parsing.reading import parse
from ragflow.tasks import chunk, embed, extract, files, read, upsert
from tests.acceptance.projects import new_project, rows_in_memory, rows_of
from tests.unit.parsing.samples import needs_tesseract

#: Folders of documents that mean no harm.
FOLDERS = ["docling-testdata", "unstructured-docs", "pdf-groundtruth", "pypdf-samples"]
#: Of such a folder every so many file is a sample.
EVERY = 9
#: A word of nearly every English text, and what is put in its place.
WORD, INSTEAD = re.compile(r"\bthe\b"), "[removed]"


@task(version="1")
def redact(content: Content) -> Content:
    """Take out a common word, wherever it stands; the last first, so that places stay."""
    for found in reversed(list(WORD.finditer(content.text))):
        content = content.replace(found.span(), INSTEAD)
    return content


@pipeline
def plain(
    folder: str, include: tuple[str, ...] = ("**/*",), ocr: bool = False, collection: str = "plain"
) -> None:
    """Index documents as they are."""
    content = extract(read(files(folder, include=include)), ocr=ocr)
    chunks = chunk(content, model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)


@pipeline
def redacted(
    folder: str, include: tuple[str, ...] = ("**/*",), collection: str = "redacted"
) -> None:
    """Index documents without some of their words."""
    content = redact(extract(read(files(folder, include=include)), ocr=False))
    chunks = chunk(content, model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    with rows_in_memory():
        yield


def cited(project: Path, collection: str, folder: Path, *, ocr: bool = False) -> Iterator[Any]:
    """Yield each row as (key, text, payload, content its document has when it is read again)."""
    contents: dict[str, Content] = {}
    for _, text, payload, _ in sorted(rows_of(project, collection), key=lambda row: row[2]["key"]):
        key = payload["key"]
        if key not in contents:
            contents = {key: content_of(folder, key, ocr=ocr)}
        yield key, text, payload, contents[key]


def content_of(folder: Path, key: str, *, ocr: bool) -> Content:
    data = bytes_of(folder, key)
    kind = read_as(media_type(data[:HEAD], key))
    return parse(Document.of(data, kind), ParseOptions(ocr=ocr))


def bytes_of(folder: Path, key: str) -> bytes:
    """Return the bytes of a document, also of one that lies in another."""
    if INSIDE not in key:
        return (folder / key).read_bytes()
    found = Shelf(lambda outermost: (folder / outermost).read_bytes()).take(key, lambda _: True)
    assert found is not None, key
    return found


def check_cited(project: Path, folder: Path, *, ocr: bool = False) -> int:
    """Check that every row is the exact slice it says, and all rows of a document all of it."""
    reached: dict[str, int] = {}
    whole: dict[str, Content] = {}
    count = 0
    rows = sorted(cited(project, "plain", folder, ocr=ocr), key=lambda row: row[2]["start"])
    for key, text, payload, content in rows:
        start, end = payload["start"], payload["end"]
        assert content.text[start:end] == text, (key, start, end)
        assert start >= reached.get(key, 0), key
        assert not content.text[reached.get(key, 0) : start].strip(), (key, start)
        assert payload.get("page") == content.page_of(start) or not content.pages, key
        check_boxes(key, payload, content)
        reached[key], whole[key] = end, content
        count += 1
    for key, content in whole.items():
        assert not content.text[reached[key] :].strip(), key
    return count


def check_boxes(key: str, payload: Any, content: Content) -> None:
    """Check that the boxes of a row stand on its pages, within their edges."""
    sizes = {page.number: page.size for page in content.pages}
    on = {content.page_of(payload["start"]), content.page_of(payload["end"] - 1)}
    for page, left, top, right, bottom in payload.get("boxes", ()):
        assert page in sizes, key
        assert min(on) <= page <= max(on), key
        assert left <= right, key
        assert top <= bottom, key


def check_redacted(project: Path, folder: Path) -> int:
    """Check that what was put in stands for what it replaced, and that all else is cited."""
    count = 0
    for key, text, payload, content in cited(project, "redacted", folder):
        assert WORD.search(text) is None, key
        slice_of = content.text[payload["start"] : payload["end"]]
        assert text.replace(INSTEAD, "the") == slice_of, (key, payload["start"])
        count += text.count(INSTEAD)
    return count


def sample(folder: Path) -> tuple[str, ...]:
    """Name every so many of the files below a folder."""
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    chosen = [name for name in names if "groundtruth" not in name.split("/")][::EVERY]
    return tuple("/" + re.sub(r"([\\*?\[! ])", r"\\\1", name) for name in chosen)


@pytest.mark.parametrize("folder", FOLDERS)
def test_rows_of_a_sample_are_what_they_cite(shared, tmp_path, folder):
    place = shared / "corpora" / folder
    project = new_project(tmp_path / "project")
    given: Any = {"project": project, "folder": str(place), "include": sample(place)}
    plain.run(**given)
    redacted.run(**given)
    assert check_cited(project, place) >= 2
    check_redacted(project, place)


@pytest.mark.slow
@pytest.mark.parametrize("folder", [*FOLDERS, "openlineage-spec"])
def test_every_row_is_what_it_cites(shared, tmp_path, folder):
    place = shared / "corpora" / folder
    project = new_project(tmp_path / "project")
    plain.run(project=project, folder=str(place))
    assert check_cited(project, place) > 20
    redacted.run(project=project, folder=str(place))
    assert check_redacted(project, place) > 2


@pytest.mark.slow
@needs_tesseract
def test_every_row_that_was_recognized_is_what_it_cites(shared, tmp_path):
    place = shared / "corpora/ocr-groundtruth"
    project = new_project(tmp_path / "project")
    plain.run(project=project, folder=str(place), ocr=True)
    assert check_cited(project, place, ocr=True) > 5
    obtained = {row[2].get("obtained") for row in rows_of(project, "plain")}
    assert "ocr" in obtained


@pytest.mark.slow
@pytest.mark.parametrize("replay", ["replay-peps-move", "replay-rust-book-2015"])
def test_every_row_of_texts_that_people_edited_is_what_it_cites(shared, tmp_path, replay):
    place = tmp_path / "docs"
    with tarfile.open(shared / "corpora" / replay / "blobs.tar.xz") as blobs:
        blobs.extractall(place, filter="data")
    for path in [path for path in place.rglob("*") if path.is_file()]:
        path.rename(path.with_name(f"{path.name}.md"))
    project = new_project(tmp_path / "project")
    plain.run(project=project, folder=str(place))
    assert check_cited(project, place) > 500


@pytest.mark.slow
def test_every_row_of_many_abstracts_is_what_it_cites(shared, tmp_path):
    place = tmp_path / "docs"
    place.mkdir()
    with gzip.open(shared / "corpora/beir-scifact/corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            document = json.loads(line)
            text = f"# {document['title']}\n\n{document['text']}\n"
            (place / f"{document['_id']}.md").write_text(text, encoding="utf-8")
    project = new_project(tmp_path / "project")
    plain.run(project=project, folder=str(place))
    assert check_cited(project, place) >= 5183
