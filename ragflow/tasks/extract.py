"""From the bytes of a document to its text and structure."""

from ragflow.core.resource_use import resource
from ragflow.core.secret_reference import Secret
from ragflow.core.task import task
from ragflow.documents import Content, Document
from ragflow.interfaces.ingestion import ParseOptions, Passwords


# Which passwords there are is no part of what a document says.
@resource(identity=lambda: "keyring")
def keyring(passwords: Secret | None = None) -> Passwords:
    """Hold the passwords that a secret tells, one a line."""
    # A secret stands for the text that it is resolved to.
    return Passwords.of(str(passwords)) if passwords else Passwords()


@task(version="4")
def extract(
    document: Document,
    *,
    languages: str = "eng",
    ocr: bool = True,
    passwords: Secret | None = None,
    keyring: Passwords = keyring,  # type: ignore[assignment]
) -> Content:
    """Read the text of a document, with page and position; OCR where there is none.

    `languages` are Tesseract's names joined by ``+``. `passwords` names a secret with passwords,
    one a line, that are tried on documents that are encrypted; it counts by its name, and a
    document that none of them opens is tried again in every run. Raises `SkipDocument` when there
    is nothing to read or a program is missing, `ParseError` when the bytes are damaged.
    """
    from ragflow.parsing.reading import parse

    del passwords  # they are in the keyring
    return parse(document, ParseOptions(languages=languages, ocr=ocr, passwords=keyring))
