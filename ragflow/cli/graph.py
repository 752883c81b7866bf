"""``ragflow graph``: a pipeline as a picture."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ragflow.cli.options import PipelineName
from ragflow.cli.output import results
from ragflow.errors import UsageError


class Format(StrEnum):
    """What a graph can be printed as."""

    MERMAID = "mermaid"  #: text that documents and code hosts draw
    SVG = "svg"  #: a picture


def draw_graph(
    name: PipelineName,
    *,
    format: Annotated[
        Format | None,
        typer.Option(help="What to print; by the ending of the file, else mermaid."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it to a file.")
    ] = None,
) -> None:
    """Draw a pipeline as Mermaid or SVG; nothing runs."""
    from ragflow.api.project import find_pipeline
    from ragflow.config import find_project
    from ragflow.views.graphs import mermaid, svg

    is_named_svg = output is not None and output.suffix.lower() == ".svg"
    wanted = format or (Format.SVG if is_named_svg else Format.MERMAID)
    with results() as out:
        project = find_project()
        pipeline = find_pipeline(project, name)
        graph = pipeline.graph(**project.config.parameters.get(name, {}))
        text = svg(graph) if wanted is Format.SVG else mermaid(graph)
        if output is None:
            out.line(text)
            return
        try:
            output.write_text(f"{text}\n", encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{str(output)!r} cannot be written: {error.strerror}",
                hint="name a file in a folder that is there",
            ) from error
