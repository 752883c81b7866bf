"""How one document reads: where it stands, and how well it was read."""

from ragflow.core.records import OwnerView
from ragflow.core.states import OwnerState
from ragflow.views.documents import owner_text

OWNER = OwnerView(
    key="guide/keys.pdf",
    source="",
    instance="handbook",
    state=OwnerState.SUCCEEDED,
    reason=None,
    message=None,
    version="ab" * 20,
    chunks=1200,
    metadata={"media_type": "application/pdf"},
    requirement="program:tesseract",
    dead_letter=7,
)
READING = {
    "place": {"folder": "docs"},
    "size": 12_345,
    "is_current": True,
    "quality": {
        "characters": 2000,
        "pages": 12,
        "empty_pages": 0.25,
        "recognized": 0.5,
        "ocr_confidence": 0.912,
        "odd_characters": 0.0001,
        "duplicates": 0.0,
    },
    "same_content": [{"key": name} for name in ("a.pdf", "b.pdf", "c.pdf", "d.pdf")],
    "problems": [],
}


def test_one_document_tells_all_that_is_known_and_no_empty_line():
    lines = owner_text(OWNER, "handbook").splitlines()
    assert "needs        program:tesseract" in lines
    assert "dead letter  7" in lines
    assert "media_type   application/pdf" in lines
    assert not any(line.startswith(("reason", "task", "source")) for line in lines)


def test_it_tells_how_well_it_was_read_and_what_is_the_same():
    lines = owner_text(OWNER, "handbook", reading=READING).splitlines()
    assert "from          folder docs" in lines
    assert "size          12,345 bytes" in lines
    assert "pages         12, 25% of them empty" in lines
    assert "characters    2,000, <0.1% of them odd" in lines
    assert "recognized    50% of the text, with a confidence of 0.91" in lines
    assert "duplicates    0% of the text stands in it before" in lines
    assert "same content  a.pdf, b.pdf, c.pdf and 1 more" in lines


def test_what_is_not_known_is_said():
    reading = {**READING, "size": 3, "is_current": False, "quality": None, "problems": ["no memo"]}
    lines = owner_text(OWNER, "handbook", reading=reading).splitlines()
    assert "size          3 bytes; changed since it was last read" in lines
    assert "note          no memo" in lines
    assert not any(line.startswith("pages") for line in lines)
