"""From the bytes of a document to its text and structure."""

from ragflow.core.durations import minutes
from ragflow.core.items import Draft, Item, Part
from ragflow.core.resource_use import resource
from ragflow.core.retry import Retry
from ragflow.core.secret_reference import Secret
from ragflow.core.task import task
from ragflow.documents import Content, Document, Scan
from ragflow.errors import TimedOutError
from ragflow.interfaces.ingestion import Ocr, ParseOptions, Passwords

#: Bytes of a document up to which what reads it cannot take long.
_SMALL = 256 * 1024


def _is_harmless(document: Document) -> bool:
    """Tell whether nothing a document holds can break or hold up what reads it."""
    from ragflow.parsing.reading import is_plain

    return document.size <= _SMALL and is_plain(document.media_type)


# Which passwords there are is no part of what a document says.
@resource(identity=lambda: "keyring")
def keyring(passwords: Secret | None = None) -> Passwords:
    """Hold the passwords that a secret tells, one a line."""
    # A secret stands for the text that it is resolved to.
    return Passwords.of(str(passwords)) if passwords else Passwords()


@task(
    version="2",
    retries=0,
    executor="processes",
    timeout=minutes(5),
    memory_limit="512 MiB",
    output_limit="256 MiB",
    network=False,
    strict=False,
)
def recognize(
    scan: Item[Scan],
    document: Document,
    *,
    languages: str = "eng",
    ocr: Ocr = True,
    passwords: Secret | None = None,
    keyring: Passwords = keyring,  # type: ignore[assignment]
) -> Content:
    """Read what is written on one page of a document.

    Remembered by what is drawn on the page alone: wherever else it is met, it was read. Raises
    `SkipDocument` when a program is missing, `ParseError` when the page cannot be read,
    `RetryTask` when that took too long.
    """
    from ragflow.parsing.reading import recognize as read_page

    del passwords  # they are in the keyring
    options = ParseOptions(languages=languages, ocr=ocr, passwords=keyring)
    return read_page(document, scan.envelope["page"], options)


@task(version="2")
def assemble(content: Content, pages: list[Part[Content | None]]) -> Content:
    """Put what was read on pages into their document, and note which could not be read.

    Raises `SkipDocument` when there is no text at all.
    """
    from ragflow.parsing.scans import with_pages

    return with_pages(content, pages)


@task(
    version="5",
    parts=recognize,
    whole=assemble,
    executor="processes",
    timeout=minutes(5),
    memory_limit="512 MiB",
    output_limit="256 MiB",
    network=False,
    # It would take as long again: the same bytes are read the same way.
    retries=Retry(give_up_on=(TimedOutError,)),
    trusted=_is_harmless,
    strict=False,
)
def extract(
    document: Document,
    *,
    languages: str = "eng",
    ocr: Ocr = True,
    passwords: Secret | None = None,
    keyring: Passwords = keyring,  # type: ignore[assignment]
) -> Content | Draft[Content, Scan]:
    """Read the text of a document, with page and position; OCR where there is none.

    Pages without text are read by themselves, by `recognize`: each is remembered, fails and is
    tried again alone, and the rest of the document is served without it.

    `ocr` names what recognizes text: ``"tesseract"``, which True stands for, or ``"rapidocr"``, an
    extra with models of its own; with False nothing does. `languages` are Tesseract's names
    joined by ``+``. `passwords` names a secret with passwords,
    one a line, that are tried on documents that are encrypted; it counts by its name, and a
    document that none of them opens is tried again in every run. Raises `SkipDocument` when there
    is nothing to read or a program is missing, `ParseError` when the bytes are damaged.

    Documents and pages are read in worker processes without network, with at most 5 minutes and
    512 MiB of memory each; small plain texts stay in the process of the run. What a system cannot
    keep of that is left out there. ``extract.options(executor="threads")`` reads all of them in
    the process of the run, without limits.
    """
    from ragflow.parsing.reading import draft

    del passwords  # they are in the keyring
    return draft(document, ParseOptions(languages=languages, ocr=ocr, passwords=keyring))
