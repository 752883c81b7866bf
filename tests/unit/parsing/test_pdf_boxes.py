"""The boxes of what is cut from a PDF are where its words are printed, and nowhere else."""

from collections import defaultdict
from contextlib import closing

import pypdfium2
import pypdfium2.raw as pdfium
import pytest

from ragflow.chunking.boundaries import cut
from ragflow.embedding.tokenizer import WordTokenizer
from ragflow.parsing.pdf_lines import Frame
from tests.unit.parsing.samples import outcome, read

PDF = "application/pdf"
BLANKS = {0x02, 0x09, 0x0A, 0x0D, 0x20, 0xA0, 0xFFFE}
#: Parts of a point; edges of boxes are rounded.
NEAR = 0.02


def words_of(data):
    """The boxes of each page's words, from those of their characters."""
    words = defaultdict(list)
    with closing(pypdfium2.PdfDocument(data)) as file:
        for number in range(len(file)):
            page = file[number]
            frame = Frame(page.get_bbox(), page.get_rotation())
            text = page.get_textpage()
            word = None
            for index in range(text.count_chars()):
                box = frame.placed(*text.get_charbox(index))
                if pdfium.FPDFText_GetUnicode(text.raw, index) in BLANKS:
                    word = None
                elif box[2] > box[0] and box[3] > box[1]:
                    if word is None:
                        word = [*box]
                        words[number + 1].append(word)
                    word[:2] = map(min, word[:2], box[:2])
                    word[2:] = map(max, word[2:], box[2:])
    return words


def area(boxes):
    return sum((right - left) * (bottom - top) for left, top, right, bottom in boxes)


def is_covered(word, boxes):
    return any(
        left - NEAR <= word[0] and top - NEAR <= word[1] and word[2] <= right + NEAR
        and word[3] <= bottom + NEAR
        for left, top, right, bottom in boxes
    )  # fmt: skip


def measured(data):
    """How many words have boxes, how many there are, and both areas."""
    content = read(data, PDF, ocr=False)
    chunks = defaultdict(set)
    for each in cut(content, WordTokenizer(limit=64)):
        for page, box in content.boxes_of(each.start, each.end):
            chunks[page].add(box)
    words = words_of(data)
    covered = sum(is_covered(word, chunks[page]) for page in words for word in words[page])
    return (
        covered,
        sum(map(len, words.values())),
        sum(area(chunks[page]) for page in words),
        sum(area(words[page]) for page in words),
    )


def check(files):
    totals = [0, 0, 0.0, 0.0]
    for file in files:
        data = file.read_bytes()
        if outcome(data, PDF, ocr=False) == "content":
            totals = [total + found for total, found in zip(totals, measured(data), strict=True)]
    covered, words, boxes, own = totals
    assert words > 5000
    assert covered >= 0.95 * words
    assert boxes <= 1.6 * own


def test_boxes_of_chunks_are_where_their_words_are(shared):
    # Measured 0.999 of the words at 1.46 times their area.
    check(sorted((shared / "corpora/pypdf-samples").rglob("*.pdf")))


@pytest.mark.slow
def test_boxes_of_a_book_are_where_its_words_are(shared):
    check(sorted((shared / "corpora/pdf-groundtruth").glob("*.pdf")))
