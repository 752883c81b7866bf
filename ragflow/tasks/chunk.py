"""From the text of a document to pieces small enough to embed."""

import re
from pathlib import Path
from typing import Any

from ragflow.core.items import Part
from ragflow.core.resource_use import resource
from ragflow.core.task import task
from ragflow.documents import Chunk, Content
from ragflow.embedding.model_spec import load_spec
from ragflow.interfaces.ingestion import Tokenizer

#: Tokens below which a chunk finds little; a title and a blank line are no chunk of their own.
MINIMUM = 32
#: What Markdown draws around a heading: ``# Title #``, or a line of ``=`` or ``-`` below it.
_MARKS = re.compile(r"^#{1,6}\s+|\s+#+$|\s+(?:=+|-+)$")


def _reading(model: str, model_folders: tuple[str, ...] = ()) -> dict[str, Any]:
    spec = load_spec(model, folders=map(Path, model_folders))
    space = spec.identity()
    counts = ("name", "kind", "digest", "revision", "limit", "prompts")
    return {name: space[name] for name in counts if name in space}


@resource(identity=_reading)
def tokenizer(model: str, model_folders: tuple[str, ...] = ()) -> Tokenizer:
    """Open the tokenizer of a model, which says how much it reads."""
    from ragflow.embedding.opening import open_tokenizer

    return open_tokenizer(load_spec(model, folders=map(Path, model_folders)))


@task(version="3")
def chunk(
    content: Content,
    *,
    model: str = "all-minilm-l6-v2",
    size: int = 0,
    minimum: int = MINIMUM,
    whole: bool = False,
    llm: str = "",
    tokenizer: Tokenizer = tokenizer,  # type: ignore[assignment]
) -> list[Part[Chunk]]:
    """Cut a text along headings and paragraphs, never longer than the model reads.

    Where else it is cut depends on the words around a place, so an edit leaves chunks that are
    away from it as they were. In prose, white space counts for nothing: a chunk is its words,
    and the exact slice travels beside it as ``text``, which is what a hit shows. So does where it
    stands: its span in the source's text, whatever `Content.replace` did since, and its
    ``boxes``, each (page, left, top, right, bottom) in points. What was recognized says
    ``obtained: ocr`` and how surely.

    `size` is the most tokens of a chunk, 0 for as many as the model reads; `minimum` the
    fewest, where a section has more; it is at most half of `size`. With `whole` the document
    is one chunk, and the payload says ``truncated`` where the model would not read all
    of it. `llm` names an encoding of tiktoken (``cl100k_base``): the payload then says how many
    ``llm_tokens`` each chunk costs in a prompt. Raises
    `ParameterError` for a size the model does not allow.
    """
    from ragflow.chunking.boundaries import cut, cut_whole
    from ragflow.embedding.budget import LlmBudget

    del model  # it chose the tokenizer
    if whole:
        cuts = cut_whole(content, tokenizer, size=size)
    else:
        # What is asked for stands; the default bows to a small size.
        least = min(minimum, size // 2) if size and minimum == MINIMUM else minimum
        cuts = cut(content, tokenizer, size=size, minimum=least)
    budget = LlmBudget(llm) if llm else None
    parts = []
    for each in cuts:
        exact = content.text[each.start : each.end]
        envelope = _place(content, each.start, each.end)
        if exact != each.text:
            envelope["text"] = exact
        if each.page is not None:
            envelope["page"] = each.page
        if each.headings:
            envelope["headings"] = [_MARKS.sub("", heading) for heading in each.headings]
        if each.truncated:
            envelope["truncated"] = True
        if budget is not None:
            envelope["llm_tokens"] = budget.count(exact)
        parts.append(Part(Chunk(each.text), envelope))
    return parts


def _place(content: Content, start: int, end: int) -> dict[str, Any]:
    """Return where in its source a slice of a text stands, and how it was obtained."""
    first, last = content.source_span(start, end)
    found: dict[str, Any] = {"start": first, "end": last}
    boxes = [[page, *box] for page, box in content.boxes_of(start, end) if page is not None]
    if boxes:
        found["boxes"] = boxes
    recognized = [e for e in content.elements_in(start, end) if e.obtained == "ocr"]
    if recognized:
        found["obtained"] = "ocr"
    sure = [(e.end - e.start, e.confidence) for e in recognized if e.confidence is not None]
    if sure:
        letters = sum(length for length, _ in sure)
        found["confidence"] = round(sum(n * each for n, each in sure) / letters, 4)
    return found
