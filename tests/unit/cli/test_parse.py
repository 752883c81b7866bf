"""What `ragflow parse` shows of a file, wherever it is typed."""

import time

from ragflow.parsing.reading import EXTRAS
from tests.unit.cli.conftest import GRAIN
from tests.unit.parsing.containers.made import encrypted as locked_archive
from tests.unit.parsing.containers.made import tarred, zipped
from tests.unit.parsing.packed import WORD, paragraph, word
from tests.unit.parsing.samples import encrypted, file_of, needs_tesseract, pdf, picture, prose

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
    assert [each["box_pages"] for each in parsed["elements"]] == [[1], [2]]


def test_it_says_how_well_it_was_read(project):
    (project.folder / "a.pdf").write_bytes(pdf(prose("One page."), []))
    quality = project.ask("parse", "parse", "a.pdf")["quality"]
    assert (quality["pages"], quality["empty_pages"], quality["odd_characters"]) == (2, 0.5, 0)
    assert "pages       2, 50% of them empty" in project.type("parse", "a.pdf").lines


def test_a_paragraph_over_two_pages_has_a_box_on_each(project):
    pages = (prose("It begins on a page and goes on", "until its end, which"), prose("is here."))
    (project.folder / "a.pdf").write_bytes(pdf(*pages))
    (element,) = project.ask("parse", "parse", "a.pdf")["elements"]
    assert (element["page"], element["box_pages"]) == (1, [1, 1, 2])
    shown = project.type("parse", "a.pdf").lines[-1].split()
    assert [len(part.split(",")) for part in shown[4:6]] == [4, 4]


def test_passwords_are_named_by_where_they_are_kept(project, monkeypatch):
    locked = encrypted(pdf(prose("Words.")), password="let me in")
    (project.folder / "a.pdf").write_bytes(locked)
    assert "encrypted" in project.refused("parse", "a.pdf", code=1)[0]
    (project.folder / "kept").write_text("let me out\n", "utf-8")
    refused = project.refused("parse", "a.pdf", "--passwords", "file:kept", code=1)
    assert "no password that was told opens it" in refused[0]
    (project.folder / "kept").write_text("let me out\nlet me in\n", "utf-8")
    (element,) = project.ask("parse", "parse", "a.pdf", "--passwords", "file:kept")["elements"]
    assert element["text"] == "Words."
    refused = project.refused("parse", "a.pdf", "--passwords", "let me in")
    assert not any("let me in" in line for line in refused)
    assert "env:NAME" in refused[0]


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


def test_an_archive_names_what_it_holds_and_each_is_shown_by_its_key(project):
    inner = tarred({"y.txt": b"Deep words."})
    (project.folder / "a.zip").write_bytes(zipped({"n/x.md": TEXT.encode(), "in.tgz": inner}))
    parsed = project.ask("parse", "parse", "a.zip")
    assert (parsed["characters"], parsed["elements"]) == (0, [])
    assert [each["name"] for each in parsed["holds"]] == ["in.tgz", "in.tgz!/y.txt", "n/x.md"]
    assert "in.tgz!/y.txt" in project.type("parse", "a.zip").out
    inside = project.ask("parse", "parse", "a.zip!/n/x.md")
    assert (inside["media_type"], inside["characters"]) == ("text/markdown", len(TEXT))
    assert "Deep words." in project.type("parse", "a.zip!/in.tgz!/y.txt").out
    error, hint = project.refused("parse", "a.zip!/n/y.md")
    assert "a.zip!/n/y.md" in error
    assert "parse 'a.zip'" in hint


def test_what_an_archive_holds_and_is_not_read_says_why(project):
    (project.folder / "a.zip").write_bytes(locked_archive(zipped({"a.txt": b"x", "b.txt": b"y"})))
    left_out = [each["left_out"] for each in project.ask("parse", "parse", "a.zip")["holds"]]
    assert "encrypted" in left_out[0]
    assert left_out[1] is None
    assert "encrypted" in project.type("parse", "a.zip").out


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
