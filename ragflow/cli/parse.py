"""``ragflow parse``: what would be indexed of a file, without a home."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragflow.cli.options import Json
from ragflow.cli.output import enveloped, plain, results
from ragflow.errors import NotFoundError

if TYPE_CHECKING:
    from ragflow.documents import Content


def parse_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to read.")],
    *,
    languages: Annotated[
        str, typer.Option(help="Languages for OCR, as Tesseract names them, joined by +.")
    ] = "eng",
    ocr: Annotated[bool, typer.Option(help="Recognize pages without text.")] = True,
    as_json: Json = False,
) -> None:
    """Show what would be indexed of a file."""
    from ragflow.documents import Document
    from ragflow.interfaces.ingestion import ParseOptions
    from ragflow.parsing.media_types import HEAD, media_type, read_as
    from ragflow.parsing.reading import parse
    from ragflow.views.parsed import parsed_text

    try:
        data = file.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"the file {str(file)!r} cannot be read: {error.strerror}",
            hint="name one file; a folder is indexed by ragflow run",
        ) from error
    kind = read_as(media_type(data[:HEAD], file.name))
    with results() as out:
        content = parse(Document.of(data, kind), ParseOptions(languages=languages, ocr=ocr))
        parsed = _parsed(content, str(file), kind)
        if as_json:
            out.json(parsed)
        else:
            out.line(parsed_text(parsed, width=out.width))


def _parsed(content: "Content", file: str, media_type: str) -> Any:
    from ragflow.parsing.quality import signals

    elements = [
        {
            "kind": each.kind,
            "level": each.level,
            "start": each.start,
            "end": each.end,
            "page": each.page,
            "boxes": plain(each.boxes),
            "box_pages": [page for page, _ in content.boxes_of(each.start, each.end)],
            "language": each.language,
            "obtained": each.obtained,
            "confidence": each.confidence,
            "cells": plain(each.cells),
            "text": content.text[each.start : each.end],
        }
        for each in content.elements
    ]
    pages = [
        {"number": page.number, "start": page.start, "end": page.end, "size": plain(page.size)}
        for page in content.pages
    ]
    return enveloped(
        file=file,
        media_type=media_type,
        title=content.title,
        language=content.language,
        characters=len(content.text),
        quality=plain(signals(content)),
        notes=list(content.notes),
        pages=pages,
        elements=elements,
    )
