"""How does the source of a chunk read?"""

from collections.abc import Mapping
from typing import Any

from ragflow.views.listings import VERSION_DIGITS
from ragflow.views.rendering import lines_of, pairs, render


def citation_text(passage: Mapping[str, Any], *, width: int | None = None) -> str:
    """Return where a chunk comes from, then its exact text.

    `passage` is a `Passage` of ``ragflow.api.citations`` as plain values.
    """
    span = "" if passage["start"] is None else f"{passage['start']}-{passage['end']}"
    facts = [
        ("document", passage["key"]),
        ("collection", passage["collection"]),
        ("source", passage["source"]),
        ("page" if len(passage["pages"]) < 2 else "pages", ", ".join(map(str, passage["pages"]))),
        ("characters", span),
        ("headings", " > ".join(passage["headings"])),
        ("obtained", _obtained(passage)),
        ("version", (passage["version"] or "")[:VERSION_DIGITS]),
        ("now", _now(passage)),
        ("chunk", passage["id"]),
    ]
    told = render(pairs([fact for fact in facts if fact[1]]), width=width)
    return f"{told}\n\n{lines_of(passage['text'])}"


def _obtained(passage: Mapping[str, Any]) -> str:
    if passage["obtained"] != "ocr":
        return "from its text"
    sure = passage["confidence"]
    return "by OCR" + ("" if sure is None else f", with a confidence of {sure:.2f}")


def _now(passage: Mapping[str, Any]) -> str:
    if passage["is_current"] is None:
        return f"cannot be read: {passage['problem']}"
    return "as it was indexed" if passage["is_current"] else "changed since it was indexed"
