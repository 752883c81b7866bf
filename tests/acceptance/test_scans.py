"""A scanned book is read a page at a time: what was read is not read again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragflow import DeadLetters, Pipeline, pipeline
from ragflow.config import find_project
from ragflow.documents import Document
from ragflow.errors import ParseError, RetryTask
from ragflow.parsing.reasons import Reason
from ragflow.parsing.tesseract import Tesseract
from ragflow.runtime.home import Home
from ragflow.runtime.verify import verify
from ragflow.tasks import chunk, embed, extract, files, read, upsert
from tests.acceptance.projects import new_project, rows_in_memory, rows_of
from tests.unit.parsing.samples import file_of, joined_pdfs, needs_tesseract, pdf, picture, scan

pytestmark = needs_tesseract

PDF = "application/pdf"
COVER = [(60, 700, 12, "A cover with enough of words on it to be read as it is.")]
PAGES = ("The first page", "The second page", "The third page")


@pytest.fixture(autouse=True)
def _in_memory() -> Iterator[None]:
    with rows_in_memory():
        yield


@pytest.fixture
def looked(monkeypatch) -> list[int]:
    """Note the size of what is given to Tesseract."""
    noted: list[int] = []
    table = Tesseract.table

    def noting(self, image, *, resolution):
        noted.append(image.width)
        return table(self, image, resolution=resolution)

    monkeypatch.setattr(Tesseract, "table", noting)
    return noted


def library(*, executor: str = "threads") -> Pipeline:
    @pipeline
    def scanned(folder: str, size: int = 64) -> None:
        content = extract.options(executor=executor)(read(files(folder)))
        chunks = chunk(content, model="hashing", size=size)
        upsert(chunks, embed(chunks, model="hashing"), collection="scanned")

    return scanned


def book(*pages: str) -> bytes:
    return joined_pdfs(*(scan(picture(words)) for words in pages))


def found(project: Path) -> dict[int, str]:
    return {row[2]["page"]: row[1] for row in rows_of(project, "scanned")}


def findings(project: Path) -> list[Any]:
    home = Home(find_project(project))
    try:
        return verify(home, "scanned", lambda _: [])["findings"]
    finally:
        home.close()


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_new_cover_does_not_read_the_book_again(tmp_path, looked, executor):
    project, folder = new_project(tmp_path / "project"), tmp_path / "src"
    folder.mkdir()
    p = library(executor=executor)
    (folder / "book.pdf").write_bytes(book(*PAGES))
    run = p.run(project=project, folder=str(folder))
    assert run.tasks["recognize"]["ran"] == 3
    (folder / "book.pdf").write_bytes(joined_pdfs(pdf(COVER), book(*PAGES)))
    looked.clear()
    run = p.run(project=project, folder=str(folder))
    assert (run.tasks["recognize"]["ran"], run.tasks["recognize"]["memoized"]) == (0, 3)
    assert looked == []
    rows = " ".join(text for _, text, _, _ in rows_of(project, "scanned"))
    assert all(words in rows for words in (*PAGES, "A cover"))
    # And what was refreshed is what is built anew.
    clean = new_project(tmp_path / "clean")
    p.run(project=clean, folder=str(folder))
    assert rows_of(project, "scanned") == rows_of(clean, "scanned")


def test_a_document_with_text_costs_what_it_did(tmp_path):
    project, folder = new_project(tmp_path / "project"), tmp_path / "src"
    folder.mkdir()
    (folder / "a.md").write_text("# Title\n\nSome words of a text.\n")
    (folder / "b.pdf").write_bytes(pdf(COVER))
    run = library().run(project=project, folder=str(folder))
    calls = {name: task["ran"] + task["memoized"] for name, task in run.tasks.items()}
    assert calls["extract"] == 2
    assert calls["recognize"] == calls["assemble"] == 0


def test_frames_of_a_picture_are_pages_too(tmp_path, looked):
    project, folder = new_project(tmp_path / "project"), tmp_path / "src"
    folder.mkdir()
    images = [picture(words) for words in PAGES]
    tiff = file_of(images[0], "TIFF", save_all=True, append_images=images[1:])
    (folder / "fax.tiff").write_bytes(tiff)
    library().run(project=project, folder=str(folder))
    looked.clear()
    more = [*images[1:], picture("One more page"), images[0]]
    tiff = file_of(more[0], "TIFF", save_all=True, append_images=more[1:])
    (folder / "fax.tiff").write_bytes(tiff)
    run = library().run(project=project, folder=str(folder))
    assert (run.tasks["recognize"]["ran"], run.tasks["recognize"]["memoized"]) == (1, 3)


def test_a_page_that_fails_is_named_and_tried_by_itself(tmp_path, monkeypatch, looked):
    project, folder = new_project(tmp_path / "project"), tmp_path / "src"
    folder.mkdir()
    (folder / "book.pdf").write_bytes(joined_pdfs(pdf(COVER), scan(picture("Slow", "words"))))
    with monkeypatch.context() as patch:
        patch.setattr("ragflow.parsing.tesseract._PATIENCE", 0.001)
        patch.setattr("ragflow.parsing.tesseract.installed_languages", lambda: {"eng"})
        run = library().run(project=project, folder=str(folder))
    assert run.documents["failed"] == 1
    assert "A cover" in " ".join(found(project).values())
    (failure,) = DeadLetters.find(project=project)
    assert failure.key == "book.pdf"
    assert failure.reason == Reason.OCR_SLOW
    assert failure.message.startswith("page 2: ")
    assert findings(project) == []
    looked.clear()
    run = library().run(project=project, folder=str(folder))
    assert run.documents["added"] == 1
    assert run.tasks["extract"]["ran"] == 0
    assert "Slow" in " ".join(found(project).values())
    assert findings(project) == []
    assert list(DeadLetters.find(project=project)) == []


def test_outside_of_a_pipeline_a_document_is_read_whole(monkeypatch):
    data = joined_pdfs(pdf(COVER), scan(picture("Hello out there")))
    content = extract(Document.of(data, PDF))
    assert [(each.page, each.obtained) for each in content.elements] == [(1, "text"), (2, "ocr")]
    assert extract(Document.of(data, PDF), ocr=False).notes[0].endswith("page 2.")
    monkeypatch.setattr("ragflow.parsing.tesseract._PATIENCE", 0.001)
    monkeypatch.setattr("ragflow.parsing.tesseract.installed_languages", lambda: {"eng"})
    with pytest.raises((RetryTask, ParseError), match="page 1"):
        extract(Document.of(scan(picture("Hello")), PDF))
