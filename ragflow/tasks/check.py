"""Documents that were read too badly to be worth finding are kept out."""

from typing import Literal

from ragflow.core.task import task
from ragflow.documents import Content
from ragflow.errors import DocumentError, SkipDocument
from ragflow.parsing.quality import Quality, Share

#: The code of what is worse than a threshold.
POOR = "poor_quality"


@task(version="1")
def check(
    content: Content,
    *,
    empty_pages: Share | None = None,
    odd_characters: Share | None = None,
    ocr_confidence: Share | None = None,
    duplicates: Share | None = None,
    otherwise: Literal["fail", "skip"] = "fail",
) -> Content:
    """Let through what was read well enough, and nothing else; what is not named is not asked.

    At most `empty_pages` of the pages may be empty, `odd_characters` of the characters mean
    nothing and `duplicates` of the text repeat what stands before; what was recognized must
    have a mean confidence of at least `ocr_confidence`. All are from 0 to 1.

    A document that is worse fails and keeps its last good rows, and counts for ``max_failed``,
    which so halts a run in which too many are. With ``otherwise="skip"`` it is skipped, and has
    no rows. Either reason names the signal and its value; `code` is ``poor_quality``.
    """
    faults = Quality(
        empty_pages=empty_pages,
        odd_characters=odd_characters,
        ocr_confidence=ocr_confidence,
        duplicates=duplicates,
    ).faults(content)
    if not faults:
        return content
    sentence = "; ".join(faults)
    if otherwise == "skip":
        raise SkipDocument(sentence, code=POOR)
    raise DocumentError(
        sentence, code=POOR, hint="`ragflow parse FILE` shows what was read, element by element"
    )
