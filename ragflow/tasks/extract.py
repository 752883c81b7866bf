"""From the bytes of a document to its text and structure."""

from ragflow.core.durations import minutes
from ragflow.core.retry import Retry
from ragflow.core.task import task
from ragflow.documents import Content, Document
from ragflow.errors import TimedOutError
from ragflow.interfaces.ingestion import ParseOptions

#: Bytes of a document up to which what reads it cannot take long.
_SMALL = 256 * 1024


def _is_harmless(document: Document) -> bool:
    """Tell whether nothing a document holds can break or hold up what reads it."""
    from ragflow.parsing.reading import is_plain

    return document.size <= _SMALL and is_plain(document.media_type)


@task(
    version="3",
    executor="processes",
    timeout=minutes(10),
    memory_limit="512 MiB",
    output_limit="256 MiB",
    network=False,
    # It would take as long again: the same bytes are read the same way.
    retries=Retry(give_up_on=(TimedOutError,)),
    trusted=_is_harmless,
    strict=False,
)
def extract(document: Document, *, languages: str = "eng", ocr: bool = True) -> Content:
    """Read the text of a document, with page and position; OCR where there is none.

    `languages` are Tesseract's names joined by ``+``. Raises `SkipDocument` when there is
    nothing to read or a program is missing, `ParseError` when the bytes are damaged.

    Documents are read in worker processes without network, with at most 10 minutes and 512 MiB
    of memory each; small plain texts stay in the process of the run. What a system cannot keep
    of that is left out there. ``extract.options(executor="threads")`` reads all of them in the
    process of the run, without limits.
    """
    from ragflow.parsing.reading import parse

    return parse(document, ParseOptions(languages=languages, ocr=ocr))
