"""What `ragflow parse` shows of a file, wherever it is typed."""

import time

from ragflow.parsing.reading import EXTRAS
from tests.unit.cli.conftest import GRAIN
from tests.unit.parsing.packed import WORD, paragraph, word
from tests.unit.parsing.samples import file_of, needs_tesseract, pdf, picture, prose

TEXT = "# Title\n\nSome words.\n\n| a | b |\n| --- | --- |\n| c | d |\n"


def test_it_shows_what_would_be_indexed(project):
    (project.folder / "a.md").write_text(TEXT, "utf-8")
    parsed = project.ask("parse", "parse", "a.md")
    assert parsed["media_type"] == "text/markdown"
    assert parsed["characters"] == len(TEXT)
    assert [each["kind"] for each in parsed["elements"]] == ["title", "paragraph", "table"]
    assert [TEXT[each["start"] : each["end"]] for each in parsed["elements"]] == [
        each["text"] for each in parsed["elements"]
    ]
    assert parsed["elements"][2]["cells"] == [["a", "b"], ["c", "d"]]
    shown = project.type("parse", "a.md").lines
    assert shown[0].split() == ["type", "text/markdown"]
    assert any(line.split()[:2] == ["title", "1"] for line in shown)


def test_pages_and_boxes_of_a_pdf_are_shown(project):
    (project.folder / "a.pdf").write_bytes(pdf(prose("One page."), prose("Another.")))
    parsed = project.ask("parse", "parse", "a.pdf")
    assert [page["number"] for page in parsed["pages"]] == [1, 2]
    assert [each["page"] for each in parsed["elements"]] == [1, 2]
    assert all(len(box) == 4 for each in parsed["elements"] for box in each["boxes"])


@needs_tesseract
def test_what_was_recognized_says_how_surely(project):
    (project.folder / "a.png").write_bytes(file_of(picture("Hello there"), "PNG"))
    (element,) = project.ask("parse", "parse", "a.png")["elements"]
    assert element["obtained"] == "ocr"
    assert 0.5 < element["confidence"] <= 1
    assert "ocr 0." in project.type("parse", "a.png").out
    assert "OCR" in project.refused("parse", "a.png", "--no-ocr", code=1)[0]


def test_the_bytes_decide_what_it_is(project):
    (project.folder / "a.txt").write_bytes(word(paragraph("words")))
    assert project.ask("parse", "parse", "a.txt")["media_type"] == WORD


def test_a_file_that_cannot_be_read_says_why(project):
    (project.folder / "a.docx").write_bytes(word(paragraph("words"))[:900])
    assert project.refused("parse", "a.docx", code=1)[0].startswith("error: the document could")
    assert "no.md" in project.refused("parse", "no.md")[0]
    assert "'.'" in project.refused("parse", ".")[0]


def test_it_makes_no_home(project):
    (project.folder / "a.md").write_text(TEXT, "utf-8")
    before = sorted(project.folder.rglob("*"))
    project.type("parse", "a.md")
    assert sorted(project.folder.rglob("*")) == before


def test_a_document_held_back_for_an_extra_is_read_once_it_is_there(project, monkeypatch):
    (place,) = (place for place, (module, _) in EXTRAS.items() if module == "docx")
    monkeypatch.setitem(EXTRAS, place, ("brought_later", "office"))
    monkeypatch.syspath_prepend(str(project.folder / "site"))
    # In this process, where what is patched is seen.
    file = project.folder / "pipelines" / "all.py"
    here = file.read_text("utf-8").replace("extract(", 'extract.options(executor="threads")(')
    file.write_text(here, "utf-8")
    project.write(plain="plain words")
    (project.folder / "docs" / "a.docx").write_bytes(word(paragraph("words")))
    time.sleep(GRAIN)
    project.type("run", "strict")
    held = {
        each["key"]: each for each in project.ask("documents", "documents", "strict")["documents"]
    }
    assert held["a.docx"]["requirement"] == "library:brought_later"
    assert held["a.docx"]["reason"] == "library_missing"
    (project.folder / "site").mkdir()
    (project.folder / "site" / "brought_later.py").touch()
    project.type("run", "strict")
    (hit,) = project.ask("query", "query", "strict", "words", "-k", "1")["hits"]
    assert (hit["key"], hit["text"]) == ("a.docx", "words")
