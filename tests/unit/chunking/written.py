"""Contents for tests, written as lines: ``# Title``, ``* item``, ``| table``, anything else."""

from typing import get_args

from hypothesis import strategies as st

from ragflow.documents import Content, Element, ElementKind, Page

_MARKS: dict[str, ElementKind] = {"#": "title", "*": "list_item", "|": "table"}
#: What breaks naive splitters: signs without tokens, joined signs, long words, no blanks.
ODDITIES = [
    "a", "word", "Sentence one. ", "Is it? ", "e.g. this ", "Dr. X ", " ", "  ", "\n", "\n\n", "\t",
    "\f", "\r\n", "\u200b", "\x00", "e\u0301", "\u0301", "한국어", "日本語。", "你好！", "😀",
    "👩‍👩‍👧", "ﷺ", "ß", "İ", "x" * 120, "ab-cd_ef", "!!!abc", "12345678", "it's", "\ud800",
    "[SEP]", "<|endoftext|>", "\u00a0", "\u2028", "…", "»", "}));\n\n", "|---\n",
    "🇩🇪", "\U0001f468\u200d",
]  # fmt: skip

raw_texts = st.lists(st.sampled_from(ODDITIES) | st.text(max_size=3), max_size=120).map("".join)


def content(*blocks: str, between: str = "\n\n") -> Content:
    """Return the blocks as elements of one text, split by blank lines."""
    text = ""
    elements = []
    for block in blocks:
        mark, _, rest = block.partition(" ")
        kind = _MARKS.get(mark[:1], "paragraph")
        body = block if kind == "paragraph" else rest
        start = len(text)
        text += body + between
        level = len(mark) if kind == "title" else 0
        elements.append(Element(kind=kind, start=start, end=start + len(body), level=level))
    return Content(text=text, elements=tuple(elements))


@st.composite
def structured(draw: st.DrawFn) -> Content:
    """Draw a content with elements of every kind, odd text, pages, and odd gaps."""
    text, elements, pages = "", [], []
    for number in range(draw(st.integers(1, 12))):
        text += draw(st.sampled_from(["", "\n", "\n\n", "  "]))
        start = len(text)
        text += draw(raw_texts)
        kind = draw(st.sampled_from(get_args(ElementKind) + ("title",) * 4))
        level = draw(st.integers(0, 3)) if kind == "title" else 0
        elements.append(
            Element(kind=kind, start=start, end=len(text), level=level, page=number + 1)
        )
        pages.append(Page(number=number + 1, start=start, end=len(text)))
    kept = draw(st.booleans())
    return Content(text=text, elements=tuple(elements), pages=tuple(pages) if kept else ())


def slices(of: Content, cuts: list) -> list[str]:
    return [of.text[each.start : each.end] for each in cuts]
