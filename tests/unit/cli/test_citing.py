"""From a hit to the place on the page it stands on, and how well its document was read."""

import io
import json
import time

import pytest
from PIL import Image, ImageChops

from ragflow import Index
from ragflow.parsing import reading
from ragflow.parsing.boxes import around
from ragflow.parsing.pdf_file import opened
from ragflow.runtime.home import open_home
from tests.unit.cli.conftest import GRAIN
from tests.unit.parsing.samples import encrypted, file_of, needs_tesseract, pdf, picture, prose

PIPELINES = '''
from ragflow import Content, Quality, Secret, pipeline, task
from ragflow.tasks import check, chunk, embed, extract, files, read, split, upsert


@task
def redact(content: Content) -> Content:
    """Take out what is secret, wherever it stands."""
    while (place := content.text.find("Swordfish")) >= 0:
        content = content.replace((place, place + 9), "[removed]")
    return content


@pipeline
def redacted(collection: str = "redacted") -> None:
    content = redact(extract.options(memo=False)(read(files("docs"))))
    chunks = chunk(content, model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)


@pipeline
def good(otherwise: str = "fail", collection: str = "good") -> None:
    content = check(extract(read(files("docs"))), odd_characters=0.1, otherwise=otherwise)
    chunks = chunk(content, model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)


@pipeline
def locked(collection: str = "locked") -> None:
    chunks = chunk(extract(read(files("docs")), passwords=Secret("env:PW")), model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)


def readable(content: Content) -> bool:
    return Quality(odd_characters=0.1).is_good(content)


@pipeline
def parted(collection: str = "parted") -> None:
    fine, poor = split(extract(read(files("docs"))), by=readable)
    chunks = chunk(fine, model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)
    chunk(poor, model="hashing", whole=True)
'''

#: What begins a section, and so a chunk.
HEADING = (72.0, 760.0, 24.0, "Notices")


@pytest.fixture
def desk(project):
    """A project whose documents are a PDF of two pages and a text."""
    (project.folder / "pipelines" / "citing.py").write_text(PIPELINES, encoding="utf-8")
    project.write(plain="Some plain words about the harbour.")
    put(
        project,
        "a.pdf",
        pdf(
            [HEADING, *prose("The password of the door is Swordfish today.")],
            [HEADING, *prose("Keys are kept in the red cupboard.", "Ask for Swordfish there.")],
        ),
    )
    return project


def put(project, name, data):
    (project.folder / "docs" / name).write_bytes(data)
    time.sleep(GRAIN)


def hit(project, collection, question):
    return project.ask("query", "query", collection, question, "-k", "1")["hits"][0]


def marked(image, plain):
    """The box of pixels in which two images differ."""
    return ImageChops.difference(image.convert("RGB"), plain.convert("RGB")).getbbox()


def image_at(path):
    return Image.open(io.BytesIO(path.read_bytes()))


def plain_page(data, number):
    with opened(data) as file:
        return file.drawn(number - 1, resolution=144, colored=True)[0]


def test_a_hit_is_followed_to_its_page(desk):
    desk.type("run", "strict")
    found = hit(desk, "strict", "Where are keys kept?")
    shown = desk.type("query", "strict", "Where are keys kept?", "-k", "1").lines
    start, end = found["start"], found["end"]
    assert f"a.pdf, page 2, characters {start}-{end}" in shown[0]
    assert shown[1] == f"   chunk {found['id']}"
    cited = desk.ask("cite", "cite", found["id"])
    assert (cited["key"], cited["pages"], cited["obtained"]) == ("a.pdf", [2], "text")
    assert (cited["start"], cited["end"], cited["text"]) == (start, end, found["text"])
    assert cited["is_current"] is True
    parsed = desk.ask("parse", "parse", "docs/a.pdf")
    boxes = [each["boxes"] for each in parsed["elements"] if each["page"] == 2]
    assert [each["box"] for each in cited["boxes"]] == [box for of in boxes for box in of]
    lines = desk.type("cite", found["id"]).lines
    assert "page        2" in lines
    assert f"characters  {start}-{end}" in lines
    assert "now         as it was indexed" in lines
    assert lines[-1].endswith("Swordfish there.")


def test_its_boxes_are_drawn_on_the_page(desk):
    desk.type("run", "strict")
    found = hit(desk, "strict", "Where are keys kept?")
    cited = desk.ask("cite", "cite", found["id"], "--image", "out.png")
    assert cited["images"] == ["out.png"]
    page = image_at(desk.folder / "out.png")
    assert page.size == (1224, 1584)
    plain = plain_page((desk.folder / "docs" / "a.pdf").read_bytes(), 2)
    [heading, *_, box] = [each["box"] for each in cited["boxes"]]
    both = around([each["box"] for each in cited["boxes"]])
    assert both[1] == heading[1]
    assert marked(page, plain) == pytest.approx([2 * edge for edge in both], abs=7)
    # What is written there can still be read through the mark.
    inside = page.convert("L").crop([round(2 * edge) for edge in box])
    assert inside.getextrema()[0] < 100
    assert desk.type("cite", found["id"], "--image", "again.png").err == "wrote again.png\n"


def test_a_chunk_on_several_pages_gives_an_image_each(desk):
    put(desk, "a.pdf", pdf(prose("First page words."), prose("Second page words.")))
    desk.type("run", "strict")
    found = hit(desk, "strict", "page words")
    assert desk.ask("cite", "cite", found["id"])["pages"] == [1, 2]
    images = desk.ask("cite", "cite", found["id"], "--image", "out.png")["images"]
    assert images == ["out-1.png", "out-2.png"]
    assert all((desk.folder / name).is_file() for name in images)
    assert not (desk.folder / "out.png").exists()


@needs_tesseract
def test_a_picture_is_drawn_as_it_is_and_says_how_surely_it_was_read(desk):
    put(desk, "b.png", file_of(picture("Umbrellas are lent"), "PNG", dpi=(144, 144)))
    desk.type("run", "strict")
    found = hit(desk, "strict", "umbrellas lent")
    assert found["payload"]["obtained"] == "ocr"
    cited = desk.ask("cite", "cite", found["id"], "--image", "out.png")
    assert (cited["key"], cited["obtained"]) == ("b.png", "ocr")
    assert 0.5 < cited["confidence"] <= 1
    page = image_at(desk.folder / "out.png")
    assert page.size == (1000, 260)
    where = marked(page, picture("Umbrellas are lent"))
    [box] = [each["box"] for each in cited["boxes"]]
    assert where == pytest.approx([2 * edge for edge in box], abs=7)
    shown = desk.type("documents", "show", "b.png").out
    assert "recognized" in shown
    assert "100% of the text, with a confidence of" in shown


def test_what_cannot_be_drawn_says_what_to_do(desk):
    desk.type("run", "strict")
    plain = hit(desk, "strict", "harbour")
    assert "page" not in desk.type("cite", plain["id"]).out
    error, hint = desk.refused("cite", plain["id"], "--image", "out.png")
    assert "stands on no page" in error
    assert f"{plain['start']}-{plain['end']}" in hint
    found = hit(desk, "strict", "Where are keys kept?")
    assert "out.jpg" in desk.refused("cite", found["id"], "--image", "out.jpg")[0]
    assert "cannot be written" in desk.refused("cite", found["id"], "--image", "no/out.png")[0]
    assert desk.refused("cite", "ab" * 16)[0] == f"error: there is no chunk '{'ab' * 16}'"
    assert desk.ask("cite", "cite", found["id"][:24])["id"] == found["id"]


def test_an_encrypted_document_is_drawn_with_its_password(desk, monkeypatch):
    monkeypatch.setenv("PW", "let me in")
    put(desk, "a.pdf", encrypted(pdf(prose("Keys are kept in the safe.")), password="let me in"))
    desk.type("run", "locked")
    found = hit(desk, "locked", "Where are keys kept?")
    refused = desk.type("cite", found["id"], "--image", "out.png", code=1)
    assert "encrypted" in refused.err
    desk.type("cite", found["id"], "--image", "out.png", "--passwords", "env:PW")
    assert image_at(desk.folder / "out.png").size == (1224, 1584)


def test_a_document_that_changed_since_is_not_drawn(desk):
    desk.type("run", "strict")
    found = hit(desk, "strict", "Where are keys kept?")
    put(desk, "a.pdf", pdf(prose("Something else.")))
    assert "now         changed since it was indexed" in desk.type("cite", found["id"]).lines
    error, hint = desk.refused("cite", found["id"], "--image", "out.png")
    assert error == f"error: 'a.pdf' changed since chunk {found['id']} was cut from it"
    assert "ragflow run" in hint
    assert "changed since it was last read" in desk.type("documents", "show", "a.pdf").out
    (desk.folder / "docs" / "a.pdf").unlink()
    assert desk.ask("cite", "cite", found["id"])["is_current"] is None
    assert "cannot be read now" in desk.refused("cite", found["id"], "--image", "out.png")[0]
    assert "cannot be read now" in desk.type("documents", "show", "a.pdf").out


def test_a_citation_shows_its_page_in_a_notebook(desk):
    desk.type("run", "strict")
    with Index.open("strict", project=desk.folder) as index:
        [found] = index.search("Where are keys kept?", k=1)
        citation = index.cite(found)
        assert index.cite(found.id).passage == citation.passage
        [plain] = index.search("harbour", k=1)
        bare = index.cite(plain)
    # Drawn of the document as it was loaded, though the index is closed.
    assert Image.open(io.BytesIO(citation._repr_png_())).size == (1224, 1584)
    assert list(citation.pages()) == [2]
    assert bare._repr_png_() is None
    assert "harbour" in repr(bare)


def test_what_was_redacted_is_nowhere_and_the_rest_is_cited_right(desk):
    desk.type("run", "redacted")
    whole = desk.ask("parse", "parse", "docs/a.pdf")
    [first, *_, last] = [each for each in whole["elements"] if "Swordfish" in each["text"]]
    found = hit(desk, "redacted", "Where are keys kept?")
    assert "[removed] there" in found["text"]
    assert found["page"] == 2
    assert found["end"] == last["end"]
    assert "Swordfish" in last["text"]
    cited = desk.ask("cite", "cite", found["id"], "--image", "out.png")
    assert cited["boxes"][-1] == {"page": 2, "box": last["boxes"][-1]}
    assert (desk.folder / "out.png").is_file()
    rows = desk.type("export", "redacted").out
    assert rows.count("[removed]") == 2
    assert "Swordfish" not in rows
    assert first["page"] == 1
    # Neither in what is remembered, nor anywhere in the files of the home.
    with open_home(desk.folder) as home:
        kept = list(remembered(home))
        assert any(b"[removed]" in value for value in kept)
        assert not any(b"Swordfish" in value for value in kept)
        # Behind the last row of its index Chroma writes whatever lies in memory; see `scrub`.
        home.vectors.scrub()
    files = [path for path in home.folder.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if b"Swordfish" in path.read_bytes()] == []


def remembered(home):
    """The bytes of every memo of a home, unpacked."""
    keys = [row[0] for row in home.metadata.memos._connections.fetch("SELECT key FROM memo")]
    yield from home.metadata.memos.get_many(keys).values()


def test_a_document_shows_how_well_it_was_read_and_its_twins(desk):
    put(desk, "copy.pdf", (desk.folder / "docs" / "a.pdf").read_bytes())
    put(desk, "empty-page.pdf", pdf(prose("Words."), [], prose("\x02" * 10)))
    desk.type("run", "strict")
    [shown] = desk.ask("documents", "documents", "show", "a.pdf")["documents"]
    told = shown["reading"]
    assert told["place"] == {"folder": "docs"}
    assert told["size"] == (desk.folder / "docs" / "a.pdf").stat().st_size
    assert told["quality"]["pages"] == 2
    assert told["quality"]["empty_pages"] == 0
    assert [each["key"] for each in told["same_content"]] == ["copy.pdf"]
    assert told["problems"] == []
    [shown] = desk.ask("documents", "documents", "show", "empty-page.pdf")["documents"]
    assert shown["reading"]["quality"]["empty_pages"] > 0.3
    text = desk.type("documents", "show", "a.pdf").out
    assert "same content  copy.pdf" in text
    assert "pages         2, 0% of them empty" in text


def test_showing_a_document_parses_nothing(desk, monkeypatch):
    desk.type("run", "strict")
    monkeypatch.setattr(reading, "parse", None)
    [shown] = desk.ask("documents", "documents", "show", "a.pdf")["documents"]
    assert shown["reading"]["quality"]["pages"] == 2


def test_a_document_that_was_never_read_says_so(desk):
    put(desk, "blob.bin", b"\x00\x01\x02\x03" * 9)
    desk.type("run", "strict")
    [shown] = desk.ask("documents", "documents", "show", "blob.bin")["documents"]
    assert shown["reading"]["quality"] is None
    assert "not known" in shown["reading"]["problems"][0]


BAD = "\ue001\ue002\ue003 words"


def test_a_document_read_too_badly_fails_and_keeps_its_rows(desk):
    desk.write(poor="These words were fine once.")
    desk.type("run", "good")
    before = desk.type("export", "good").out
    desk.write(poor=BAD)
    done = desk.ask("run", "run", "good", code=3)
    assert done["documents"]["failed"] == 1
    assert desk.type("export", "good").out == before
    [shown] = desk.ask("documents", "documents", "show", "poor.txt")["documents"]
    assert (shown["reason"], shown["task"]) == ("poor_quality", "check")
    assert "mean nothing, more than odd_characters=0.1" in shown["message"]
    # What it was read as is shown all the same.
    assert shown["reading"]["quality"]["odd_characters"] > 0.1
    # It is held back until its content or the check changes.
    assert desk.ask("run", "run", "good")["documents"]["held_back"] == 1
    desk.write(poor="These words are fine again.")
    assert desk.ask("run", "run", "good")["documents"]["modified"] == 1


def test_a_document_read_too_badly_may_be_skipped(desk):
    desk.write(poor=BAD)
    done = desk.ask("run", "run", "good", "-p", "otherwise=skip")
    assert (done["state"], done["documents"]["skipped"]) == ("succeeded", 1)
    [shown] = desk.ask("documents", "documents", "show", "poor.txt")["documents"]
    assert (shown["reason"], shown["chunks"]) == ("poor_quality", 0)


def test_too_many_bad_documents_halt_a_run(desk):
    desk.write(poor=BAD, worse=f"{BAD}{BAD}", worst=BAD * 3)
    halted = desk.type("run", "good", "--max-failed", "50%", code=1)
    assert "3" in halted.err
    assert "50%" in halted.err
    again = desk.ask("run", "run", "good", "--max-failed", "80%", "--force", code=3)
    assert (again["state"], again["documents"]["failed"]) == ("succeeded_with_failures", 3)
    stopped = desk.type("run", "good", "--max-failed", "0", "--force", code=1)
    assert "failed, more than the 0" in stopped.err


def test_documents_are_parted_by_how_well_they_were_read(desk):
    desk.write(poor=BAD)
    desk.type("run", "parted")
    keys = {each["payload"]["key"] for each in rows(desk, "parted")}
    assert keys == {"a.pdf", "plain.txt"}


def rows(project, collection):
    return [json.loads(line) for line in project.type("export", collection).lines]
