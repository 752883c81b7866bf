"""What is on the slides of a PowerPoint presentation? Slide by slide, its notes after it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pptx
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.util import Length

from ragflow.documents import Box, Content, Document
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.blocks import Block, Sheet, compose_pages
from ragflow.parsing.boxes import rounded
from ragflow.parsing.charts import chart_blocks
from ragflow.parsing.comments import comment_blocks, people_of
from ragflow.parsing.formulas import MATH, formula
from ragflow.parsing.packages import Package, Readings, title_and_language
from ragflow.parsing.reasons import Reason, skipped
from ragflow.parsing.spanned_tables import SpannedTable

_MAIN = b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
#: Slide shows, templates and presentations with macros are read as presentations.
_RENAMED = {
    b"application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml": _MAIN,
    b"application/vnd.openxmlformats-officedocument.presentationml.template.main+xml": _MAIN,
    b"application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml": _MAIN,
    b"application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml": _MAIN,
    b"application/vnd.ms-powerpoint.template.macroEnabled.main+xml": _MAIN,
}
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_SLIDE = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_COMPATIBLE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"

_TITLES = (PP_PLACEHOLDER.TITLE, PP_PLACEHOLDER.CENTER_TITLE, PP_PLACEHOLDER.VERTICAL_TITLE)
_BODIES = (PP_PLACEHOLDER.BODY, PP_PLACEHOLDER.OBJECT, PP_PLACEHOLDER.VERTICAL_BODY)
_ASIDES = (
    *(PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER),
    *(PP_PLACEHOLDER.HEADER, PP_PLACEHOLDER.SLIDE_NUMBER),
)
#: Groups in groups beyond this depth are left out.
_DEEPEST_GROUP = 30


class PresentationParser:
    """Reads PowerPoint presentations (PPTX); a slide is a page, and shapes have boxes.

    The title of a slide is a heading; what has bullets or numbers is a list. Shapes come in
    the order in which they lie, the title first. Speakers' notes and comments follow their
    slide. Charts come as tables, diagrams as lists.
    """

    media_types: tuple[str, ...] = (
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    )

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the text of all slides, a paragraph an element."""
        package = Package(document.read())
        show = pptx.Presentation(package.for_office(_RENAMED))
        size = (_points(show.slide_width), _points(show.slide_height))
        readings = Readings()
        people = people_of(_related(show.part, readings, "/commentAuthors", "/authors"))
        composition = compose_pages(
            Sheet(number=number, size=size, blocks=tuple(_slide_blocks(slide, people, readings)))
            for number, slide in enumerate(_once(show.slides), 1)
        )
        if not composition.elements:
            raise skipped(Reason.NO_TEXT, "there is no text on the slides")
        title, language = title_and_language(package)
        return Content(
            text=composition.text,
            elements=composition.elements,
            pages=composition.pages,
            title=title,
            language=language,
        )


def _points(length: Length | None) -> float:
    return 0.0 if length is None else round(length / 12_700, 2)


def _once(slides: Iterable[Any]) -> Iterator[Any]:
    """Yield each slide once; a presentation may list one without end."""
    seen = set()
    for slide in slides:
        if slide.part.partname not in seen:
            seen.add(slide.part.partname)
            yield slide


def _related(part: Any, readings: Readings, *kinds: str) -> Iterator[Any]:
    """Yield the roots of the parts of these kinds that a part refers to."""
    for relation in part.rels.values():
        if not relation.is_external and relation.reltype.endswith(kinds):
            yield readings.root(relation.target_part)


def _slide_blocks(slide: Any, people: Mapping[str, str], readings: Readings) -> Iterator[Block]:
    shapes = list(slide.shapes)
    # A stable sort: what is no title stays in order.
    for shape in sorted(shapes, key=lambda shape: _role(shape) not in _TITLES):
        yield from _shape_blocks(shape, _box(shape), readings, depth=0)
    for node in slide.element.iterfind(
        f"{_SLIDE}cSld/{_SLIDE}spTree/{_COMPATIBLE}AlternateContent"
    ):
        yield from _unknown_blocks(node)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        body = slide.notes_slide.notes_text_frame._txBody  # noqa: SLF001 - it has no public name
        for paragraph in body.iterfind(f"{_DRAWING}p"):
            yield Block(text=_words(paragraph))
    for root in _related(slide.part, readings, "/comments"):
        yield from comment_blocks(root, people)


def _role(shape: Any) -> Any:
    return shape.placeholder_format.type if shape.is_placeholder else None


def _box(shape: Any) -> tuple[Box, ...]:
    left, top, width, height = shape.left, shape.top, shape.width, shape.height
    if left is None or top is None or width is None or height is None:
        return ()
    return (rounded((left, top, left + width, top + height), scale=1 / 12_700),)


def _shape_blocks(
    shape: Any, boxes: tuple[Box, ...], readings: Readings, *, depth: int
) -> Iterator[Block]:
    if hasattr(shape, "shapes"):
        # What is in a group is placed in measures of the group, so it has the group's box.
        for inner in shape.shapes if depth < _DEEPEST_GROUP else ():
            yield from _shape_blocks(inner, boxes, readings, depth=depth + 1)
    elif getattr(shape, "has_table", False):
        for block in _table_blocks(shape.table):
            yield _placed(block, boxes)
    elif getattr(shape, "has_chart", False):
        for block in chart_blocks(readings.root(shape.chart_part)):
            yield _placed(block, boxes)
    elif shape.has_text_frame:
        yield from _text_blocks(shape, boxes)
    else:
        for block in _diagram_blocks(shape, readings):
            yield _placed(block, boxes)


def _placed(block: Block, boxes: tuple[Box, ...]) -> Block:
    return Block(
        text=block.text,
        kind=block.kind,
        level=block.level,
        gap=block.gap,
        boxes=boxes,
        cells=block.cells,
    )


def _text_blocks(shape: Any, boxes: tuple[Box, ...]) -> Iterator[Block]:
    body = shape.text_frame._txBody  # noqa: SLF001 - it has no public name
    paragraphs = body.findall(f"{_DRAWING}p")
    role = _role(shape)
    if role in _TITLES:
        words = " ".join(" ".join(map(_words, paragraphs)).split())
        yield Block(text=words, kind="title", level=1, boxes=boxes)
        return
    counts: dict[int, int] = {}
    for paragraph in paragraphs:
        words = _words(paragraph).strip()
        if role in _ASIDES:
            yield Block(text=words, kind="header_footer", boxes=boxes)
            continue
        depth = _depth(paragraph)
        mark = _mark(paragraph, body, counts, depth, is_body=role in _BODIES) if words else None
        if mark is None:
            yield Block(text=words, boxes=boxes)
        else:
            gap = "\n" + "  " * depth
            yield Block(text=mark + words, kind="list_item", level=depth + 1, gap=gap, boxes=boxes)


def _depth(paragraph: Any) -> int:
    properties = paragraph.find(f"{_DRAWING}pPr")
    stated = "0" if properties is None else properties.get("lvl", "0")
    return min(int(stated), 8) if stated.isdecimal() else 0


def _mark(
    paragraph: Any, body: Any, counts: dict[int, int], depth: int, *, is_body: bool
) -> str | None:
    """Return the mark of a list item, None for a paragraph that is none."""
    places = (
        paragraph.find(f"{_DRAWING}pPr"),
        body.find(f"{_DRAWING}lstStyle/{_DRAWING}lvl{depth + 1}pPr"),
    )
    for properties in places:
        if properties is None:
            continue
        if properties.find(f"{_DRAWING}buNone") is not None:
            return None
        if properties.find(f"{_DRAWING}buChar") is not None:
            return "- "
        numbered = properties.find(f"{_DRAWING}buAutoNum")
        if numbered is not None:
            start = numbered.get("startAt", "1")
            first = int(start) if start.isdecimal() else 1
            counts[depth] = counts.get(depth, first - 1) + 1
            for deeper in [place for place in counts if place > depth]:
                del counts[deeper]
            return f"{counts[depth]}. "
    return "- " if is_body else None


def _words(paragraph: Any) -> str:
    words: list[str] = []
    _gather(paragraph, words)
    return "".join(words)


def _gather(node: Any, words: list[str]) -> None:
    for child in node:
        tag = child.tag
        if tag == f"{_DRAWING}t":
            words.append(child.text or "")
        elif tag == f"{_DRAWING}br":
            words.append("\n")
        elif tag == f"{MATH}oMath":
            words.append(f"${formula(child)}$")
        elif tag == f"{_COMPATIBLE}AlternateContent":
            _gather(_chosen(child), words)
        elif isinstance(tag, str):
            _gather(child, words)


def _chosen(node: Any) -> Any:
    choice = node.find(f"{_COMPATIBLE}Choice")
    if choice is None:
        choice = node.find(f"{_COMPATIBLE}Fallback")
    return () if choice is None else choice


def _unknown_blocks(node: Any) -> Iterator[Block]:
    """Yield the paragraphs of shapes that the library passes over."""
    for chosen in _chosen(node):
        for paragraph in chosen.iter(f"{_DRAWING}p"):
            yield Block(text=_words(paragraph))


def _table_blocks(grid: Any) -> Iterator[Block]:
    table = SpannedTable()
    for row in grid.rows:
        table.begin_row()
        for cell in row.cells:
            if cell.is_spanned:
                continue
            columns, rows = (cell.span_width, cell.span_height) if cell.is_merge_origin else (1, 1)
            # PowerPoint's tables hold data; page layout is done with shapes.
            table.begin_cell(columns=columns, rows=rows, heads=True)
            for paragraph in cell.text_frame._txBody.iterfind(f"{_DRAWING}p"):  # noqa: SLF001
                words = _words(paragraph)
                if words.strip():
                    table.write(Block(text=words))
        table.end_cell()
    yield from table.blocks()


def _diagram_blocks(shape: Any, readings: Readings) -> Sequence[Block]:
    blocks = []
    for reference in shape.element.iter(f"{_DIAGRAM}relIds"):
        part = shape.part.related_part(reference.get(f"{_RELATION}dm", ""))
        for point in readings.root(part).iter(f"{_DIAGRAM}pt"):
            words = " ".join("".join(point.itertext(f"{_DRAWING}t")).split())
            if words:
                blocks.append(Block(text=f"- {words}", kind="list_item", level=1, gap="\n"))
    return blocks
