"""Why may a document not be read? The closed list, and the two errors built from it."""

from enum import StrEnum

from ragflow.errors import ParseError, SkipDocument


class Reason(StrEnum):
    """The code of a document that gave no content."""

    EMPTY = "empty"  #: it has no bytes, or nothing but white space
    UNSUPPORTED_TYPE = "unsupported_type"  #: no parser reads documents of its type
    ENCRYPTED = "encrypted"  #: it opens only with a password
    NO_TEXT = "no_text"  #: it was read whole, and neither text nor writing was in it
    OCR_OFF = "ocr_off"  #: it consists of images, and the caller asked for no OCR
    OCR_MISSING = "ocr_missing"  #: it consists of images, and Tesseract is not installed
    LANGUAGE_MISSING = "language_missing"  #: Tesseract lacks a language that was asked for
    LIBRARY_MISSING = "library_missing"  #: what reads its type is an extra that is not installed
    OCR_FAILED = "ocr_failed"  #: what recognizes text gave up
    OCR_SLOW = "ocr_slow"  #: recognizing the text took too long; it may do better another time
    TOO_LARGE = "too_large"  #: it goes beyond a limit that protects the machine
    EXHAUSTED = "exhausted"  #: reading it took more memory or a deeper stack than there is
    DAMAGED = "damaged"  #: its bytes are not what they claim to be


def skipped(
    reason: Reason, sentence: str, *, requirement: str | None = None, hint: str | None = None
) -> SkipDocument:
    """Return the error that says there is nothing to be done for a document."""
    return SkipDocument(sentence, code=reason.value, requirement=requirement, hint=hint)


def encrypted(what: str, *, told: int) -> SkipDocument:
    """Return the error that says a document opens only with a password.

    `told` is how many passwords were tried. Whether one of them is another by the next run
    shows only by trying, so then it waits for that.
    """
    if not told:
        return skipped(
            Reason.ENCRYPTED,
            f"{what} is encrypted and cannot be opened without its password",
            hint="name where its password is kept, as in"
            ' extract(documents, passwords=Secret("env:PASSWORDS")), or save it without one',
        )
    return skipped(
        Reason.ENCRYPTED,
        f"{what} is encrypted, and no password that was told opens it",
        requirement="password:another",
        hint="add its password, on a line of its own, to those that passwords= refers to",
    )


def unreadable(reason: Reason, sentence: str, *, hint: str | None = None) -> ParseError:
    """Return the error that says the bytes of a document could not be read."""
    return ParseError(sentence, code=reason.value, hint=hint)
