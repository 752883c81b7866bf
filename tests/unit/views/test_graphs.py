import xml.etree.ElementTree as ET

import pytest

from ragflow import Document, pipeline, task
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.tasks import extract, files, read, split
from ragflow.views.graphs import mermaid, svg
from tests.unit.views.drawn import graph, handbook

SVG = "{http://www.w3.org/2000/svg}"


@task(per="run")
def prepare() -> int:
    return 1


@task(per="run")
def tell() -> None: ...


@pipeline(name='a "quoted" <name>')
def waiting() -> None:
    tell.options(after=prepare())()


def is_large(document: Document) -> bool:
    return len(document.data) > 5


@pipeline
def branching() -> None:
    documents = read(files("docs"))
    large, small = split(documents, by=is_large)
    content = extract(large)
    _ = content | extract.options(name="again", when="any_failed", after=content)(documents)
    extract(small)


def test_a_split_says_what_was_asked_and_a_rule_its_name():
    drawn = mermaid(branching.graph()).splitlines()
    assert '    n1{"split<br/>is_large: yes"}' in drawn
    assert '    n2{"split-2<br/>is_large: no"}' in drawn
    assert '    n4("extract-parts<br/>parts")' in drawn
    assert '    n7["again<br/>per item, any_failed"]' in drawn
    assert '    n11("union<br/>united")' in drawn
    assert {"    n6 -.-> n7", "    n6 --> n11", "    n10 --> n11"} <= set(drawn)
    ET.fromstring(svg(branching.graph()))


def test_mermaid_names_every_task_and_every_edge():
    assert mermaid(graph()).splitlines() == [
        "flowchart LR",
        '    n0(["read<br/>source"])',
        '    n1["extract<br/>per item"]',
        '    n2("extract-parts<br/>parts")',
        '    n3["recognize<br/>per item"]',
        '    n4["assemble<br/>per item"]',
        '    n5["chunk<br/>per item"]',
        '    n6["embed<br/>per batch"]',
        '    n7[("upsert<br/>collection:handbook")]',
        "    n0 --> n1",
        "    n1 --> n2",
        "    n2 --> n3",
        "    n0 --> n3",
        "    n1 --> n4",
        "    n2 --> n4",
        "    n3 --> n4",
        "    n4 --> n5",
        "    n5 --> n6",
        "    n5 --> n7",
        "    n6 --> n7",
    ]


def test_what_only_waits_is_drawn_otherwise():
    assert "n0 -.-> n1" in mermaid(waiting.graph())
    assert svg(waiting.graph()).count("stroke-dasharray") == 1


def test_the_svg_is_well_formed_and_needs_nothing_beside_it():
    root = ET.fromstring(svg(graph()))
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"read", "extract", "chunk", "embed", "upsert", "collection:handbook"} <= set(texts)
    assert "href" not in svg(graph())
    lines = [path for path in root.iter(f"{SVG}path") if path.get("marker-end")]
    assert len(lines) == 11


def test_everything_lies_within_the_picture_and_no_box_on_another():
    root = ET.fromstring(svg(graph()))
    width, height = float(root.get("width")), float(root.get("height"))
    boxes = [
        tuple(float(box.get(side)) for side in ("x", "y", "width", "height"))
        for box in root.iter(f"{SVG}rect")
    ]
    assert all(x >= 0 and y >= 0 and x + w <= width and y + h <= height for x, y, w, h in boxes)
    for n, (x, y, w, h) in enumerate(boxes):
        for other_x, other_y, other_w, other_h in boxes[n + 1 :]:
            assert (
                x + w <= other_x
                or other_x + other_w <= x
                or y + h <= other_y
                or other_y + other_h <= y
            )


@pytest.mark.parametrize("draw", [mermaid, svg])
def test_a_name_is_never_markup(draw):
    text = draw(handbook.graph(collection='x"<script>&'))
    assert "<script>" not in text


def test_the_title_is_never_markup():
    assert ET.fromstring(svg(waiting.graph())).find(f"{SVG}title").text == (
        'pipeline a "quoted" <name>'
    )


def test_a_pipeline_without_tasks_is_an_empty_picture():
    empty = PipelineGraph("empty", [])
    assert mermaid(empty) == "flowchart LR"
    assert ET.fromstring(svg(empty)).find(f"{SVG}rect") is None


def test_jupyter_is_given_both():
    shown = handbook._repr_mimebundle_()
    assert shown["image/svg+xml"].startswith("<svg")
    assert shown["text/plain"].startswith("flowchart")
