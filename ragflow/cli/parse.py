"""``ragflow parse``: what would be indexed of a file, without a home."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragflow.cli.options import Json, PasswordsIn, passwords_in
from ragflow.cli.output import enveloped, plain, results
from ragflow.errors import NotFoundError

if TYPE_CHECKING:
    from ragflow.documents import Content


def parse_file(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The file to read, or what it holds: a.zip!/b.md."),
    ],
    *,
    languages: Annotated[
        str, typer.Option(help="Languages for OCR, as Tesseract names them, joined by +.")
    ] = "eng",
    ocr: Annotated[bool, typer.Option(help="Recognize pages without text.")] = True,
    passwords: PasswordsIn = "",
    as_json: Json = False,
) -> None:
    """Show what would be indexed of a file, and what it holds."""
    from ragflow.documents import Document
    from ragflow.interfaces.ingestion import ParseOptions
    from ragflow.parsing.media_types import HEAD, media_type, read_as
    from ragflow.parsing.reading import parse
    from ragflow.views.parsed import parsed_text

    data = _read(str(file))
    kind = read_as(media_type(data[:HEAD], file.name))
    keyring = passwords_in(passwords)
    with results() as out:
        options = ParseOptions(languages=languages, ocr=ocr, passwords=keyring)
        content = parse(Document.of(data, kind), options)
        parsed = _parsed(content, str(file), kind, _holds(data, kind))
        if as_json:
            out.json(parsed)
        else:
            out.line(parsed_text(parsed, width=out.width))


def _read(file: str) -> bytes:
    """Return the bytes of a file, or of a document that it holds."""
    from ragflow.interfaces.unpacking import INSIDE

    if INSIDE in file and not Path(file).exists():
        from ragflow.parsing.containers.shelf import Shelf

        data = Shelf(_bytes).take(file, lambda _: True)
        if data is None:
            container = file.rpartition(INSIDE)[0]
            hint = f"`ragflow parse '{container}'` names what it holds"
            raise NotFoundError(f"there is no document {file!r}", hint=hint)
        return data
    return _bytes(file)


def _bytes(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"the file {file!r} cannot be read: {error.strerror}",
            hint="name one file; a folder is indexed by ragflow run",
        ) from error


def _holds(data: bytes, kind: str) -> list[dict[str, Any]]:
    """Return the documents that one holds; of those that are not read, why."""
    from ragflow.parsing.containers.kinds import CONTAINERS
    from ragflow.parsing.containers.scanning import scan

    if kind not in CONTAINERS:
        return []
    found = scan(data, kind)
    held = [
        {"name": each.name, "size": each.size, "left_out": each.skip[1] if each.skip else None}
        for each in found.held
    ]
    if found.skip is not None:
        held.append({"name": "(more)", "size": 0, "left_out": f"the archive {found.skip[1]}"})
    return held


def _parsed(content: "Content", file: str, media_type: str, holds: list[dict[str, Any]]) -> Any:
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
        holds=holds,
    )
