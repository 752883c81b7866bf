"""How does a pipeline look as a picture?

As Mermaid, which documents and code hosts draw, and as an SVG of our own that needs nothing
beside it. Boxes carry their own light ground and dark text, so both read on any page.
"""

import html
from collections.abc import Sequence

from ragflow.core.node import Branch, Node
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.rules import Rule
from ragflow.core.shapes import Shape
from ragflow.views.layout import lay_out

#: What a box says below the name, and its colour.
_KINDS = {
    Shape.SOURCE: ("source", "#d9ead3"),
    Shape.ITEM: ("per item", "#e3eaf6"),
    Shape.BATCH: ("per batch", "#d6dcf5"),
    Shape.GROUP: ("per group", "#e9e0f3"),
    Shape.GROUPING: ("grouping", "#efe8f6"),
    Shape.BRANCH: ("split", "#eef0f2"),
    Shape.UNION: ("united", "#eef0f2"),
    Shape.PARTS: ("parts", "#eef0f2"),
    Shape.STEP: ("step", "#f3ead3"),
    Shape.TARGET: ("target", "#f6dcd6"),
}
_BOXES = {
    Shape.SOURCE: ("([", "])"),
    Shape.TARGET: ("[(", ")]"),
    Shape.STEP: ("[[", "]]"),
    Shape.GROUPING: ("{{", "}}"),
    Shape.BRANCH: ("{", "}"),
    Shape.UNION: ("(", ")"),
    Shape.PARTS: ("(", ")"),
}

_LETTER = 7.3
_BOX_HEIGHT = 40
_SMALLEST_BOX = 84
_GAP_ACROSS = 44
_GAP_DOWN = 22
_MARGIN = 10

Point = tuple[float, float]


def mermaid(graph: PipelineGraph) -> str:
    """Return the pipeline as Mermaid; a dotted arrow only waits."""
    ids = {name: f"n{number}" for number, name in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for name, node in graph.nodes.items():
        left, right = _BOXES.get(node.shape, ("[", "]"))
        label = "<br/>".join(_quoted(text) for text in (name, _detail(node)))
        lines.append(f'    {ids[name]}{left}"{label}"{right}')
    for upstream, downstream, only_waits in _edges(graph):
        lines.append(f"    {ids[upstream]} {'-.->' if only_waits else '-->'} {ids[downstream]}")
    return "\n".join(lines)


def svg(graph: PipelineGraph) -> str:
    """Return the pipeline as an SVG document that stands by itself."""
    layout = lay_out(graph.network)
    widths = _layer_widths(graph, [place for place, _ in layout.places.values()], layout.layers)
    lefts = [_MARGIN + sum(widths[:n]) + n * _GAP_ACROSS for n in range(layout.layers)]
    width = _MARGIN * 2 + sum(widths) + max(0, layout.layers - 1) * _GAP_ACROSS
    height = _MARGIN * 2 + max(0, layout.height * (_BOX_HEIGHT + _GAP_DOWN) - _GAP_DOWN)
    parts = []
    for upstream, downstream, only_waits in _edges(graph):
        points: list[Point] = []
        for layer, place in layout.ways[upstream, downstream]:
            middle = _top(place) + _BOX_HEIGHT / 2
            points += [(lefts[layer], middle), (lefts[layer] + widths[layer], middle)]
        parts.append(_line(points[1:-1], only_waits=only_waits))
    for name, (layer, place) in layout.places.items():
        parts.append(_box(graph.nodes[name], (lefts[layer], _top(place)), widths[layer]))
    title = html.escape(f"pipeline {graph.pipeline}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{title}" '
        'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="12">'
        f"<title>{title}</title>{_ARROW}{''.join(parts)}</svg>"
    )


_ARROW = (
    '<defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0 8 4 0 8z" fill="#808890"/></marker></defs>'
)


def _edges(graph: PipelineGraph) -> list[tuple[str, str, bool]]:
    """Return (upstream, downstream, whether it only waits), each pair once."""
    edges: dict[tuple[str, str], bool] = {}
    for node in graph.nodes.values():
        edges |= {(before, node.name): True for before in node.after}
        edges |= {(upstream, node.name): False for upstream in node.data}
    return [(*pair, only_waits) for pair, only_waits in edges.items()]


def _detail(node: Node) -> str:
    """Return what a box says below the name: where a target writes, else the kind.

    With a side of a split goes what was asked and its answer, with a rule its name.
    """
    detail = node.end or _KINDS[node.shape][0]
    if isinstance(node.subject, Branch):
        asked = getattr(node.subject.by, "__name__", "by")
        return f"{asked}: {'yes' if node.subject.side else 'no'}"
    return detail if node.rule is Rule.ALL_SUCCEEDED else f"{detail}, {node.rule}"


def _layer_widths(graph: PipelineGraph, layers: Sequence[int], number: int) -> list[float]:
    widths = [float(_SMALLEST_BOX)] * number
    for node, layer in zip(graph.network, layers, strict=True):
        longest = max(len(node), len(_detail(graph.nodes[node])))
        widths[layer] = max(widths[layer], longest * _LETTER + 20)
    return widths


def _top(place: float) -> float:
    return _MARGIN + place * (_BOX_HEIGHT + _GAP_DOWN)


def _line(points: Sequence[Point], *, only_waits: bool) -> str:
    """Draw a way: level inside a layer, a soft bend between two."""
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for number, (x, y) in enumerate(points[1:], 1):
        before_x, before_y = points[number - 1]
        if number % 2 == 0:
            path += f"L{x:.1f} {y:.1f}"
        else:
            half = (before_x + x) / 2
            path += f"C{half:.1f} {before_y:.1f} {half:.1f} {y:.1f} {x:.1f} {y:.1f}"
    dashes = ' stroke-dasharray="4 4"' if only_waits else ""
    return (
        f'<path d="{path}" fill="none" stroke="#808890" stroke-width="1.5"{dashes} '
        'marker-end="url(#to)"/>'
    )


def _box(node: Node, corner: Point, width: float) -> str:
    left, top = corner
    middle = left + width / 2
    return (
        f'<g><rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{_BOX_HEIGHT}" '
        f'rx="6" fill="{_KINDS[node.shape][1]}" stroke="#808890"/>'
        f'<text x="{middle:.1f}" y="{top + 17:.1f}" text-anchor="middle" fill="#16202c" '
        f'font-weight="600">{html.escape(node.name)}</text>'
        f'<text x="{middle:.1f}" y="{top + 32:.1f}" text-anchor="middle" fill="#3c4856" '
        f'font-size="10">{html.escape(_detail(node))}</text></g>'
    )


def _quoted(text: str) -> str:
    """Spell what means something to Mermaid inside a quoted label."""
    return (
        text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
    )
