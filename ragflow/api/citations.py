"""Where does a chunk stand in its document, and how does that place look?"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ragflow.api.explaining import Known
from ragflow.api.repairs import requests_of
from ragflow.core.reasons import KnownEnd, KnownOwner, RowHolder
from ragflow.core.records import Loaded
from ragflow.core.states import GenerationState
from ragflow.documents import Box, Document
from ragflow.errors import NotFoundError, RagflowError, UsageError
from ragflow.interfaces.ingestion import StoredRow
from ragflow.runtime.home import Home
from ragflow.runtime.known_collections import TARGET
from ragflow.runtime.remembered import load_now


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """A box on a page: (left, top, right, bottom) in points from the page's top left corner."""

    page: int
    box: Box


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk with everything that says where it comes from."""

    #: Id of the row.
    id: str
    collection: str
    #: Key of the document.
    key: str
    source: str
    instance: str
    #: Its pages, in order; empty where the format has none.
    pages: Sequence[int]
    #: Character span in the document's text, before anything was replaced in it.
    start: int | None
    end: int | None
    headings: Sequence[str]
    text: str
    #: ``text`` or ``ocr``.
    obtained: str
    #: Mean confidence of OCR; None where nothing was recognized.
    confidence: float | None
    boxes: Sequence[Marked]
    #: Hex of the fingerprint of the content it was cut from.
    version: str | None
    #: Whether the source still gives that content; None where it cannot be asked.
    is_current: bool | None
    #: Why it cannot, in a sentence.
    problem: str | None = None


class Citation:
    """A chunk's passage, and the pages it stands on; shown as an image in Jupyter.

    It has the document at hand, so its pages can be drawn whatever happens to the source.
    """

    def __init__(self, passage: Passage, document: Document | None) -> None:
        self.passage = passage
        self._document = document

    def pages(self, *, passwords: Sequence[str] = ()) -> dict[int, bytes]:
        """Return each page it stands on, from 1, as a PNG image with its boxes drawn over it.

        Of `passwords` the first that fits opens an encrypted document. Raises `UsageError` where
        there is nothing to draw: the format has no pages, or the document is gone or changed
        since; and `DocumentError` where it cannot be drawn.
        """
        from ragflow.parsing.drawing import drawn_pages

        passage = self.passage
        if not passage.boxes:
            raise UsageError(
                f"chunk {passage.id} stands on no page that can be drawn",
                hint="leave the image out: its format has no pages, only the span "
                f"{passage.start}-{passage.end} of its text"
                if not passage.pages
                else "index the document again: it was indexed before boxes were kept",
            )
        if self._document is None:
            raise UsageError(
                f"{passage.key!r} cannot be read now: {passage.problem}",
                hint="leave the image out to see what was indexed",
            )
        if not passage.is_current:
            raise UsageError(
                f"{passage.key!r} changed since chunk {passage.id} was cut from it",
                hint="refresh the index with `ragflow run`, and ask again",
            )
        marked: dict[int, list[Box]] = {}
        for each in passage.boxes:
            marked.setdefault(each.page, []).append(each.box)
        return drawn_pages(self._document, marked, passwords)

    def save(self, path: Path | str, *, passwords: Sequence[str] = ()) -> list[Path]:
        """Write the pages as PNG files and return where: one is `path` itself.

        Of several each has its page's number at the end of its name: ``out-3.png``. Raises as
        `pages` does, and `UsageError` for a name that does not end in ``.png``.
        """
        path = Path(path)
        if path.suffix.lower() != ".png":
            raise UsageError(f"{path.name!r} is no name of a PNG image", hint="write out.png")
        pages = self.pages(passwords=passwords)
        written = []
        for number, page in pages.items():
            name = path if len(pages) == 1 else path.with_stem(f"{path.stem}-{number}")
            try:
                name.write_bytes(page)
            except OSError as error:
                raise UsageError(
                    f"the image {str(name)!r} cannot be written: {error.strerror}",
                    hint="name a file in a folder that is there",
                ) from error
            written.append(name)
        return written

    def _repr_png_(self) -> bytes | None:
        try:
            return next(iter(self.pages().values()), None)
        except RagflowError:
            return None  # the text says why

    def __repr__(self) -> str:
        from ragflow.views.citations import citation_text

        return citation_text(msgspec.to_builtins(self.passage))


def cite(home: Home, chunk: str, *, collection: str | None = None) -> Citation:
    """Return the citation of a chunk: its id, or the first digits of it that no other has.

    As the published generation of its collection has it. Its document is loaded from its
    source, to see whether it is still what the chunk was cut from. Raises `NotFoundError` for
    an id that nobody has and `UsageError` for one that several have.
    """
    known = Known(home)
    found = list(_rows(known, chunk, collection))
    if not found:
        where = "" if collection is None else f" in {collection}"
        raise NotFoundError(
            f"there is no chunk {chunk!r}{where}",
            hint="`ragflow query COLLECTION TEXT` prints the ids of what it finds",
        )
    owner, end, row = found[0]
    loaded, problem = _loaded(home, owner)
    is_current = None if loaded is None else loaded.content == (end.served_content or b"")
    document = loaded.value if loaded is not None and isinstance(loaded.value, Document) else None
    passage = _passage(owner, end, row, is_current=is_current, problem=problem)
    return Citation(passage, document)


def _rows(
    known: Known, chunk: str, collection: str | None
) -> Iterator[tuple[KnownOwner, KnownEnd, StoredRow]]:
    holders: Sequence[RowHolder] = known.rows(chunk.lower(), known.instances(None))
    for holder in holders:
        owner = known.store.reasons.owner(holder.owner)
        ends = known.store.reasons.ends(holder.owner) if owner else []
        for end in ends:
            is_here = end.generation == holder.generation and end.target == TARGET
            if not is_here or end.generation_state != GenerationState.PUBLISHED:
                continue
            if collection not in (None, end.place):
                continue
            assert owner is not None
            for row in known.home.vectors.get(end.physical, [holder.row]):
                yield owner, end, row


def _loaded(home: Home, owner: KnownOwner) -> tuple[Loaded | None, str | None]:
    try:
        return load_now(home, owner, requests_of(home)), None
    except (OSError, RagflowError) as error:
        return None, str(error)


def _passage(
    owner: KnownOwner,
    end: KnownEnd,
    row: StoredRow,
    *,
    is_current: bool | None,
    problem: str | None,
) -> Passage:
    payload = row.payload
    boxes = list(_boxes(payload.get("boxes")))
    pages = {payload["page"]} if isinstance(payload.get("page"), int) else set()
    confidence = payload.get("confidence")
    return Passage(
        id=row.id,
        collection=end.place,
        key=owner.key,
        source=owner.source,
        instance=owner.instance,
        pages=sorted(pages | {each.page for each in boxes}),
        start=payload.get("start"),
        end=payload.get("end"),
        headings=list(payload.get("headings", ())),
        text=row.text,
        obtained=str(payload.get("obtained", "text")),
        confidence=confidence if isinstance(confidence, float) else None,
        boxes=boxes,
        version=None if end.served_content is None else end.served_content.hex(),
        is_current=is_current,
        problem=problem,
    )


def _boxes(kept: Any) -> Iterator[Marked]:
    """Yield the boxes of a payload; a task of the user's may have put anything there."""
    for each in kept if isinstance(kept, list | tuple) else ():
        if isinstance(each, list | tuple) and len(each) == 5:
            page, left, top, right, bottom = each
            yield Marked(page=int(page), box=(left, top, right, bottom))
