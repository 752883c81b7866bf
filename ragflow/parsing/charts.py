"""What does a chart in an Office document show? Its title, and its numbers as a table."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ragflow.parsing.blocks import Block
from ragflow.parsing.tables import as_markdown, squared

_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"

_KIND = re.compile(re.escape(_CHART) + r"([a-z]+)(?:3D)?Chart")

#: The most points of a chart, and series of points, that are read.
_MOST_POINTS = 10_000
_MOST_SERIES = 200


def chart_caption(root: Any) -> Iterator[Block]:
    """Yield what kind of chart it is, and its title."""
    kinds = (_KIND.fullmatch(node.tag) for node in root.iterfind(f".//{_CHART}plotArea/*"))
    kind = next((f"{found[1].capitalize()} chart" for found in kinds if found), "")
    title = root.find(f"{_CHART}chart/{_CHART}title")
    words = "" if title is None else "".join(title.itertext(f"{_DRAWING}t", f"{_CHART}v"))
    text = ": ".join(filter(None, (kind, " ".join(words.split()))))
    yield Block(text=text, kind="caption")


def chart_blocks(root: Any) -> Iterator[Block]:
    """Yield the title of a chart, then a row for each category and a column for each series."""
    yield from chart_caption(root)
    series = list(root.iter(f"{_CHART}ser"))[:_MOST_SERIES]
    columns = [_points(each, ("val", "yVal", "bubbleSize")) for each in series]
    names: dict[int, str] = {}
    for each in series:
        names = names or _points(each, ("cat", "xVal"))
    numbers = sorted({place for column in (names, *columns) for place in column})[:_MOST_POINTS]
    if not numbers:
        return
    heads = ["", *(" ".join(_texts(each.find(f"{_CHART}tx"))) for each in series)]
    rows: list[Sequence[str]] = [heads]
    rows += [
        [names.get(place, ""), *(column.get(place, "") for column in columns)] for place in numbers
    ]
    cells = squared(rows)
    yield Block(text=as_markdown(cells), kind="table", cells=cells)


def _points(series: Any, kinds: Sequence[str]) -> dict[int, str]:
    for kind in kinds:
        found = series.find(_CHART + kind)
        if found is not None:
            return {
                int(point.get("idx", "0")): " ".join(_texts(point))
                for point in found.iter(f"{_CHART}pt")
            }
    return {}


def _texts(node: Any) -> Iterator[str]:
    if node is not None:
        for value in node.iter(f"{_CHART}v"):
            yield value.text or ""
